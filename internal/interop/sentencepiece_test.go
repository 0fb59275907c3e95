//go:build interop

package interop

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/mbom/format"
	"github.com/holdfast-ai/holdfast/mbom/format/sentencepiece"
)

// What SentencePiece trains and what Mistral publishes is recognised; and what is accepted of ten thousand damaged tokenizers
// does not harm the library, which loads and uses it. Version 0.2.0 reads out of bounds (CVE-2026-1260) for some of those that are refused.
func TestSentencePiece(t *testing.T) {
	setup := exec.Command("./setup-sentencepiece.sh")
	setup.Stderr = os.Stderr
	out, err := setup.Output()
	if err != nil {
		t.Fatal(err)
	}
	python := func(verb, dir string) string {
		t.Helper()
		cmd := exec.Command(strings.TrimSpace(string(out)), "sentencepiece_models.py", verb, dir)
		cmd.Stderr = os.Stderr
		text, err := cmd.Output()
		if err != nil {
			t.Fatal(verb, err)
		}
		return string(text)
	}
	dir := t.TempDir()
	python("make", dir)
	kinds := map[format.Kind]int{}
	var small []byte
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := e.Name()
		if !strings.Contains(name, ".model") && !strings.HasPrefix(name, "tekken") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		head := data[:min(len(data), format.HeadSize)]
		kind := format.Detect(head, int64(len(data)))
		if cut := format.Detect(data[:len(data)/2], int64(len(data))); cut != kind {
			t.Errorf("%s looks like %s, its first half like %s", name, kind, cut)
		}
		kinds[kind]++
		if name == "unigram-nmt_nfkc.model" {
			small = data
		}
	}
	if kinds[format.SentencePiece] != 16+5 || kinds[format.JSON] != 2 || len(kinds) != 2 {
		t.Fatal(kinds)
	}

	rng, accepted, harmless := rand.New(rand.NewPCG(1, 2)), 0, t.TempDir()
	for i := range 10_000 {
		data := slices.Clone(small)
		for range 1 + rng.IntN(3) {
			data[rng.IntN(len(data))] = byte(rng.Uint32())
		}
		if sentencepiece.Check(data) != nil {
			continue
		}
		if accepted++; accepted <= 300 {
			if err := os.WriteFile(filepath.Join(harmless, fmt.Sprintf("%d.spm", i)), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	loaded := strings.Count(python("load", harmless), "\n")
	t.Logf("%v; of 10000 damaged ones %d are accepted, of 300 of which %d load", kinds, accepted, loaded)
	if accepted < 300 || loaded < 100 {
		t.Error("too few to tell")
	}
}
