//go:build interop

package interop

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/examples/engine/tokenizer"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// TestTokenizers compares the example engine's tokenizers with the library that defines them, on some 73,000 texts.
func TestTokenizers(t *testing.T) {
	setup := exec.Command("./setup-tokenizers.sh")
	setup.Stderr = os.Stderr
	python, err := setup.Output()
	if err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"byte-level":    filepath.Join(testkit.Root(t), "models", "harbor-tiny", "tokenizer.json"),
		"SentencePiece": testkit.Vectors(t, "models", "stories260k-hf", "tokenizer.json"),
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(strings.TrimSpace(string(python)), "tokenizer_texts.py", path)
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			var want struct {
				Texts []string `json:"texts"`
				IDs   [][]int  `json:"ids"`
			}
			if err := json.Unmarshal(out, &want); err != nil || len(want.Texts) < 70_000 || len(want.IDs) != len(want.Texts) {
				t.Fatalf("%v, %d texts", err, len(want.Texts))
			}
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			tok, err := tokenizer.ParseHF(data, "")
			if err != nil {
				t.Fatal(err)
			}
			wrong := 0
			for i, text := range want.Texts {
				if got := tok.Encode(text); !slices.Equal(got, want.IDs[i]) {
					if wrong++; wrong <= 5 {
						t.Errorf("%q: %v, theirs %v", text, got, want.IDs[i])
					}
				}
			}
			if wrong > 0 {
				t.Errorf("%d of %d texts differ", wrong, len(want.Texts))
			}
		})
	}
}
