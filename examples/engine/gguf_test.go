package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/fstest"

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
	le := binary.LittleEndian
	str := func(b []byte, s string) []byte { return append(le.AppendUint64(b, uint64(len(s))), s...) }
	type tensor struct {
		name string
		kind uint32 // 0 F32, 1 F16, 8 Q8_0
		dims []int  // innermost first
	}
	tensors := []tensor{{"token_embd.weight", 8, []int{hidden, len(tokens)}}, {"output_norm.weight", 0, []int{hidden}},
		{"blk.0.attn_norm.weight", 0, []int{hidden}}, {"blk.0.ffn_norm.weight", 0, []int{hidden}}, {"blk.0.attn_q.weight", 8, []int{hidden, 32}},
		{"blk.0.attn_k.weight", 1, []int{hidden, 16}}, {"blk.0.attn_v.weight", 1, []int{hidden, 16}}, {"blk.0.attn_output.weight", 0, []int{32, hidden}},
		{"blk.0.ffn_gate.weight", 8, []int{hidden, ffn}}, {"blk.0.ffn_up.weight", 8, []int{hidden, ffn}}, {"blk.0.ffn_down.weight", 8, []int{ffn, hidden}}}
	b := append([]byte("GGUF"), 3, 0, 0, 0)
	b = le.AppendUint64(le.AppendUint64(b, uint64(len(tensors))), uint64(len(pairs)))
	keys := make([]string, 0, len(pairs))
	for k := range pairs {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		b = str(b, k)
		switch v := pairs[k].(type) {
		case string:
			b = str(le.AppendUint32(b, 8), v)
		case int:
			b = le.AppendUint32(le.AppendUint32(b, 4), uint32(v))
		case uint32:
			b = le.AppendUint32(le.AppendUint32(b, 4), v)
		case float32:
			b = le.AppendUint32(le.AppendUint32(b, 6), math.Float32bits(v))
		case bool:
			b = append(le.AppendUint32(b, 7), map[bool]byte{true: 1}[v])
		case []string:
			b = le.AppendUint64(le.AppendUint32(le.AppendUint32(b, 9), 8), uint64(len(v)))
			for _, s := range v {
				b = str(b, s)
			}
		case []float32:
			b = le.AppendUint64(le.AppendUint32(le.AppendUint32(b, 9), 6), uint64(len(v)))
			for _, x := range v {
				b = le.AppendUint32(b, math.Float32bits(x))
			}
		case []int32:
			b = le.AppendUint64(le.AppendUint32(le.AppendUint32(b, 9), 5), uint64(len(v)))
			for _, x := range v {
				b = le.AppendUint32(b, uint32(x))
			}
		default:
			t.Fatalf("%s: %T", k, v)
		}
	}
	var data []byte
	r := rand.New(rand.NewPCG(5, 6))
	for _, x := range tensors {
		b = le.AppendUint32(str(b, x.name), uint32(len(x.dims)))
		n := 1
		for _, d := range x.dims {
			b, n = le.AppendUint64(b, uint64(d)), n*d
		}
		b = le.AppendUint64(le.AppendUint32(b, x.kind), uint64(len(data)))
		switch x.kind {
		case 0:
			for range n {
				data = le.AppendUint32(data, math.Float32bits(float32(r.NormFloat64())))
			}
		case 1:
			for range n {
				data = le.AppendUint16(data, uint16(0x3000+r.IntN(0x800))|uint16(r.IntN(2))<<15)
			}
		case 8:
			for range n / 32 {
				data = le.AppendUint16(data, 0x2000)
				for range 32 {
					data = append(data, byte(r.IntN(256)))
				}
			}
		}
		data = append(data, make([]byte, -len(data)&31)...)
	}
	b = append(b, make([]byte, -len(b)&31)...)
	return append(b, data...)
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
