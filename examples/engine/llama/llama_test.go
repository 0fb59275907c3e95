package llama

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/examples/engine/refuse"
)

func small() Config {
	return Config{Vocab: 37, Hidden: 24, FFN: 20, Layers: 2, Heads: 6, KVHeads: 2, HeadDim: 4, Context: 16, Eps: 1e-5, Theta: 10000}
}

// harborShape is the shape of the model in this repository.
func harborShape() Config {
	return Config{Vocab: 1024, Hidden: 128, FFN: 384, Layers: 3, Heads: 2, KVHeads: 1, HeadDim: 64, Context: 512, Eps: 1e-5, Theta: 10000, Tied: true}
}

// randomTensors returns F32 tensors of the shapes that c needs.
func randomTensors(c Config) (out []Tensor) {
	n := hfNames()
	if c.Interleaved {
		n = ggufNames()
	}
	r := rand.New(rand.NewPCG(1, 2))
	add := func(name string, shape ...int) {
		size := 1
		for _, d := range shape {
			size *= d
		}
		data := make([]byte, 0, 4*size)
		for range size {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(r.NormFloat64()*0.3)))
		}
		out = append(out, Tensor{Name: name, Type: "F32", Shape: shape, Data: data})
	}
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	add(n.embed, c.Vocab, c.Hidden)
	add(n.norm, c.Hidden)
	if !c.Tied {
		add(n.head, c.Vocab, c.Hidden)
	}
	for i := range c.Layers {
		p := fmt.Sprintf(n.layer, i)
		add(p+n.attnNorm, c.Hidden)
		add(p+n.ffnNorm, c.Hidden)
		add(p+n.q, q, c.Hidden)
		add(p+n.k, kv, c.Hidden)
		add(p+n.v, kv, c.Hidden)
		add(p+n.o, c.Hidden, q)
		add(p+n.gate, c.FFN, c.Hidden)
		add(p+n.up, c.FFN, c.Hidden)
		add(p+n.down, c.Hidden, c.FFN)
	}
	return out
}

func newModel(t testing.TB, c Config) *Model {
	t.Helper()
	m, err := New(c, randomTensors(c))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestForward compares each step with the naive float64 pass, which recomputes the whole sequence.
func TestForward(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*Config)
	}{
		{"half-split untied", func(*Config) {}},
		{"half-split tied", func(c *Config) { c.Tied = true }},
		{"interleaved", func(c *Config) { c.Interleaved = true }},
		{"one head", func(c *Config) { c.Heads, c.KVHeads, c.HeadDim = 1, 1, 10 }},
		{"many heads", func(c *Config) { c.KVHeads = 6 }},
		{"other base", func(c *Config) { c.Theta = 500000 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := small()
			c.edit(&cfg)
			m := newModel(t, cfg)
			s, err := m.NewSession(12)
			if err != nil {
				t.Fatal(err)
			}
			seq := []int{3, 1, 36, 0, 3, 3, 17, 20, 5, 9, 30, 2}
			for i, id := range seq {
				got, err := s.Step(id, true)
				if err != nil {
					t.Fatal(err)
				}
				for j, want := range naive(m, seq[:i+1]) {
					if math.Abs(float64(got[j])-want) > 1e-4*(1+math.Abs(want)) {
						t.Fatalf("position %d, token %d: %v, want %v", i, j, got[j], want)
					}
				}
			}
			if _, err := s.Step(1, true); !errors.Is(err, ErrContext) {
				t.Errorf("beyond the capacity: %v", err)
			}
		})
	}
}

// TestSteps: what follows does not depend on whether a prompt's logits were asked for.
func TestSteps(t *testing.T) {
	m := newModel(t, small())
	a, _ := m.NewSession(3)
	b, _ := m.NewSession(16)
	for i, id := range []int{4, 5, 6} {
		x, errX := a.Step(id, i == 2)
		y, errY := b.Step(id, true)
		if errX != nil || errY != nil || (i < 2) != (x == nil) {
			t.Fatal(errX, errY, x == nil)
		}
		for j := range x {
			if x[j] != y[j] {
				t.Fatalf("logit %d: %v and %v", j, x[j], y[j])
			}
		}
	}
	for _, id := range []int{-1, 37} {
		if _, err := b.Step(id, true); !errors.Is(err, ErrToken) {
			t.Errorf("token %d: %v", id, err)
		}
	}
	for _, n := range []int{-1, 0, 17} {
		if _, err := m.NewSession(n); !errors.Is(err, ErrContext) {
			t.Errorf("session of %d: %v", n, err)
		}
	}
}

