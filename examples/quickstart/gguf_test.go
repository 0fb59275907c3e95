package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/holdfast-ai/holdfast/guard/guardtest"
)

// repeatingGGUF is a Llama model of one block that does nothing, with tied random embeddings: each token is followed by
// itself. It knows the 256 bytes.
func repeatingGGUF(template bool) []byte {
	const hidden, ffn = 32, 32
	tokens, kinds := []string{"<unk>", "<s>", "</s>"}, []int32{2, 3, 3}
	for b := range 256 {
		tokens, kinds = append(tokens, fmt.Sprintf("<0x%02X>", b)), append(kinds, 6)
	}
	pairs := []guardtest.GGUFPair{
		{Key: "general.architecture", Value: "llama"}, {Key: "general.license", Value: "mit"}, {Key: "llama.context_length", Value: uint32(2048)},
		{Key: "llama.embedding_length", Value: uint32(hidden)}, {Key: "llama.feed_forward_length", Value: uint32(ffn)}, {Key: "llama.block_count", Value: uint32(1)},
		{Key: "llama.attention.head_count", Value: uint32(1)}, {Key: "llama.attention.layer_norm_rms_epsilon", Value: float32(1e-5)},
		{Key: "tokenizer.ggml.model", Value: "llama"}, {Key: "tokenizer.ggml.tokens", Value: tokens}, {Key: "tokenizer.ggml.scores", Value: make([]float32, len(tokens))},
		{Key: "tokenizer.ggml.token_type", Value: kinds}, {Key: "tokenizer.ggml.bos_token_id", Value: uint32(1)}, {Key: "tokenizer.ggml.eos_token_id", Value: uint32(2)},
	}
	if template {
		pairs = append(pairs, guardtest.GGUFPair{Key: "tokenizer.chat_template", Value: "{% for message in messages %}{{ message['content'] }}{% if not loop.last %}{{ '\\n' }}{% endif %}{% endfor %}"})
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
	var all []guardtest.GGUFTensor
	for _, t := range tensors {
		n := 1
		for _, d := range t.dims {
			n *= d
		}
		var data []byte
		for range n {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(t.fill()))
		}
		all = append(all, guardtest.GGUFTensor{Name: t.name, Type: guardtest.GGUFF32, Dims: t.dims, Data: data})
	}
	b, err := guardtest.AppendGGUF(nil, pairs, all)
	if err != nil {
		panic(err)
	}
	return b
}

func one() float32  { return 1 }
func zero() float32 { return 0 }
