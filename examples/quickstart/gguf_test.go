package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
)

// repeatingGGUF is a Llama model of one block that does nothing, with tied random embeddings: each token is followed by
// itself. It knows the 256 bytes.
func repeatingGGUF(template bool) []byte {
	const hidden, ffn = 32, 32
	le := binary.LittleEndian
	str := func(b []byte, s string) []byte { return append(le.AppendUint64(b, uint64(len(s))), s...) }
	tokens, kinds := []string{"<unk>", "<s>", "</s>"}, []int32{2, 3, 3}
	for b := range 256 {
		tokens, kinds = append(tokens, fmt.Sprintf("<0x%02X>", b)), append(kinds, 6)
	}
	type pair struct {
		key   string
		value any
	}
	pairs := []pair{
		{"general.architecture", "llama"}, {"general.license", "mit"}, {"llama.context_length", uint32(2048)},
		{"llama.embedding_length", uint32(hidden)}, {"llama.feed_forward_length", uint32(ffn)}, {"llama.block_count", uint32(1)},
		{"llama.attention.head_count", uint32(1)}, {"llama.attention.layer_norm_rms_epsilon", float32(1e-5)},
		{"tokenizer.ggml.model", "llama"}, {"tokenizer.ggml.tokens", tokens}, {"tokenizer.ggml.scores", make([]float32, len(tokens))},
		{"tokenizer.ggml.token_type", kinds}, {"tokenizer.ggml.bos_token_id", uint32(1)}, {"tokenizer.ggml.eos_token_id", uint32(2)},
	}
	if template {
		pairs = append(pairs, pair{"tokenizer.chat_template",
			"{% for message in messages %}{{ message['content'] }}{% if not loop.last %}{{ '\\n' }}{% endif %}{% endfor %}"})
	}
	tensors := []struct {
		name string
		dims []int // innermost first
		fill func() float32
	}{
		{"token_embd.weight", []int{hidden, len(tokens)}, func() func() float32 {
			r := rand.New(rand.NewPCG(1, 2))
			return func() float32 { return float32(r.NormFloat64()) }
		}()},
		{"output_norm.weight", []int{hidden}, one}, {"blk.0.attn_norm.weight", []int{hidden}, one}, {"blk.0.ffn_norm.weight", []int{hidden}, one},
		{"blk.0.attn_q.weight", []int{hidden, hidden}, zero}, {"blk.0.attn_k.weight", []int{hidden, hidden}, zero},
		{"blk.0.attn_v.weight", []int{hidden, hidden}, zero}, {"blk.0.attn_output.weight", []int{hidden, hidden}, zero},
		{"blk.0.ffn_gate.weight", []int{hidden, ffn}, zero}, {"blk.0.ffn_up.weight", []int{hidden, ffn}, zero}, {"blk.0.ffn_down.weight", []int{ffn, hidden}, zero},
	}
	b := append([]byte("GGUF"), 3, 0, 0, 0)
	b = le.AppendUint64(le.AppendUint64(b, uint64(len(tensors))), uint64(len(pairs)))
	list := func(kind uint32, n int) { b = le.AppendUint64(le.AppendUint32(le.AppendUint32(b, 9), kind), uint64(n)) }
	for _, p := range pairs {
		b = str(b, p.key)
		switch v := p.value.(type) {
		case string:
			b = str(le.AppendUint32(b, 8), v)
		case uint32:
			b = le.AppendUint32(le.AppendUint32(b, 4), v)
		case float32:
			b = le.AppendUint32(le.AppendUint32(b, 6), math.Float32bits(v))
		case []string:
			list(8, len(v))
			for _, s := range v {
				b = str(b, s)
			}
		case []float32:
			list(6, len(v))
			b = append(b, make([]byte, 4*len(v))...)
		case []int32:
			list(5, len(v))
			for _, x := range v {
				b = le.AppendUint32(b, uint32(x))
			}
		}
	}
	var data []byte
	for _, t := range tensors {
		b = le.AppendUint32(str(b, t.name), uint32(len(t.dims)))
		n := 1
		for _, d := range t.dims {
			b, n = le.AppendUint64(b, uint64(d)), n*d
		}
		b = le.AppendUint64(le.AppendUint32(b, 0), uint64(len(data)))
		for range n {
			data = le.AppendUint32(data, math.Float32bits(t.fill()))
		}
		data = append(data, make([]byte, -len(data)&31)...)
	}
	b = append(b, make([]byte, -len(b)&31)...)
	return append(b, data...)
}

func one() float32  { return 1 }
func zero() float32 { return 0 }