// TestNoAllocation: a token costs no allocation, sampling included.
func TestNoAllocation(t *testing.T) {
	m := newModel(t, small())
	s, _ := m.NewSession(16)
	sampler := NewSampler(m.Vocab, Sampling{Temperature: 1, TopP: 0.9, Seed: 1})
	if n := testing.AllocsPerRun(10, func() {
		logits, err := s.Step(1, true)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sampler.Next(logits); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a token", n)
	}
}

// TestRefusals changes one thing of a good model at a time.
func TestRefusals(t *testing.T) {
	find := func(ts []Tensor, suffix string) *Tensor {
		for i := range ts {
			if strings.HasSuffix(ts[i].Name, suffix) {
				return &ts[i]
			}
		}
		t.Fatal("no tensor " + suffix)
		return nil
	}
	for _, c := range []struct {
		name string
		want error
		edit func(*Config, *[]Tensor)
	}{
		{"zero heads", refuse.ErrFormat, func(c *Config, _ *[]Tensor) { c.Heads = 0 }},
		{"zero kv heads", refuse.ErrFormat, func(c *Config, _ *[]Tensor) { c.KVHeads = 0 }},
		{"kv heads do not divide", refuse.ErrFormat, func(c *Config, _ *[]Tensor) { c.KVHeads = 4 }},
		{"odd head_dim", refuse.ErrFormat, func(c *Config, _ *[]Tensor) { c.HeadDim = 5 }},
		{"negative layers", refuse.ErrFormat, func(c *Config, _ *[]Tensor) { c.Layers = -1 }},
		{"huge hidden", refuse.ErrFormat, func(c *Config, _ *[]Tensor) { c.Hidden = math.MaxInt }},
		{"wide attention", refuse.ErrFormat, func(c *Config, _ *[]Tensor) { c.HeadDim = 1 << 20 }},
		{"eps NaN", refuse.ErrFormat, func(c *Config, _ *[]Tensor) { c.Eps = math.NaN() }},
		{"theta zero", refuse.ErrFormat, func(c *Config, _ *[]Tensor) { c.Theta = 0 }},
		{"eos outside", refuse.ErrFormat, func(c *Config, _ *[]Tensor) { c.EOS = []int{37} }},
		{"more layers than tensors", refuse.ErrFormat, func(c *Config, _ *[]Tensor) { c.Layers = 1024 }},
		{"fewer layers than tensors", refuse.ErrUnsupported, func(c *Config, _ *[]Tensor) { c.Layers = 1 }},
		{"head beside tie", refuse.ErrUnsupported, func(c *Config, _ *[]Tensor) { c.Tied = true }},
		{"other vocabulary", refuse.ErrFormat, func(c *Config, _ *[]Tensor) { c.Vocab++ }},
		{"missing", refuse.ErrFormat, func(_ *Config, ts *[]Tensor) { *ts = (*ts)[1:] }},
		{"twice", refuse.ErrFormat, func(_ *Config, ts *[]Tensor) { *ts = append(*ts, (*ts)[0]) }},
		{"bias", refuse.ErrUnsupported, func(_ *Config, ts *[]Tensor) {
			*ts = append(*ts, Tensor{Name: "model.layers.0.self_attn.q_proj.bias", Type: "F32", Shape: []int{1}, Data: make([]byte, 4)})
		}},
		{"transposed", refuse.ErrFormat, func(_ *Config, ts *[]Tensor) {
			x := find(*ts, "down_proj.weight")
			x.Shape = []int{x.Shape[1], x.Shape[0]}
		}},
		{"flat", refuse.ErrFormat, func(_ *Config, ts *[]Tensor) {
			x := find(*ts, "down_proj.weight")
			x.Shape = []int{x.Shape[1] * x.Shape[0]}
		}},
		{"one dimension more", refuse.ErrFormat, func(_ *Config, ts *[]Tensor) {
			x := find(*ts, "down_proj.weight")
			x.Shape = append(x.Shape, 1)
		}},
		{"short data", refuse.ErrFormat, func(_ *Config, ts *[]Tensor) { x := find(*ts, "norm.weight"); x.Data = x.Data[:4] }},
		{"dtype", refuse.ErrUnsupported, func(_ *Config, ts *[]Tensor) { find(*ts, "norm.weight").Type = "I8" }},
	} {
		cfg := small()
		ts := randomTensors(cfg)
		if _, err := New(cfg, ts); err != nil {
			t.Fatalf("the twin: %v", err)
		}
		c.edit(&cfg, &ts)
		if _, err := New(cfg, ts); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// BenchmarkDecode reports tokens a second for a model of the shape of harbor-tiny, over its whole context.
func BenchmarkDecode(b *testing.B) {
	m := newModel(b, harborShape())
	s, err := m.NewSession(m.Context)
	if err != nil {
		b.Fatal(err)
	}
	sampler := NewSampler(m.Vocab, Sampling{})
	b.ReportAllocs()
	id := 0
	for b.Loop() {
		if s.pos == s.cap {
			s.pos = 0
		}
		logits, err := s.Step(id, true)
		if err != nil {
			b.Fatal(err)
		}
		if id, err = sampler.Next(logits); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
}
