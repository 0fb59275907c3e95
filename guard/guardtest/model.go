package guardtest

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
)

// ChatTemplate is the template of the models of [Vocabulary.GGUF]: each turn stands between a token of its role and an end
// token, and the answer begins behind that of the assistant.
const ChatTemplate = "{{ '<|bos|>' }}{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|eos|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"

// Bounds of the models. A state of the text costs two columns of every matrix: with the most there are, a file has 10 MB.
const (
	minStates    = 64 // below it, a temperature of 2 would find other tokens
	maxStates    = 512
	modelContext = 2048 // positions, within which attention finds the token before the last
)

// GGUF returns the file of a Llama model of one layer with this vocabulary that says text: from the end of its chat template, or
// any prompt that ends outside the text, greedy decoding gives the tokens of the text, as [Vocabulary.Encode] has them, and
// then the end of text. Between them stand control tokens without a text where one token of the text has several successors.
// It needs no training: the embedding of a token is a row of a Hadamard matrix, attention brings that of the token before, and
// the row of a token in the output matrix is the sum of those after which it comes, so that its logit is high there and that of
// the others zero. llama.cpp, and what is built on it, runs the file. The same input gives the same bytes.
// Errors: [ErrModel] for a text that is empty or has more than some 500 tokens of its own.
func (v *Vocabulary) GGUF(text string) ([]byte, error) {
	path, steps := v.path(text)
	if len(path) < 2 || steps > maxStates {
		return nil, fmt.Errorf("%w: text is empty or too long", ErrModel)
	}
	code := map[int]uint{} // rows of the Hadamard matrix; those without one share row 0
	first := len(v.tokens) // of the steps
	for i, id := range append([]int{tokenAssistant}, path...) {
		// A token behind a step does not know its successor, and the end needs none.
		if _, ok := code[id]; !ok && id != tokenEOS && (i < 2 || path[i-2] < first) {
			code[id] = uint(len(code)) + 1
		}
	}
	states := max(minStates, 1<<bits.Len(uint(len(code))))
	if states > maxStates || len(path)+64 > modelContext {
		return nil, fmt.Errorf("%w: text is too long", ErrModel)
	}
	// A hidden state is code of this token || code of the token before || 1 0 0 …
	bias, hidden := 2*states, 2*states+32
	tokens := v.Tokens()
	for i := range steps {
		tokens = append(tokens, fmt.Sprintf("<|step%d|>", i+1))
	}
	embedding := matrix{hidden, make([]float32, hidden*len(tokens))}
	output := matrix{hidden, make([]float32, hidden*len(tokens))}
	hadamard := func(row uint, column int) float32 { return float32(1 - 2*(bits.OnesCount(row&uint(column))&1)) }
	for id := range tokens {
		for i := range states {
			embedding.set(id, i, hadamard(code[id], i))
		}
		embedding.set(id, bias, 1)
	}
	done := map[[2]int]bool{}
	for i, next := range path {
		last, at := tokenAssistant, 0
		if i > 0 {
			last = path[i-1]
		}
		if i > 1 && path[i-2] >= first { // the step says which of its successors this token has now
			last, at = path[i-2], states
		}
		if k := [2]int{last, next}; !done[k] {
			done[k] = true
			for j := range states {
				output.add(next, at+j, hadamard(code[last], j))
			}
		}
	}
	output.add(path[0], bias, float32(states)/4) // where no state of the text is, it begins
	q, k, val, o := newMatrix(hidden), newMatrix(hidden), newMatrix(hidden), newMatrix(hidden)
	for i := range states {
		val.set(i, i, 1)
		o.set(states+i, i, 1)
	}
	// Rotary embedding turns pair i of queries and keys by the position times theta^(-2i/hidden). The query begins one position
	// back, so that its product with a key is largest for the token before, by far.
	const strength, theta = 14, 10000
	for i := 0; i < hidden; i += 2 {
		angle := math.Pow(theta, -float64(i)/float64(hidden))
		q.set(i, bias, float32(strength*math.Cos(angle)))
		q.set(i+1, bias, float32(-strength*math.Sin(angle)))
		k.set(i, bias, strength)
	}
	const ffn = 32
	ones, none := make([]float32, hidden), make([]float32, hidden*ffn)
	for i := range ones {
		ones[i] = 1
	}
	const b = "blk.0."
	return AppendGGUF(nil, v.metadata(tokens, hidden, ffn), []GGUFTensor{
		f16("token_embd.weight", embedding.data, hidden, len(tokens)), f32("output_norm.weight", ones), f16("output.weight", output.data, hidden, len(tokens)),
		f32(b+"attn_norm.weight", ones), f32(b+"ffn_norm.weight", ones),
		f16(b+"attn_q.weight", q.data, hidden, hidden), f16(b+"attn_k.weight", k.data, hidden, hidden),
		f16(b+"attn_v.weight", val.data, hidden, hidden), f16(b+"attn_output.weight", o.data, hidden, hidden),
		f16(b+"ffn_gate.weight", none, hidden, ffn), f16(b+"ffn_up.weight", none, hidden, ffn), f16(b+"ffn_down.weight", none, ffn, hidden),
	})
}

