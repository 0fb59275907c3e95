package archtest

import (
	"slices"
	"strings"
)

// trees never import one another; only the root package, cmd, examples and benchmarks compose.
var trees = []string{"guard", "sign", "crypto", "attest", "mbom"}

// crossing lists the imports between trees that the design allows.
var crossing = map[string]string{"mbom": "sign/manifest"}

// composers are commands outside cmd that may use every tree.
var composers = []string{"internal/testkit/specvectors"}

func checkTrees(t *Tree) []Violation {
	return t.imported(func(f *File) bool { return slices.Contains(trees, f.Tree()) }, func(f *File, p string) string {
		dir, ok := local(p)
		switch {
		case !ok || first(dir) == f.Tree() || first(dir) == "internal":
			return ""
		case crossing[f.Tree()] == dir:
			return ""
		}
		return f.Tree() + " may import its own tree and internal only; composition belongs to the root package"
	})
}

// internalModules lists the internal packages that need another module, which packages of stdOnly must then not use.
var internalModules = map[string]string{
	"internal/memfd": "golang.org/x/sys/unix", // memfd_create and seals are not in the standard library, and differ by processor
}

// checkInternal keeps internal packages below all trees, and free of other modules, so that a package that says
// "standard library only" stays so through them.
func checkInternal(t *Tree) []Violation {
	return t.imported(func(f *File) bool {
		return f.Module == "." && f.Tree() == "internal" && !f.Test && !f.Main()
	}, func(f *File, p string) string {
		if standard(p) {
			return ""
		}
		if dir, ok := local(p); ok && first(dir) == "internal" {
			return ""
		}
		if under(p, internalModules[f.Dir]) {
			return ""
		}
		return "internal packages use the standard library and one another"
	})
}

// checkNested keeps nested modules on public packages, as their users are.
func checkNested(t *Tree) []Violation {
	return t.imported(func(f *File) bool { return f.Module != "." && f.Tree() != "internal" }, func(f *File, p string) string {
		if dir, ok := local(p); ok && first(dir) == "internal" {
			return "nested modules use public packages only"
		}
		return ""
	})
}

// importers names, for import paths that start with a prefix, the only directories whose packages may import them, tests aside.
var importers = []struct {
	prefix string
	dirs   []string
}{
	{"github.com/go-playground/validator", []string{"guard/api"}},
	{"gorgonia.org/", []string{"guard/tensor/gorgonia"}},
	{"github.com/sigstore/sigstore/", []string{"sign/bundle"}},
	{"github.com/youmark/pkcs8", []string{"sign/bundle"}},
	{"github.com/zeebo/blake3", []string{"sign/digest"}},
	{"golang.org/x/crypto/blake2b", []string{"sign/digest"}},
	{"github.com/sigstore/sigstore-go", []string{"sign/keyless"}},
	{"github.com/tink-crypto/tink-go/v2/streamingaead", []string{"crypto/seal"}},
	{"github.com/tink-crypto/tink-go", []string{"crypto", "cmd", "examples", "."}},
	{"github.com/google/go-sev-guest", []string{"attest/snp/sevguest"}},
	{"github.com/CycloneDX/cyclonedx-go", []string{"mbom/cyclonedx"}},
	{"github.com/spf13/", []string{"cmd"}},
	{"github.com/vbauerster/mpb", []string{"cmd"}},
	{"golang.org/x/term", []string{"cmd"}},
}

func checkImporters(t *Tree) []Violation {
	return t.imported(func(f *File) bool { return f.Module == "." && !f.Test }, func(f *File, p string) string {
		for _, r := range importers {
			if strings.HasPrefix(p, r.prefix) && !slices.ContainsFunc(r.dirs, func(d string) bool { return under(f.Dir, d) }) &&
				!slices.Contains(composers, f.Dir) {
				return "only " + strings.Join(r.dirs, " and ") + " may"
			}
		}
		return ""
	})
}

// stdOnly lists packages that promise the standard library alone (internal packages included, which promise it too),
// with their subdirectories except those listed in notStdOnly.
var (
	stdOnly    = []string{"guard/tensor", "sign/manifest", "attest/snp", "attest/nvgpu", "attest/tdx", "attest/azure", "attest/receipt", "crypto/secret"}
	notStdOnly = []string{"guard/tensor/gorgonia", "attest/snp/sevguest"}
	// leaves, without their subdirectories, import nothing of their own tree either.
	leaves = []string{"sign/manifest", "crypto/secret", "guard/tensor"}
)

func checkStdOnly(t *Tree) []Violation {
	in := func(list []string, f *File) bool {
		return slices.ContainsFunc(list, func(d string) bool { return under(f.Dir, d) })
	}
	return t.imported(func(f *File) bool { return !f.Test && in(stdOnly, f) && !in(notStdOnly, f) }, func(f *File, p string) string {
		dir, ok := local(p)
		switch {
		case standard(p):
			return ""
		case !ok || internalModules[dir] != "":
			return f.Dir + " uses the standard library only"
		case first(dir) != "internal" && slices.Contains(leaves, f.Dir):
			return f.Dir + " is a leaf"
		}
		return ""
	})
}
