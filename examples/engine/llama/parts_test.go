package llama

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"
	"unsafe"

	"github.com/holdfast-ai/holdfast/examples/engine/refuse"
)

func TestFloats(t *testing.T) {
	f16 := []struct {
		bits uint16
		want float32
	}{
		{0x0000, 0}, {0x3c00, 1}, {0xc000, -2}, {0x7bff, 65504}, {0x0400, 1.0 / 16384}, {0x0001, 1.0 / (1 << 24)},
		{0x03ff, 1023.0 / (1 << 24)}, {0x3555, 0.333251953125}, {0x7c00, float32(math.Inf(1))}, {0xfc00, float32(math.Inf(-1))},
	}
	for _, c := range f16 {
		got, err := floats("F16", binary.LittleEndian.AppendUint16(nil, c.bits), 1)
		if err != nil || got[0] != c.want {
			t.Errorf("F16 %#04x: %v %v, want %v", c.bits, got, err, c.want)
		}
	}
	if v := float16(0x8000); v != 0 || !math.Signbit(float64(v)) {
		t.Errorf("minus zero: %v", v)
	}
	if v := float16(0x7e00); v == v {
		t.Errorf("NaN: %v", v)
	}
	if got, err := floats("BF16", []byte{0xc0, 0x3f, 0x20, 0xc0}, 2); err != nil || got[0] != 1.5 || got[1] != -2.5 {
		t.Errorf("BF16: %v %v", got, err)
	}
	// Q8_0 by hand: two blocks, scales 0.5 and -0.25, values -128 to -97 and 96 to 127.
	var q []byte
	for b, scale := range []uint16{0x3800, 0xb400} {
		q = binary.LittleEndian.AppendUint16(q, scale)
		for i := range 32 {
			q = append(q, byte(int8([2]int{-128, 96}[b]+i)))
		}
	}
	got, err := floats("Q8_0", q, 64)
	if err != nil || got[0] != -64 || got[31] != -48.5 || got[32] != -24 || got[63] != -31.75 {
		t.Errorf("Q8_0: %v %v", got, err)
	}
	for kind, n := range map[string]int{"F32": 3, "F16": 9, "BF16": 1, "Q8_0": 33} {
		if _, err := floats(kind, make([]byte, 34), n); !errors.Is(err, refuse.ErrFormat) {
			t.Errorf("%s, wrong size: %v", kind, err)
		}
	}
	if _, err := floats("Q4_0", make([]byte, 18), 32); !errors.Is(err, refuse.ErrUnsupported) {
		t.Errorf("Q4_0: %v", err)
	}
}

// TestInPlace: aligned F32 is used where it is, anything else is copied and means the same.
func TestInPlace(t *testing.T) {
	words := []float32{0, 1, 2, 3} // aligned
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), 16)
	in, err := floats("F32", b[:8], 2)
	if err != nil || unsafe.Pointer(&in[0]) != unsafe.Pointer(&b[0]) {
		t.Errorf("copied: %v", err)
	}
	shifted := append(make([]byte, 0, 16), b...)
	copy(b[1:], shifted[4:12])
	out, err := floats("F32", b[1:9], 2)
	if err != nil || out[0] != 1 || out[1] != 2 {
		t.Errorf("unaligned: %v %v", out, err)
	}
}

func TestSampler(t *testing.T) {
	logits := []float32{0, 2, 1, -1}
	draw := func(o Sampling, n int) (count [4]int) {
		s := NewSampler(4, o)
		for range n {
			id, err := s.Next(logits)
			if err != nil {
				t.Fatal(err)
			}
			count[id]++
		}
		return count
	}
	if c := draw(Sampling{}, 10); c[1] != 10 {
		t.Errorf("greedy: %v", c)
	}
	const n = 20000
	c := draw(Sampling{Temperature: 1, Seed: 7}, n)
	var sum float64
	for _, l := range logits {
		sum += math.Exp(float64(l))
	}
	for i, l := range logits {
		p := math.Exp(float64(l)) / sum
		if got := float64(c[i]) / n; math.Abs(got-p) > 5*math.Sqrt(p*(1-p)/n) {
			t.Errorf("token %d: share %v, want %v", i, got, p)
		}
	}
	if c := draw(Sampling{Temperature: 1, TopP: 0.8, Seed: 7}, n); c[0] != 0 || c[3] != 0 || c[1] == 0 || c[2] == 0 {
		t.Errorf("top-p 0.8 of 0.64, 0.24, …: %v", c)
	}
	if c := draw(Sampling{Temperature: 2, TopP: 1e-9}, 100); c[1] != 100 {
		t.Errorf("smallest top-p: %v", c)
	}
	if draw(Sampling{Temperature: 1, Seed: 3}, 50) != draw(Sampling{Temperature: 1, Seed: 3}, 50) {
		t.Error("one seed, two texts")
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for _, o := range []Sampling{{}, {Temperature: 1}} {
			if _, err := NewSampler(2, o).Next([]float32{0, float32(bad)}); !errors.Is(err, ErrNumeric) {
				t.Errorf("%v: %v", bad, err)
			}
		}
	}
}