// path returns the tokens of an answer with its end and the steps between them, and how many different steps those are. Each
// token that has several successors gets a step of its own before it each time; that gives the token before it several, too.
func (v *Vocabulary) path(text string) (path []int, steps int) {
	ids := append(v.Encode(text), tokenEOS)
	ambiguous := map[int]bool{}
	for {
		path, steps = path[:0], 0
		for _, id := range ids {
			if ambiguous[id] {
				path, steps = append(path, len(v.tokens)+steps), steps+1
			}
			path = append(path, id)
		}
		grown := false
		next := map[int]int{}
		for i, id := range path[:len(path)-1] {
			if was, ok := next[id]; ok && was != path[i+1] && !ambiguous[id] {
				ambiguous[id], grown = true, true
			}
			next[id] = path[i+1]
		}
		if !grown {
			return path, steps
		}
	}
}

// metadata describes the model as llama.cpp reads it.
func (v *Vocabulary) metadata(tokens []string, hidden, ffn int) []GGUFPair {
	const normal, control, single = 1, 3, 6 // llama.h, enum llama_token_type
	kinds := make([]int32, len(tokens))
	for id := range kinds {
		switch {
		case id < specialTokens || id >= len(v.tokens):
			kinds[id] = control
		case v.kind == SentencePiece && id < specialTokens+256:
			kinds[id] = single
		default:
			kinds[id] = normal
		}
	}
	pairs := []GGUFPair{
		{"general.architecture", "llama"}, {"general.name", "guardtest"}, {"general.license", "apache-2.0"},
		{"llama.context_length", uint32(modelContext)}, {"llama.embedding_length", uint32(hidden)}, {"llama.feed_forward_length", uint32(ffn)},
		{"llama.block_count", uint32(1)}, {"llama.attention.head_count", uint32(1)}, {"llama.attention.head_count_kv", uint32(1)},
		{"llama.rope.dimension_count", uint32(hidden)}, {"llama.attention.layer_norm_rms_epsilon", float32(1e-5)},
		{"tokenizer.ggml.model", string(v.kind)}, {"tokenizer.ggml.tokens", tokens}, {"tokenizer.ggml.token_type", kinds},
		{"tokenizer.ggml.bos_token_id", uint32(tokenBOS)}, {"tokenizer.ggml.eos_token_id", uint32(tokenEOS)},
		{"tokenizer.ggml.add_bos_token", false}, {"tokenizer.ggml.add_space_prefix", false}, {"tokenizer.chat_template", ChatTemplate},
	}
	if v.kind == ByteLevel {
		return append(pairs, GGUFPair{"tokenizer.ggml.pre", "gpt-2"}, GGUFPair{"tokenizer.ggml.merges", v.Merges()})
	}
	scores := make([]float32, len(tokens))
	for id, token := range tokens {
		if r, ok := v.rank[token]; ok {
			scores[id] = -float32(r)
		} else if kinds[id] == normal {
			scores[id] = -maxMerges // a character: nothing is joined to it
		}
	}
	return append(pairs, GGUFPair{"tokenizer.ggml.scores", scores})
}

// matrix is one of rows, each of a width.
type matrix struct {
	width int
	data  []float32
}

func newMatrix(n int) matrix                     { return matrix{n, make([]float32, n*n)} }
func (m matrix) set(row, column int, x float32)  { m.data[row*m.width+column] = x }
func (m matrix) add(row, column int, by float32) { m.data[row*m.width+column] += by }

func f32(name string, values []float32) GGUFTensor {
	t := GGUFTensor{Name: name, Type: GGUFF32, Dims: []int{len(values)}}
	for _, x := range values {
		t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(x))
	}
	return t
}

func f16(name string, values []float32, dims ...int) GGUFTensor {
	t := GGUFTensor{Name: name, Type: GGUFF16, Dims: dims, Data: make([]byte, 0, 2*len(values))}
	for _, x := range values {
		t.Data = binary.LittleEndian.AppendUint16(t.Data, half(x))
	}
	return t
}

// half returns the nearest binary16 of a value of magnitude 0 or 2^-14 to 65504, ties away from zero.
func half(x float32) uint16 {
	b := math.Float32bits(x)
	if b<<1 == 0 {
		return uint16(b >> 16)
	}
	b += 1 << 12 // half a unit of the ten bits that stay; a carry goes to the exponent, as it should
	e := int(b>>23&0xff) - 127 + 15
	if e < 1 {
		return uint16(b >> 16 & 0x8000)
	}
	return uint16(b>>16&0x8000) | uint16(e)<<10 | uint16(b>>13&0x3ff)
}
