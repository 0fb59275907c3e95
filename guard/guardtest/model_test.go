package guardtest_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/holdfast-ai/holdfast/guard/guardtest"
)

func vocabularies(t testing.TB) []*guardtest.Vocabulary {
	t.Helper()
	sp, err := guardtest.NewVocabulary(guardtest.SentencePiece, "", 300)
	if err != nil {
		t.Fatal(err)
	}
	return []*guardtest.Vocabulary{guardtest.English(), sp}
}

// Words are cut where the merges end, digits stand alone, and tokens end inside characters, which pieces do not.
func TestPieces(t *testing.T) {
	const text = "the harbour, harbouring 2024 \u20ac!"
	for _, v := range vocabularies(t) {
		want := []string{"t", "he", " harbour", ",", " harbour", "ing", " ", "2", "0", "2", "4", " ", "\u20ac", "!"}
		if got := v.Pieces(text); !slices.Equal(got, want) {
			t.Errorf("%s: %q", v.Kind(), got)
		}
		if inside := v.Bytes(v.Encode("\u20ac")[0]); utf8.ValidString(inside) {
			t.Errorf("%s: the first token of a character is %q", v.Kind(), inside)
		}
	}
}

func FuzzPieces(f *testing.F) {
	for _, s := range []string{"", "It's a  boat\n\n", "\xff\u0301\u20ac", "we'll  \t x", "<|eos|>"} {
		f.Add(s)
	}
	all := vocabularies(f)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<12 {
			return
		}
		for _, v := range all {
			want := strings.ToValidUTF8(text, "\ufffd")
			if v.Kind() == guardtest.SentencePiece {
				want = strings.ReplaceAll(want, "\u2581", " ") // one letter for both
			}
			var tokens strings.Builder
			for _, id := range v.Encode(text) {
				tokens.WriteString(v.Bytes(id))
			}
			pieces := v.Pieces(text)
			if strings.Join(pieces, "") != want || tokens.String() != want {
				t.Fatalf("%s: %q is cut into %q", v.Kind(), text, pieces)
			}
			for _, p := range pieces {
				if p == "" || !utf8.ValidString(p) {
					t.Fatalf("%s: piece %q of %q", v.Kind(), p, text)
				}
			}
		}
	})
}

// The same input gives the same bytes, on every machine: who compares recorded streams relies on it.
func TestGGUFIsDeterministic(t *testing.T) {
	want := []string{"46b7293c42eede72f792303f47d4bce7a54c734055fe6a910009aa9d3f2592d4", "84ebb6669bc547fbbe6ae825282e5b430b56a099ec10e76b1f47473735a1a812"}
	for i, v := range vocabularies(t) {
		again, err := guardtest.NewVocabulary(v.Kind(), "", 300)
		if err != nil {
			t.Fatal(err)
		}
		a, errA := v.GGUF("It is " + guardtest.Canary)
		b, errB := again.GGUF("It is " + guardtest.Canary)
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Error(errA, errB, "two files of one text")
		}
		if sum := sha256.Sum256(a); hex.EncodeToString(sum[:]) != want[i] {
			t.Errorf("%s: %x", v.Kind(), sum)
		}
	}
}

func TestModelErrors(t *testing.T) {
	tensor := func(change func(*guardtest.GGUFTensor)) error {
		x := guardtest.GGUFTensor{Name: "x", Type: guardtest.GGUFF16, Dims: []int{2, 3}, Data: make([]byte, 12)}
		change(&x)
		_, err := guardtest.AppendGGUF(nil, nil, []guardtest.GGUFTensor{x})
		return err
	}
	pair := func(p ...guardtest.GGUFPair) error { _, err := guardtest.AppendGGUF(nil, p, nil); return err }
	vocabulary := func(kind guardtest.TokenizerKind, sample string, n int) error {
		_, err := guardtest.NewVocabulary(kind, sample, n)
		return err
	}
	says := func(text string) error { _, err := guardtest.English().GGUF(text); return err }
	if err := errors.Join(tensor(func(*guardtest.GGUFTensor) {}), pair(guardtest.GGUFPair{Key: "k", Value: true}), vocabulary(guardtest.ByteLevel, "a", 0), says("a")); err != nil {
		t.Fatal(err) // the twins
	}
	var long strings.Builder
	for c := rune(0x4e00); c < 0x4e00+1000; c++ {
		long.WriteRune(c)
	}
	for name, err := range map[string]error{
		"name":          tensor(func(x *guardtest.GGUFTensor) { x.Name = "" }),
		"length":        tensor(func(x *guardtest.GGUFTensor) { x.Data = x.Data[1:] }),
		"type":          tensor(func(x *guardtest.GGUFTensor) { x.Type = 2 }),
		"no dimension":  tensor(func(x *guardtest.GGUFTensor) { x.Dims = nil }),
		"dimension":     tensor(func(x *guardtest.GGUFTensor) { x.Dims = []int{-2, -3} }),
		"overflow":      tensor(func(x *guardtest.GGUFTensor) { x.Dims = []int{1 << 27, 1 << 27, 1 << 10} }),
		"rank":          tensor(func(x *guardtest.GGUFTensor) { x.Dims = []int{1, 1, 1, 2, 3} }),
		"blocks":        tensor(func(x *guardtest.GGUFTensor) { x.Type = guardtest.GGUFQ80 }),
		"value":         pair(guardtest.GGUFPair{Key: "k", Value: 1}),
		"key twice":     pair(guardtest.GGUFPair{Key: "k", Value: "a"}, guardtest.GGUFPair{Key: "k", Value: "a"}),
		"kind":          vocabulary("bert", "", 1),
		"merges":        vocabulary(guardtest.ByteLevel, "", -1),
		"sample":        vocabulary(guardtest.ByteLevel, strings.Repeat("a", 1<<17), 1),
		"empty text":    says(""),
		"too many":      says(long.String()),
		"too long":      says(strings.Repeat("a", 3000)),
		"too ambiguous": says(strings.Repeat("a b a c ", 200)),
	} {
		if !errors.Is(err, guardtest.ErrModel) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