const goodConfig = `{"architectures":["LlamaForCausalLM"],"model_type":"llama","vocab_size":37,"hidden_size":24,"intermediate_size":20,
"num_hidden_layers":2,"num_attention_heads":6,"num_key_value_heads":2,"max_position_embeddings":16,"rms_norm_eps":1e-5,"hidden_act":"silu","eos_token_id":[1,2]}`

// TestParseConfig adds or changes one key of a good configuration.
func TestParseConfig(t *testing.T) {
	c, err := ParseConfig([]byte(goodConfig))
	if err != nil || c.HeadDim != 4 || c.Theta != 10000 || len(c.EOS) != 2 || c.Tied {
		t.Fatalf("%+v %v", c, err)
	}
	for _, x := range []struct {
		old, new string
		want     error
	}{
		{`"llama"`, `"mistral"`, refuse.ErrUnsupported},
		{`"LlamaForCausalLM"`, `"LlamaForCausalLM","X"`, refuse.ErrUnsupported},
		{`"silu"`, `"gelu"`, refuse.ErrUnsupported},
		{`{`, `{"attention_bias":true,`, refuse.ErrUnsupported},
		{`{`, `{"mlp_bias":true,`, refuse.ErrUnsupported},
		{`{`, `{"rope_scaling":{"rope_type":"llama3","factor":8.0},`, refuse.ErrUnsupported},
		{`{`, `{"rope_scaling":null,`, nil},
		{`{`, `{"rope_parameters":{"rope_type":"default","rope_theta":5e5},`, nil},
		{`{`, `{"rope_parameters":{"rope_type":"yarn","rope_theta":5e5},`, refuse.ErrUnsupported},
		{`{`, `{"rope_theta":1e4,"rope_parameters":{"rope_type":"default","rope_theta":5e5},`, refuse.ErrFormat},
		{`{`, `{"quantization_config":{"bits":4},`, refuse.ErrUnsupported},
		{`{`, `{"auto_map":{"AutoModel":"x.Y"},`, refuse.ErrUnsupported},
		{`{`, `{"sliding_window":8,`, refuse.ErrUnsupported},
		{`{`, `{"pretraining_tp":2,`, refuse.ErrUnsupported},
		{`"num_attention_heads":6`, `"num_attention_heads":0`, refuse.ErrFormat},
		{`"num_attention_heads":6`, `"num_attention_heads":7`, refuse.ErrFormat},
		{`"num_attention_heads":6`, `"num_attention_heads":-6`, refuse.ErrFormat},
		{`"vocab_size":37`, `"vocab_size":4611686018427387904`, refuse.ErrFormat},
		{`"vocab_size":37`, `"vocab_size":1e999`, refuse.ErrFormat},
		{`"vocab_size":37`, `"vocab_size":"37"`, refuse.ErrFormat},
		{`[1,2]`, `"2"`, refuse.ErrFormat},
		{`[1,2]`, `99`, refuse.ErrFormat},
		{`{`, `[`, refuse.ErrFormat},
	} {
		_, err := ParseConfig([]byte(strings.Replace(goodConfig, x.old, x.new, 1)))
		if !errors.Is(err, x.want) {
			t.Errorf("%s -> %s: %v, want %v", x.old, x.new, err, x.want)
		}
	}
}

// FuzzConfig: no configuration makes the parser, the loader or a step panic, and none that is accepted is out of bounds.
func FuzzConfig(f *testing.F) {
	f.Add([]byte(goodConfig))
	f.Add([]byte(strings.Replace(goodConfig, `:6`, `:0`, 1)))
	f.Add([]byte(strings.Replace(goodConfig, `:37`, `:1e18`, 1)))
	tensors := randomTensors(small())
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseConfig(data)
		if err != nil {
			if !errors.Is(err, refuse.ErrFormat) && !errors.Is(err, refuse.ErrUnsupported) {
				t.Fatalf("untyped error: %v", err)
			}
			return
		}
		if c.Check() != nil {
			t.Fatal("accepted what Check refuses")
		}
		m, err := New(c, tensors)
		if err != nil {
			return
		}
		s, err := m.NewSession(1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Step(0, true); err != nil {
			t.Fatal(err)
		}
	})
}
