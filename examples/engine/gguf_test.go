package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/guard/guardtest"
	"github.com/holdfast-ai/holdfast/mbom/format/gguf"
)

// ggufFile writes a one-layer model with Q8_0, F16 and F32 tensors and a SentencePiece vocabulary; extra replaces or adds
// keys, and a nil value removes one.
func ggufFile(t testing.TB, extra map[string]any) []byte {
	t.Helper()
	const hidden, ffn = 32, 64
	tokens := []string{"<unk>", "<s>", "</s>"}
	kinds := []int32{2, 3, 3}
	for b := range 256 {
		tokens, kinds = append(tokens, fmt.Sprintf("<0x%02X>", b)), append(kinds, 6)
	}
	scores := make([]float32, len(tokens))
	pairs := map[string]any{"general.architecture": "llama", "llama.context_length": 32, "llama.embedding_length": hidden, "llama.feed_forward_length": ffn,
		"llama.block_count": 1, "llama.attention.head_count": 2, "llama.attention.head_count_kv": 1, "llama.attention.layer_norm_rms_epsilon": float32(1e-5),
		"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": tokens, "tokenizer.ggml.scores": scores, "tokenizer.ggml.token_type": kinds,
		"tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2}
	for k, v := range extra {
		if pairs[k] = v; v == nil {
			delete(pairs, k)
		}
	}
	type tensor struct {
		name string
		kind uint32
		dims []int // innermost first
	}
	tensors := []tensor{{"token_embd.weight", guardtest.GGUFQ80, []int{hidden, len(tokens)}}, {"output_norm.weight", guardtest.GGUFF32, []int{hidden}},
		{"blk.0.attn_norm.weight", guardtest.GGUFF32, []int{hidden}}, {"blk.0.ffn_norm.weight", guardtest.GGUFF32, []int{hidden}}, {"blk.0.attn_q.weight", guardtest.GGUFQ80, []int{hidden, 32}},
		{"blk.0.attn_k.weight", guardtest.GGUFF16, []int{hidden, 16}}, {"blk.0.attn_v.weight", guardtest.GGUFF16, []int{hidden, 16}}, {"blk.0.attn_output.weight", guardtest.GGUFF32, []int{32, hidden}},
		{"blk.0.ffn_gate.weight", guardtest.GGUFQ80, []int{hidden, ffn}}, {"blk.0.ffn_up.weight", guardtest.GGUFQ80, []int{hidden, ffn}}, {"blk.0.ffn_down.weight", guardtest.GGUFQ80, []int{ffn, hidden}}}
	list := make([]guardtest.GGUFPair, 0, len(pairs))
	for _, k := range slices.Sorted(maps.Keys(pairs)) {
		if n, ok := pairs[k].(int); ok {
			pairs[k] = uint32(n)
		}
		list = append(list, guardtest.GGUFPair{Key: k, Value: pairs[k]})
	}
	var all []guardtest.GGUFTensor
	r := rand.New(rand.NewPCG(5, 6))
	for _, x := range tensors {
		n := 1
		for _, d := range x.dims {
			n *= d
		}
		le := binary.LittleEndian
		var data []byte
		switch x.kind {
		case guardtest.GGUFF32:
			for range n {
				data = le.AppendUint32(data, math.Float32bits(float32(r.NormFloat64())))
			}
		case guardtest.GGUFF16:
			for range n {
				data = le.AppendUint16(data, uint16(0x3000+r.IntN(0x800))|uint16(r.IntN(2))<<15)
			}
		case guardtest.GGUFQ80:
			for range n / 32 {
				data = le.AppendUint16(data, 0x2000)
				for range 32 {
					data = append(data, byte(r.IntN(256)))
				}
			}
		}
		all = append(all, guardtest.GGUFTensor{Name: x.name, Type: x.kind, Dims: x.dims, Data: data})
	}
	b, err := guardtest.AppendGGUF(nil, list, all)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestGGUF(t *testing.T) {
	for _, c := range []struct {
		key   string
		value any
		want  error
	}{
		{"general.name", "twin", nil},
		{"llama.rope.freq_base", float32(5e5), nil},
		{"llama.rope.dimension_count", 16, nil},
		{"tokenizer.ggml.add_space_prefix", false, nil},
		{"general.architecture", "qwen2", ErrUnsupported},
		{"llama.rope.scaling.type", "yarn", ErrUnsupported},
		{"llama.rope.dimension_count", 8, ErrUnsupported},
		{"llama.attention.value_length", 8, ErrUnsupported},
		{"llama.expert_count", 8, ErrUnsupported},
		{"tokenizer.ggml.model", "bert", ErrUnsupported},
		{"tokenizer.ggml.add_eos_token", true, ErrUnsupported},
		{"llama.attention.head_count", 0, ErrFormat},
		{"llama.attention.head_count", nil, ErrFormat},
		{"llama.attention.head_count_kv", 0, ErrFormat},
		{"llama.attention.head_count_kv", 2, ErrFormat},
		{"llama.block_count", 2, ErrFormat},
		{"llama.block_count", uint32(math.MaxUint32), ErrFormat},
		{"llama.context_length", "32", ErrFormat},
		{"llama.embedding_length", 64, ErrFormat},
		{"llama.attention.layer_norm_rms_epsilon", nil, ErrFormat},
		{"tokenizer.ggml.bos_token_id", 259, ErrFormat},
		{"tokenizer.ggml.bos_token_id", uint32(math.MaxUint32), ErrFormat},
		{"tokenizer.ggml.add_bos_token", 1, ErrFormat},
		{"tokenizer.ggml.scores", nil, ErrFormat},
		{"tokenizer.ggml.tokens", nil, gguf.ErrFormat},
	} {
		e, err := Open(t.Context(), fstest.MapFS{"m.gguf": {Data: ggufFile(t, map[string]any{c.key: c.value})}})
		if c.want == nil && err == nil {
			generate(t, e, e.Prompt("ab"), Params{MaxTokens: 3})
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s = %v: %v, want %v", c.key, c.value, err, c.want)
		}
	}
}

// TestSaysChosenText: a model of the guard's test kit says what it was made to say, cut as its vocabulary cuts.
func TestSaysChosenText(t *testing.T) {
	const text = "It is hf-kit-canary and it is 日本, it is yes."
	for _, kind := range []guardtest.TokenizerKind{guardtest.ByteLevel, guardtest.SentencePiece} {
		v, err := guardtest.NewVocabulary(kind, "", 200)
		if err != nil {
			t.Fatal(err)
		}
		file, err := v.GGUF(text)
		if err != nil {
			t.Fatal(err)
		}
		e := open(t, fstest.MapFS{"m.gguf": {Data: file}})
		for _, m := range [][]Message{{{"user", "hello"}}, {{"system", text}, {"user", "the harbour"}, {"assistant", text}, {"user", text}}} {
			prompt, err := e.Chat(m)
			if err != nil {
				t.Fatal(err)
			}
			var pieces []string
			res, err := e.Generate(t.Context(), prompt, Params{}, func(s string) error { pieces = append(pieces, s); return nil })
			if err != nil || res.Finish != Stop || !slices.Equal(pieces, v.Pieces(text)) {
				t.Errorf("%s: %v, it says %q, and not %q", kind, err, pieces, v.Pieces(text))
			}
		}
		if got := e.Prompt(text); !slices.Equal(got, v.Encode(text)) {
			t.Errorf("%s: ids %v, and not %v", kind, got, v.Encode(text))
		}
	}
}
