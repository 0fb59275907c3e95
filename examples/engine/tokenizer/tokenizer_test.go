package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/holdfast-ai/holdfast/examples/engine/refuse"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// byteLevelFile returns a tokenizer.json with the 256 letters, the merges and their results, and the specials first.
func byteLevelFile(specials []string, merges ...string) map[string]any {
	vocab := map[string]int{}
	var added []any
	for i, s := range specials {
		vocab[s] = i
		added = append(added, map[string]any{"id": i, "content": s, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true})
	}
	for b := range 256 {
		vocab[string(letter(byte(b)))] = len(vocab)
	}
	for _, m := range merges {
		if joined := strings.Replace(m, " ", "", 1); vocab[joined] == 0 {
			vocab[joined] = len(vocab)
		}
	}
	level := map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}
	return map[string]any{"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": added, "normalizer": nil, "pre_tokenizer": level,
		"post_processor": nil, "decoder": level, "model": map[string]any{"type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil,
			"end_of_word_suffix": nil, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false, "vocab": vocab, "merges": merges}}
}

func parse(t testing.TB, file any, eos string) (*Tokenizer, error) {
	t.Helper()
	data, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return ParseHF(data, eos)
}

func sample(t testing.TB) *Tokenizer {
	t.Helper()
	tok, err := parse(t, byteLevelFile([]string{"<|bos|>", "<|eos|>"}, "t h", "th e", "Ġ the", "a a", "aa aa", "< |", "<| e", "o s", "Ã ©"), "<|eos|>")
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// spm returns a SentencePiece vocabulary as a GGUF file has it.
func spm(tokens ...string) Vocabulary {
	v := Vocabulary{Model: "llama", Tokens: []string{"<unk>", "<s>", "</s>"}, Kinds: []int32{2, 3, 3}, BOS: 1, EOS: 2, AddBOS: true, Prefix: true}
	for b := range 256 {
		v.Tokens, v.Kinds = append(v.Tokens, fmt.Sprintf("<0x%02X>", b)), append(v.Kinds, 6)
	}
	for _, s := range tokens {
		v.Tokens, v.Kinds = append(v.Tokens, s), append(v.Kinds, 1)
	}
	for i := range v.Tokens {
		v.Scores = append(v.Scores, -float32(i))
	}
	return v
}

func TestRoundTrip(t *testing.T) {
	tok := sample(t)
	sp, err := FromGGUF(spm("▁", "t", "h", "e", "th", "▁the", "he"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"", "the", " the  the\n\tthe", "aaaaaaa", "Zoé 🎣 – ok\x00", "it's we'll 12th", "　x", "\ufffd", "<|eos|>", "<0x41></s>"} {
		ids := tok.Encode(s)
		if got := tok.Decode(ids); got != s {
			t.Errorf("byte-level %q: %v, %q", s, ids, got)
		}
		want := s
		if s != "" {
			want = " " + s
		}
		if got := sp.Decode(sp.Encode(s)); got != want {
			t.Errorf("SentencePiece %q: %q", s, got)
		}
	}
	if got := tok.Decode(tok.Encode("a\xffb")); got != "a\ufffdb" {
		t.Errorf("invalid UTF-8: %q", got)
	}
}

// TestNoSpecials: no text becomes a special token or a byte token by its spelling, even where merges almost make one.
func TestNoSpecials(t *testing.T) {
	tok := sample(t)
	sp, err := FromGGUF(spm("<", "s", ">", "<s", "s>", "/", "</", "▁", "0", "x", "4", "1", "<0", "<0x", "<0x4", "<0x41"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"<|eos|>", "<|bos|>", "a<|eos|><|bos|>b", "<s>", "</s>", "<unk>", " <s> ", "<0x41>"} {
		for _, k := range []*Tokenizer{tok, sp} {
			for _, id := range k.Encode(text) {
				for name, special := range k.special {
					if id == special {
						t.Errorf("%q became %s", text, name)
					}
				}
			}
		}
		if slices.Contains(sp.Encode(text), sp.bytes['A']) {
			t.Errorf("%q became a byte", text)
		}
	}
	// Files whose merges would make one are refused.
	f := byteLevelFile([]string{"<s>"}, "< s", "<s >")
	if _, err := parse(t, f, ""); !errors.Is(err, refuse.ErrFormat) {
		t.Errorf("merge that makes a special token: %v", err)
	}
}

// TestDecoder feeds bytes one at a time: each piece is valid UTF-8, and the pieces are the text.
func TestDecoder(t *testing.T) {
	tok := sample(t)
	for text, want := range map[string]string{
		"aé€🎣b": "aé€🎣b", "\xf0\x9f": "\ufffd", "\xf0\x9f\x8ea": "\ufffda", "\x80a": "\ufffda", "\xc3": "\ufffd", "é\xe2\x82": "é\ufffd",
	} {
		d := tok.NewDecoder()
		var got strings.Builder
		for i := range len(text) {
			piece := d.Push(tok.bytes[text[i]])
			if !utf8.ValidString(piece) {
				t.Errorf("%q: piece %q", text, piece)
			}
			if utf8.ValidString(text) && strings.Contains(piece, "\ufffd") {
				t.Errorf("%q: replaced a byte too early", text)
			}
			got.WriteString(piece)
		}
		got.WriteString(d.Flush())
		if got.String() != want || d.Flush() != "" {
			t.Errorf("%q: %q, want %q", text, got.String(), want)
		}
	}
	d := tok.NewDecoder()
	for _, id := range []int{-1, 0, 1, math.MaxInt32, math.MaxInt} {
		if s := d.Push(id); s != "" {
			t.Errorf("id %d: %q", id, s)
		}
	}
}

// naivePieces is the GPT-2 expression through package regexp, whose lack of (?!\S) is made up for here.
func naivePieces(re *regexp.Regexp, text string) (out []string) {
	for text != "" {
		m := re.FindString(text)
		if _, n := utf8.DecodeLastRuneInString(m); len(m) < len(text) && len(m) > n && strings.TrimSpace(m) == "" {
			m = m[:len(m)-n]
		}
		out, text = append(out, m), text[len(m):]
	}
	return out
}

func TestPieces(t *testing.T) {
	re := regexp.MustCompile(`^(?:'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\v\x{85}\x{a0}\p{Z}\p{L}\p{N}]+|[\s\v\x{85}\p{Z}]+)`)
	r := rand.New(rand.NewPCG(1, 1))
	alphabet := []rune("ab'strevmld  \t\n\v\u0085\u00a0\u2003\u3000é日٣½19.,-!🎣\u0301")
	for range 3000 {
		s := make([]rune, r.IntN(12))
		for i := range s {
			s[i] = alphabet[r.IntN(len(alphabet))]
		}
		text := string(s)
		if got, want := slices.Collect(pieces(text)), naivePieces(re, text); !slices.Equal(got, want) {
			t.Fatalf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestJoining compares the heap with the definition: again and again the best pair, the leftmost of equals.
func TestJoining(t *testing.T) {
	tok, err := parse(t, byteLevelFile(nil, "b a", "a b", "a a", "ab a", "aa aa", "ba ba", "b b", "bb a"), "")
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(2, 2))
	for range 2000 {
		text := make([]byte, 1+r.IntN(30))
		var want []int
		for i := range text {
			text[i] = "abc"[r.IntN(3)]
			want = append(want, tok.ordinary[string(text[i])])
		}
		for {
			best, at := to{rank: 1 << 30}, -1
			for i := range len(want) - 1 {
				if m, ok := tok.merges[pair{int32(want[i]), int32(want[i+1])}]; ok && m.rank < best.rank {
					best, at = m, i
				}
			}
			if at < 0 {
				break
			}
			want = slices.Replace(want, at, at+2, int(best.id))
		}
		if got := tok.bpe(nil, string(text)); !slices.Equal(got, want) {
			t.Fatalf("%s: %v, want %v", text, got, want)
		}
	}
}

// TestLongText: 256 KiB without spaces is one piece, and must not cost its square.
func TestLongText(t *testing.T) {
	if n := len(sample(t).Encode(strings.Repeat("a", 1<<18))); n != 1<<16 {
		t.Errorf("%d tokens", n)
	}
}

func TestRefusedFiles(t *testing.T) {
	model := func(f map[string]any) map[string]any { return f["model"].(map[string]any) }
	first := func(f map[string]any) map[string]any { return f["added_tokens"].([]any)[0].(map[string]any) }
	for _, c := range []struct {
		name string
		want error
		edit func(f map[string]any)
	}{
		{"WordPiece", refuse.ErrUnsupported, func(f map[string]any) { model(f)["type"] = "WordPiece" }},
		{"dropout", refuse.ErrUnsupported, func(f map[string]any) { model(f)["dropout"] = 0.1 }},
		{"ignore_merges", refuse.ErrUnsupported, func(f map[string]any) { model(f)["ignore_merges"] = true }},
		{"suffix", refuse.ErrUnsupported, func(f map[string]any) { model(f)["end_of_word_suffix"] = "</w>" }},
		{"normalizer", refuse.ErrUnsupported, func(f map[string]any) { f["normalizer"] = map[string]any{"type": "NFC"} }},
		{"split", refuse.ErrUnsupported, func(f map[string]any) { f["pre_tokenizer"] = map[string]any{"type": "Split"} }},
		{"prefix space", refuse.ErrUnsupported, func(f map[string]any) { f["pre_tokenizer"].(map[string]any)["add_prefix_space"] = true }},
		{"truncation", refuse.ErrUnsupported, func(f map[string]any) { f["truncation"] = map[string]any{} }},
		{"post-processor", refuse.ErrUnsupported, func(f map[string]any) { f["post_processor"] = map[string]any{"type": "RobertaProcessing"} }},
		{"unknown key", refuse.ErrUnsupported, func(f map[string]any) { f["extra"] = 1 }},
		{"added, not special", refuse.ErrUnsupported, func(f map[string]any) { first(f)["special"] = false }},
		{"added, stripping", refuse.ErrUnsupported, func(f map[string]any) { first(f)["lstrip"] = true }},
		{"added, other id", refuse.ErrFormat, func(f map[string]any) { first(f)["id"] = 3 }},
		{"added, far id", refuse.ErrFormat, func(f map[string]any) { first(f)["id"], first(f)["content"] = int64(1<<40), "<new>" }},
		{"hole", refuse.ErrFormat, func(f map[string]any) { model(f)["vocab"].(map[string]int)["the"] = 9999 }},
		{"negative id", refuse.ErrFormat, func(f map[string]any) { model(f)["vocab"].(map[string]int)["the"] = -1 }},
		{"one id twice", refuse.ErrFormat, func(f map[string]any) { model(f)["vocab"].(map[string]int)["the"] = 5 }},
		{"not a letter", refuse.ErrFormat, func(f map[string]any) {
			v := model(f)["vocab"].(map[string]int)
			v["日"] = v["the"]
			delete(v, "the")
		}},
		{"letter missing", refuse.ErrUnsupported, func(f map[string]any) {
			v := model(f)["vocab"].(map[string]int)
			v["zz"] = v["z"]
			delete(v, "z")
		}},
		{"merge of three", refuse.ErrFormat, func(f map[string]any) { model(f)["merges"] = []string{"t h e"} }},
		{"merge twice", refuse.ErrFormat, func(f map[string]any) { model(f)["merges"] = []string{"t h", "t h"} }},
		{"merge of numbers", refuse.ErrFormat, func(f map[string]any) { model(f)["merges"] = []int{1} }},
		{"merge of a special", refuse.ErrFormat, func(f map[string]any) { model(f)["merges"] = []string{"<s> t"} }},
		{"wrong type", refuse.ErrFormat, func(f map[string]any) { f["version"] = 1 }},
	} {
		f := byteLevelFile([]string{"<s>"}, "t h", "th e")
		if _, err := parse(t, f, "<s>"); err != nil {
			t.Fatalf("the twin: %v", err)
		}
		c.edit(f)
		if _, err := parse(t, f, "<s>"); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if _, err := parse(t, byteLevelFile(nil), "</s>"); !errors.Is(err, refuse.ErrFormat) {
		t.Errorf("unknown eos: %v", err)
	}
}

func TestRefusedVocabularies(t *testing.T) {
	for _, c := range []struct {
		name string
		want error
		edit func(v *Vocabulary)
	}{
		{"model", refuse.ErrUnsupported, func(v *Vocabulary) { v.Model = "bert" }},
		{"empty", refuse.ErrFormat, func(v *Vocabulary) { v.Tokens = nil }},
		{"kinds", refuse.ErrFormat, func(v *Vocabulary) { v.Kinds = v.Kinds[1:] }},
		{"scores", refuse.ErrFormat, func(v *Vocabulary) { v.Scores = nil }},
		{"score NaN", refuse.ErrFormat, func(v *Vocabulary) { v.Scores[5] = float32(math.NaN()) }},
		{"bos outside", refuse.ErrFormat, func(v *Vocabulary) { v.BOS = len(v.Tokens) }},
		{"no bos to add", refuse.ErrFormat, func(v *Vocabulary) { v.BOS = -1 }},
		{"user-defined", refuse.ErrUnsupported, func(v *Vocabulary) { v.Kinds[260] = 4 }},
		{"token twice", refuse.ErrFormat, func(v *Vocabulary) { v.Tokens[260] = v.Tokens[259] }},
		{"byte missing", refuse.ErrUnsupported, func(v *Vocabulary) { v.Tokens[8], v.Kinds[8] = "q", 1 }},
		{"byte as a word", refuse.ErrFormat, func(v *Vocabulary) { v.Kinds[8] = 1 }},
		{"gpt2 without its expression", refuse.ErrUnsupported, func(v *Vocabulary) { v.Model = "gpt2" }},
	} {
		v := spm("▁", "a")
		if _, err := FromGGUF(v); err != nil {
			t.Fatalf("the twin: %v", err)
		}
		c.edit(&v)
		if _, err := FromGGUF(v); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// TestGPT2Vocabulary: a byte-level vocabulary means the same in a GGUF file and in tokenizer.json.
func TestGPT2Vocabulary(t *testing.T) {
	hf := sample(t)
	v := Vocabulary{Model: "gpt2", Pre: "gpt-2", Tokens: make([]string, hf.Size()), Kinds: make([]int32, hf.Size()), BOS: 0, EOS: 1,
		Merges: []string{"t h", "th e", "Ġ the", "a a", "aa aa", "< |", "<| e", "o s", "Ã ©"}}
	for s, id := range hf.ordinary {
		v.Tokens[id], v.Kinds[id] = s, 1
	}
	for s, id := range hf.special {
		v.Tokens[id], v.Kinds[id] = s, 3
	}
	g, err := FromGGUF(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"the other é<|eos|>", "aaaa  the"} {
		if a, b := hf.Encode(s), g.Encode(s); !slices.Equal(a, b) {
			t.Errorf("%q: %v and %v", s, a, b)
		}
	}
}

// FuzzParseHF: no file makes the parser or the tokenizer it makes panic, and text comes back from its ids.
func FuzzParseHF(f *testing.F) {
	data, _ := json.Marshal(byteLevelFile([]string{"<s>"}, "t h", "th e"))
	f.Add(data, "the <s>")
	if real, err := os.ReadFile(filepath.Join(testkit.Root(f), "models", "harbor-tiny", "tokenizer.json")); err == nil {
		f.Add(real, "Hello")
	}
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		tok, err := ParseHF(data, "")
		if err != nil {
			if !errors.Is(err, refuse.ErrFormat) && !errors.Is(err, refuse.ErrUnsupported) {
				t.Fatalf("untyped error: %v", err)
			}
			return
		}
		ids := tok.Encode(text)
		for _, special := range tok.special {
			if slices.Contains(ids, special) {
				t.Fatal("text became a special token")
			}
		}
		if got := tok.Decode(ids); tok.byteLevel && got != strings.ToValidUTF8(text, "\ufffd") {
			t.Fatalf("%q came back as %q", text, got)
		}
	})
}
