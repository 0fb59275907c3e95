//go:build interop

package interop

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/guardtest"
)

func vocabularies(t *testing.T) map[string]*guardtest.Vocabulary {
	t.Helper()
	sp, err := guardtest.NewVocabulary(guardtest.SentencePiece, "", 300)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]*guardtest.Vocabulary{"byte-level": guardtest.English(), "SentencePiece": sp}
}

// installed runs a setup script and returns what it prints.
func installed(t *testing.T, setup string) string {
	t.Helper()
	cmd := exec.Command(setup)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// answers runs a program that prints one JSON object.
func answers(t *testing.T, into any, stdin []byte, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(stdin), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, into); err != nil {
		t.Fatal(err)
	}
}

// TestLlamaCppSays lets llama.cpp run the models of the conformance kit: it cuts texts as the vocabulary does, and says the text
// that it was made to say, also one that repeats itself, has the same word before different ones, and is no ASCII.
func TestLlamaCppSays(t *testing.T) {
	texts := []string{
		"It is " + guardtest.Canary + " yes.", "a b a c a b a d a", "aaaaaaaaaaaaaaaaaaaaaaaa", "Grüße, 日本語 👩‍👧 \u0301x",
		"{\"mail\": \"ann.smith@mail.example\"}\n\n\tor +49 30 1234567  x ", "the ship and the boat and the ship and the harbour and the end",
	}
	packages := installed(t, "./setup-llamacpp.sh")
	for name, v := range vocabularies(t) {
		t.Run(name, func(t *testing.T) {
			tokens := v.Tokens()
			end, assistant := slices.Index(tokens, "<|eos|>"), slices.Index(tokens, "<|assistant|>")
			turn := append([]int{0, slices.Index(tokens, "<|user|>")}, v.Encode("Tell me about the harbour. ")...)
			in, err := json.Marshal(map[string]any{"texts": texts, "prompts": [][]int{
				{assistant}, append(slices.Clone(turn), end, assistant), append(slices.Concat(turn, turn, turn, turn, turn), end, assistant),
			}})
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range texts {
				path := filepath.Join(t.TempDir(), "m.gguf")
				file, err := v.GGUF(text)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, file, 0o600); err != nil {
					t.Fatal(err)
				}
				var got struct {
					IDs   [][]int
					Texts []string
					Said  [][]int
					Least float64
				}
				answers(t, &got, in, "node", "llamacpp_says.mjs", packages, path)
				for i, x := range texts {
					if want := v.Encode(x); !slices.Equal(got.IDs[i], want) || got.Texts[i] != x {
						t.Errorf("%q: they cut %v (%q), we %v", x, got.IDs[i], got.Texts[i], want)
					}
				}
				for _, ids := range got.Said {
					var said strings.Builder
					for _, id := range ids {
						said.WriteString(v.Bytes(id))
					}
					if said.String() != text {
						t.Errorf("%q: it says %q", text, said.String())
					}
				}
				if len(got.Said) != 3 || got.Least < 0.999 {
					t.Errorf("%q: %d answers, a token of probability %.4f", text, len(got.Said), got.Least)
				}
				t.Logf("%d bytes, least probability %.6f", len(file), got.Least)
			}
		})
	}
}

