package engine

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/fstest"
)

// generatedModel returns a tiny random model in Hugging Face layout with a byte-level tokenizer of 261 tokens: five special
// ones and the 256 letters.
func generatedModel(t testing.TB) fstest.MapFS {
	t.Helper()
	names := []string{"<|bos|>", "<|eos|>", "<|system|>", "<|user|>", "<|assistant|>"}
	vocab := map[string]int{}
	var added []any
	for i, s := range names {
		vocab[s] = i
		added = append(added, map[string]any{"id": i, "content": s, "special": true})
	}
	for b, next := 0, rune(256); b < 256; b++ {
		r := rune(b)
		if b <= ' ' || b >= 0x7f && b <= 0xa0 || b == 0xad {
			r, next = next, next+1
		}
		vocab[string(r)] = len(vocab)
	}
	level := map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}
	const hidden, ffn, layers, context = 8, 12, 2, 64
	files := map[string]any{
		"config.json": map[string]any{"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama", "vocab_size": len(vocab), "hidden_size": hidden,
			"intermediate_size": ffn, "num_hidden_layers": layers, "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": context,
			"rms_norm_eps": 1e-5, "hidden_act": "silu", "tie_word_embeddings": true},
		"tokenizer.json":        map[string]any{"version": "1.0", "added_tokens": added, "pre_tokenizer": level, "decoder": level, "model": map[string]any{"type": "BPE", "vocab": vocab, "merges": []string{}}},
		"tokenizer_config.json": map[string]any{"eos_token": "<|eos|>", "chat_template": roleTokens},
	}
	src := fstest.MapFS{}
	for name, v := range files {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		src[name] = &fstest.MapFile{Data: data}
	}
	shapes := map[string][]int{"model.embed_tokens.weight": {len(vocab), hidden}, "model.norm.weight": {hidden}}
	for l := range layers {
		p := fmt.Sprintf("model.layers.%d.", l)
		maps.Copy(shapes, map[string][]int{p + "input_layernorm.weight": {hidden}, p + "post_attention_layernorm.weight": {hidden},
			p + "self_attn.q_proj.weight": {8, hidden}, p + "self_attn.k_proj.weight": {4, hidden}, p + "self_attn.v_proj.weight": {4, hidden}, p + "self_attn.o_proj.weight": {hidden, 8},
			p + "mlp.gate_proj.weight": {ffn, hidden}, p + "mlp.up_proj.weight": {ffn, hidden}, p + "mlp.down_proj.weight": {hidden, ffn}})
	}
	header := map[string]any{}
	var data []byte
	r := rand.New(rand.NewPCG(3, 4))
	for _, name := range slices.Sorted(maps.Keys(shapes)) {
		n, begin := 1, len(data)
		for _, d := range shapes[name] {
			n *= d
		}
		for range n {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(r.NormFloat64())))
		}
		header[name] = map[string]any{"dtype": "F32", "shape": shapes[name], "data_offsets": []int{begin, len(data)}}
	}
	src["model.safetensors"] = &fstest.MapFile{Data: safetensorsFile(t, header, data)}
	return src
}

func safetensorsFile(t testing.TB, header map[string]any, data []byte) []byte {
	t.Helper()
	h, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	for len(h)%8 != 0 {
		h = append(h, ' ')
	}
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(h))), h...), data...)
}
