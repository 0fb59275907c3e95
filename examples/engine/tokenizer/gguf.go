package tokenizer

import (
	"math"
	"strings"

	"github.com/holdfast-ai/holdfast/examples/engine/refuse"
)

// Kinds of tokens in a GGUF vocabulary (llama.h, enum llama_token_attr as tokenizer.ggml.token_type).
const (
	kindNormal, kindUnknown, kindControl, kindByte = 1, 2, 3, 6
)

// Vocabulary is what a GGUF file says about its tokenizer.
type Vocabulary struct {
	Model    string    // "llama" (scores decide) or "gpt2" (byte-level, merges decide)
	Pre      string    // tokenizer.ggml.pre; for gpt2, "gpt-2" alone is supported
	Tokens   []string  // by id
	Scores   []float32 // llama
	Kinds    []int32   // kind of each token
	Merges   []string  // gpt2: "a b"
	BOS, EOS int       // -1: none
	AddBOS   bool
	Prefix   bool // tokenizer.ggml.add_space_prefix
}

// FromGGUF makes a tokenizer of a GGUF vocabulary. Errors: [refuse.ErrFormat], [refuse.ErrUnsupported].
func FromGGUF(v Vocabulary) (*Tokenizer, error) {
	bad := func(reason string) (*Tokenizer, error) { return nil, refuse.Format("tokenizer.ggml", reason) }
	n := len(v.Tokens)
	switch {
	case n == 0 || n > maxTokens:
		return bad("vocabulary size is out of range")
	case len(v.Kinds) != n:
		return bad("token_type is missing or has another length")
	case v.BOS >= n || v.EOS >= n || v.BOS < -1 || v.EOS < -1:
		return bad("bos or eos outside the vocabulary")
	}
	t := &Tokenizer{bos: v.BOS, eos: v.EOS, addBOS: v.AddBOS, prefix: v.Prefix, raw: make([]string, n),
		special: map[string]int{}, ordinary: make(ordinary, n)}
	t.clearBytes()
	switch v.Model {
	case "llama":
		if len(v.Scores) != n {
			return bad("scores are missing or have another length")
		}
		for _, s := range v.Scores {
			if math.IsNaN(float64(s)) || math.IsInf(float64(s), 0) {
				return bad("score is not finite")
			}
		}
		t.scores = v.Scores
	case "gpt2":
		if v.Pre != "gpt-2" { // an absent one means another expression
			return nil, refuse.Unsupported("tokenizer.ggml.pre", v.Pre)
		}
		t.byteLevel, t.prefix = true, false
	default:
		return nil, refuse.Unsupported("tokenizer.ggml.model", v.Model)
	}
	seen := make(map[string]bool, n)
	for id, token := range v.Tokens {
		if seen[token] {
			return bad("token twice")
		}
		seen[token] = true
		switch v.Kinds[id] {
		case kindControl, kindUnknown:
			t.special[token] = id
		case kindByte:
			b, ok := byteToken(token)
			if !ok || t.byteLevel {
				return bad("byte token that is not <0xXX>")
			}
			t.bytes[b], t.raw[id] = id, string([]byte{b})
		case kindNormal:
			if _, isByte := byteToken(token); isByte && !t.byteLevel {
				return bad("<0xXX> that is no byte token")
			}
			if err := t.add(token, id); err != nil {
				return nil, err
			}
		default:
			return nil, refuse.Unsupported("token type", "user-defined or unused")
		}
	}
	if t.byteLevel {
		t.merges = make(map[pair]to, len(v.Merges))
		for rank, m := range v.Merges {
			if err := t.merge(rank, strings.Split(m, " ")); err != nil {
				return nil, err
			}
		}
	}
	return t.finish("tokenizer.ggml")
}
