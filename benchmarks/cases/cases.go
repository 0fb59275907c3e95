// Package cases holds the comparisons that gate and report measure. Each checks once, before it is timed, that subject and
// yardstick give the right result.
package cases

import (
	"errors"
	"regexp"
	"slices"

	"github.com/holdfast-ai/holdfast/benchmarks/ratio"
	"github.com/holdfast-ai/holdfast/sign"
)

// ErrProcessor means that a case is about instructions that this processor does not have.
var ErrProcessor = errors.New("not on this processor")

// All lists the constructors of the cases by their names.
func All() []Constructor {
	return slices.Concat([]Constructor{
		{"seal/decrypt/memory/64KiB", func() (ratio.Case, error) { return sealMemory(64<<10, "64KiB") }},
		{"seal/decrypt/memory/1MiB", func() (ratio.Case, error) { return sealMemory(1<<20, "1MiB") }},
		{"seal/decrypt/tink/memory/64KiB", func() (ratio.Case, error) { return sealTinkMemory(64<<10, "64KiB") }},
		{"seal/decrypt/tink/memory/1MiB", func() (ratio.Case, error) { return sealTinkMemory(1<<20, "1MiB") }},
		{"seal/decrypt/tink/memory/cores", sealTinkCores},
		{"seal/decrypt/tink/file/64KiB", func() (ratio.Case, error) { return sealTinkFile(64<<10, "64KiB") }},
		{"seal/decrypt/tink/file/1MiB", func() (ratio.Case, error) { return sealTinkFile(1<<20, "1MiB") }},
		{"seal/decrypt/workers2", sealWorkers},
		{"seal/encrypt/memory/64KiB", func() (ratio.Case, error) { return sealEncrypt(64<<10, "64KiB") }},
		{"seal/encrypt/memory/1MiB", func() (ratio.Case, error) { return sealEncrypt(1<<20, "1MiB") }},
		{"onepass/cpu", onePassCPU},
		{"onepass/wall", onePassWall},
		{"memory/ring/256KiB", memoryRing},
		{"sign/readinto", signReadInto},
		{"sign/verify/files", func() (ratio.Case, error) { return signVerify("sign/verify/files", 2, 4, 64<<20, 0) }},
		{"sign/verify/shards", func() (ratio.Case, error) { return signVerify("sign/verify/shards", 16, 4, 64<<20, 4<<20) }},
		{"sign/verify/many", func() (ratio.Case, error) { return signVerify("sign/verify/many", 16, 64, 4<<20, 0) }},
		{"sign/verify/standard", func() (ratio.Case, error) {
			return signVerify("sign/verify/standard", 1, 4, 64<<20, 0, sign.WithStandardHash())
		}},
		{"sign/serving", signServing},
		{"guard/chat/1KiB", guardChat},
		{"guard/chat/4KiB", guardProxy},
		{"guard/caller", guardCaller},
		{"guard/sse", guardSSE},
		{"guard/sse/flush", guardFlush},
		{"detect/1KiB", func() (ratio.Case, error) { return detectProse("detect/1KiB", 1<<10) }},
		{"detect/100KB", func() (ratio.Case, error) { return detectProse("detect/100KB", 100_000) }},
		{"detect/documents", func() (ratio.Case, error) { return detectRows("detect/documents", "own-corpus-documents") }},
		{"detect/markdown", func() (ratio.Case, error) { return detectRows("detect/markdown", "own-corpus-docs") }},
		{"guard/kserve/binary", guardBinary},
		{"attest/snp/simulated", snpSimulated},
		{"tensor/finite/64KiB", func() (ratio.Case, error) { return tensorFinite(64<<10, "64KiB") }},
		{"tensor/finite/64MiB", func() (ratio.Case, error) { return tensorFinite(64<<20, "64MiB") }},
	}, linearConstructors(), []Constructor{
		// Last: Coraza keeps 25 MB of rules for the life of the process, which the collections of every later case would mark.
		{"guard/coraza/4KiB", guardCoraza},
	})
}

// A Constructor sets up one case: keys, files and servers of its own.
type Constructor struct {
	Name string
	New  func() (ratio.Case, error)
}

// Matching returns the constructors whose names match re.
func Matching(re *regexp.Regexp) []Constructor {
	var out []Constructor
	for _, c := range All() {
		if re.MatchString(c.Name) {
			out = append(out, c)
		}
	}
	return out
}
