package llama

import (
	"fmt"
	"slices"

	"github.com/holdfast-ai/holdfast/examples/engine/refuse"
)

// A Tensor is one named array of a weight file, in whatever type the file has.
type Tensor struct {
	Name  string
	Type  string // F32, F16, BF16, Q8_0, …
	Shape []int  // outermost first, as safetensors writes it
	Data  []byte
}

type layer struct {
	attnNorm, ffnNorm []float32 // [hidden]
	q                 []float32 // [heads*headDim, hidden]
	k, v              []float32 // [kvHeads*headDim, hidden]
	o                 []float32 // [hidden, heads*headDim]
	gate, up          []float32 // [ffn, hidden]
	down              []float32 // [hidden, ffn]
}

// A Model is a configuration with its weights. It is immutable and safe for concurrent use.
type Model struct {
	Config
	embed  []float32 // [vocab, hidden]
	norm   []float32 // [hidden]
	head   []float32 // [vocab, hidden]; the embedding where tied
	layers []layer
}

// names of the tensors in the two layouts.
type names struct {
	embed, norm, head, layer                      string
	attnNorm, ffnNorm, q, k, v, o, gate, up, down string
}

func hfNames() names {
	return names{embed: "model.embed_tokens.weight", norm: "model.norm.weight", head: "lm_head.weight", layer: "model.layers.%d.",
		attnNorm: "input_layernorm.weight", ffnNorm: "post_attention_layernorm.weight", q: "self_attn.q_proj.weight", k: "self_attn.k_proj.weight",
		v: "self_attn.v_proj.weight", o: "self_attn.o_proj.weight", gate: "mlp.gate_proj.weight", up: "mlp.up_proj.weight", down: "mlp.down_proj.weight"}
}

func ggufNames() names {
	return names{embed: "token_embd.weight", norm: "output_norm.weight", head: "output.weight", layer: "blk.%d.",
		attnNorm: "attn_norm.weight", ffnNorm: "ffn_norm.weight", q: "attn_q.weight", k: "attn_k.weight",
		v: "attn_v.weight", o: "attn_output.weight", gate: "ffn_gate.weight", up: "ffn_up.weight", down: "ffn_down.weight"}
}

// New makes a model from tensors whose Data it keeps: aligned F32 is used in place, all else becomes float32 here.
// Every tensor must be one that the architecture has, once, in its shape: a bias or a rope table is refused, not ignored.
// Errors: [refuse.ErrFormat], [refuse.ErrUnsupported].
func New(c Config, tensors []Tensor) (*Model, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	n := hfNames()
	if c.Interleaved {
		n = ggufNames()
	}
	t := table{left: make(map[string]Tensor, len(tensors))}
	for _, x := range tensors {
		if _, dup := t.left[x.Name]; dup {
			return nil, refuse.Format(x.Name, "tensor twice")
		}
		t.left[x.Name] = x
	}
	m := &Model{Config: c}
	m.embed = t.take(n.embed, c.Vocab, c.Hidden)
	m.norm = t.take(n.norm, c.Hidden)
	m.head = m.embed
	if !c.Tied {
		m.head = t.take(n.head, c.Vocab, c.Hidden)
	}
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	for i := 0; i < c.Layers && t.err == nil; i++ {
		p := fmt.Sprintf(n.layer, i)
		m.layers = append(m.layers, layer{
			attnNorm: t.take(p+n.attnNorm, c.Hidden), ffnNorm: t.take(p+n.ffnNorm, c.Hidden),
			q: t.take(p+n.q, q, c.Hidden), k: t.take(p+n.k, kv, c.Hidden), v: t.take(p+n.v, kv, c.Hidden), o: t.take(p+n.o, c.Hidden, q),
			gate: t.take(p+n.gate, c.FFN, c.Hidden), up: t.take(p+n.up, c.FFN, c.Hidden), down: t.take(p+n.down, c.Hidden, c.FFN),
		})
	}
	if t.err != nil {
		return nil, t.err
	}
	for name := range t.left {
		return nil, refuse.Unsupported("tensor", name)
	}
	return m, nil
}

// table hands out tensors by name and keeps the first error.
type table struct {
	left map[string]Tensor
	err  error
}

func (t *table) take(name string, shape ...int) []float32 {
	if t.err != nil {
		return nil
	}
	x, ok := t.left[name]
	if !ok {
		t.err = refuse.Format(name, "tensor is missing")
		return nil
	}
	delete(t.left, name)
	if !slices.Equal(x.Shape, shape) {
		t.err = refuse.Format(name, fmt.Sprintf("shape %v, the configuration needs %v", x.Shape, shape))
		return nil
	}
	n := 1
	for _, d := range shape {
		n *= d // no overflow: Check bounds every dimension
	}
	out, err := floats(x.Type, x.Data, n)
	if err != nil {
		t.err = fmt.Errorf("%w (tensor %q)", err, name)
	}
	return out
}