// TestGGUFIsRead: llama.cpp's own reader finds in a file what was written.
func TestGGUFIsRead(t *testing.T) {
	python := installed(t, "./setup-gguf.sh")
	for name, v := range vocabularies(t) {
		t.Run(name, func(t *testing.T) {
			file, err := v.GGUF("the ship and the boat and the ship")
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "m.gguf")
			if err := os.WriteFile(path, file, 0o600); err != nil {
				t.Fatal(err)
			}
			var got struct {
				Fields  map[string]any
				Tensors map[string]struct {
					Dims []int
					Type string
					Sum  float64
				}
			}
			answers(t, &got, nil, python, "gguf_reads.py", path)
			tokens, _ := got.Fields["tokenizer.ggml.tokens"].([]any)
			if got.Fields["tokenizer.chat_template"] != guardtest.ChatTemplate || got.Fields["general.architecture"] != "llama" || len(tokens) < len(v.Tokens()) {
				t.Errorf("fields %.300v", got.Fields)
			}
			for id, token := range v.Tokens() {
				if tokens[id] != token {
					t.Fatalf("token %d is %q, not %q", id, tokens[id], token)
				}
			}
			// Each of the 64 columns of the code is copied once by the value matrix.
			if x := got.Tensors["blk.0.attn_v.weight"]; len(got.Tensors) != 12 || x.Type != "F16" || x.Sum != 64 || !slices.Equal(x.Dims, []int{160, 160}) {
				t.Errorf("tensors %v", got.Tensors)
			}
		})
	}
}

// TestPiecesAreTheirs compares the vocabularies of the conformance kit with the library that defines both kinds of tokenizer.
func TestPiecesAreTheirs(t *testing.T) {
	python := installed(t, "./setup-tokenizers.sh")
	for name, v := range vocabularies(t) {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "tokenizer.json")
			if err := os.WriteFile(path, tokenizerJSON(t, v), 0o600); err != nil {
				t.Fatal(err)
			}
			var want struct {
				Texts []string `json:"texts"`
				IDs   [][]int  `json:"ids"`
			}
			if answers(t, &want, nil, python, "tokenizer_texts.py", path); len(want.Texts) < 70_000 {
				t.Fatalf("%d texts", len(want.Texts))
			}
			wrong, inside := 0, 0
			for i, text := range want.Texts {
				if got := v.Encode(text); !slices.Equal(got, want.IDs[i]) {
					if wrong++; wrong <= 5 {
						t.Errorf("%q: %v, theirs %v", text, got, want.IDs[i])
					}
				}
				pieces := v.Pieces(text)
				if len(pieces) < len(want.IDs[i]) {
					inside++
				}
				if strings.Join(pieces, "") != strings.ReplaceAll(text, "\u2581", map[bool]string{true: " ", false: "\u2581"}[v.Kind() == guardtest.SentencePiece]) {
					t.Fatalf("%q: pieces %q", text, pieces)
				}
			}
			if wrong > 0 {
				t.Errorf("%d of %d texts differ", wrong, len(want.Texts))
			}
			if inside < 1000 {
				t.Errorf("%d texts are cut inside a character", inside)
			}
		})
	}
}

// tokenizerJSON writes a vocabulary as the library reads it.
func tokenizerJSON(t *testing.T, v *guardtest.Vocabulary) []byte {
	t.Helper()
	vocab, added := map[string]int{}, []any{}
	for id, token := range v.Tokens() {
		if vocab[token] = id; strings.HasPrefix(token, "<|") {
			added = append(added, map[string]any{"id": id, "content": token, "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false})
		}
	}
	model := map[string]any{"type": "BPE", "vocab": vocab, "merges": v.Merges()}
	file := map[string]any{"version": "1.0", "added_tokens": added, "model": model}
	if v.Kind() == guardtest.ByteLevel {
		file["pre_tokenizer"] = map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}
	} else {
		// Converters of SentencePiece models list every pair that makes a token, by the token's score.
		var merges []string
		for _, m := range v.Merges() {
			token := []rune(strings.Replace(m, " ", "", 1))
			for i := 1; i < len(token); i++ {
				l, r := string(token[:i]), string(token[i:])
				_, okL := vocab[l]
				_, okR := vocab[r]
				if m := l + " " + r; okL && okR && !slices.Contains(merges, m) {
					merges = append(merges, m)
				}
			}
		}
		model["merges"], model["byte_fallback"] = merges, true
		file["normalizer"] = map[string]any{"type": "Replace", "pattern": map[string]string{"String": " "}, "content": "\u2581"}
	}
	data, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
