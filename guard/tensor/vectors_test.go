package tensor_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/tensor"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// lines calls f for each line of a file of tensor cases.
func lines[T any](t *testing.T, name string, f func(t *testing.T, id string, c T)) {
	t.Helper()
	data, err := os.ReadFile(testkit.Vectors(t, "formats", "tensor", name))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for sc := bufio.NewScanner(bytes.NewReader(data)); sc.Scan(); n++ {
		var id struct{ ID string }
		var c T
		if err := errors.Join(json.Unmarshal(sc.Bytes(), &id), json.Unmarshal(sc.Bytes(), &c)); err != nil {
			t.Fatal(err)
		}
		t.Run(id.ID, func(t *testing.T) { f(t, id.ID, c) })
	}
	if n == 0 {
		t.Fatal("no cases")
	}
}

func dtype(t *testing.T, name string) (d tensor.DType) {
	t.Helper()
	if err := d.UnmarshalText([]byte(name)); err != nil {
		t.Fatal(err)
	}
	return d
}

// reason returns why a view was refused, "" if it was not.
func reason(t *testing.T, err error) string {
	t.Helper()
	e, ok := errors.AsType[*tensor.Error](err)
	if err != nil && !ok {
		t.Fatal(err)
	}
	if !ok {
		return ""
	}
	return e.Reason
}

func TestShapeVectors(t *testing.T) {
	rules := map[string]string{
		"": "", "overflow": tensor.ReasonOverflow, "limit": tensor.ReasonLimit, "negative": tensor.ReasonNegative, "rank": tensor.ReasonRank,
	}
	lines(t, "shapes.jsonl", func(t *testing.T, _ string, c struct {
		Shape               []string
		DType, Rule, Bytes  string
		Verdict, WrappedEls string
	},
	) {
		want, ok := rules[c.Rule]
		if !ok {
			t.Fatalf("unknown rule %q", c.Rule)
		}
		v := tensor.View{DType: dtype(t, c.DType)}
		for _, s := range c.Shape {
			d, err := strconv.ParseInt(s, 10, 64)
			if err != nil { // 2^63 is no shape at all here
				if want != tensor.ReasonOverflow {
					t.Fatal(err)
				}
				return
			}
			v.Shape = append(v.Shape, d)
		}
		s := anyShape(v.DType)
		s.MaxElements = 1 << 30
		if c.Verdict == "ok" {
			n, err := strconv.Atoi(c.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			v.Data = make([]byte, n)
		}
		if got := reason(t, s.Check(v)); got != want || (got == "") != (c.Verdict == "ok") {
			t.Errorf("refused for %q, want %q", got, want)
		}
	})
}

func TestValueVectors(t *testing.T) {
	lines(t, "values.jsonl", func(t *testing.T, _ string, c struct {
		DType, Hex string
		N          int64
		Finite     bool
		FirstBad   *int64 `json:"first_bad"`
		Denormals  int64
	},
	) {
		data, err := hex.DecodeString(c.Hex)
		if err != nil {
			t.Fatal(err)
		}
		v := tensor.View{DType: dtype(t, c.DType), Shape: []int64{c.N}, Data: data}
		s := anyShape(v.DType)
		err = s.Check(v)
		if e, _ := errors.AsType[*tensor.Error](err); c.Finite != (err == nil) || e != nil && (e.Index != *c.FirstBad || e.Reason != tensor.ReasonFinite) {
			t.Fatal(err)
		}
		if !c.Finite || c.N == 0 {
			return
		}
		// The largest share that is still accepted is the exact one.
		if s.MaxDenormals = float64(c.Denormals) / float64(c.N); c.Denormals > 0 {
			if err := s.Check(v); err != nil {
				t.Error(err)
			}
		}
		if s.MaxDenormals = (float64(c.Denormals) - 0.5) / float64(c.N); c.Denormals > 0 && reason(t, s.Check(v)) != tensor.ReasonDenormal {
			t.Error("denormals were not counted")
		}
	})
}

func TestByteVectors(t *testing.T) {
	rules := map[string]string{"": "", "byte-length": tensor.ReasonLength, "bool-value": tensor.ReasonBool, "bytes-element": tensor.ReasonBytes}
	lines(t, "bytes.jsonl", func(t *testing.T, _ string, c struct {
		DType, Hex, Rule string
		Elements         int64
		ByteLength       int `json:"byte_length"`
	},
	) {
		data, err := hex.DecodeString(c.Hex)
		if err != nil {
			t.Fatal(err)
		}
		if c.Hex == "" {
			data = make([]byte, c.ByteLength)
		}
		s := anyShape(dtype(t, c.DType))
		want, ok := rules[c.Rule]
		if got := reason(t, s.Check(tensor.View{DType: s.DTypes[0], Shape: []int64{c.Elements}, Data: data})); !ok || got != want {
			t.Errorf("refused for %q, want %q", got, want)
		}
	})
}

func TestViewVectors(t *testing.T) {
	rules := map[string]string{"": "", "report": "", "range": tensor.ReasonStrides, "negative-stride": tensor.ReasonStrides, "rank": tensor.ReasonRank}
	lines(t, "views.jsonl", func(t *testing.T, _ string, c struct {
		Shape, Strides []int64
		Offset         int64
		DataElements   int `json:"data_elements"`
		Rule           string
	},
	) {
		for _, d := range []tensor.DType{tensor.U8, tensor.F16, tensor.F32, tensor.F64} {
			s := anyShape(d)
			v := tensor.View{DType: d, Shape: c.Shape, Strides: c.Strides, Offset: c.Offset, Data: make([]byte, c.DataElements*d.Size())}
			if got, want := reason(t, s.Check(v)), rules[c.Rule]; got != want {
				t.Errorf("%v: refused for %q, want %q", d, got, want)
			}
			s.Strided = false
			if got := reason(t, s.Check(v)); got == "" {
				t.Errorf("%v: a strided view was accepted", d)
			}
		}
	})
}

func TestTokenVectors(t *testing.T) {
	lines(t, "tokens.jsonl", func(t *testing.T, _ string, c struct {
		DType    string
		IDs      []string
		Vocab    int64
		MaxID    *int64 `json:"max_id"`
		FirstBad *int64 `json:"first_bad"`
		Verdict  string
	},
	) {
		d := dtype(t, c.DType)
		var data []byte
		for _, id := range c.IDs {
			x, err := strconv.ParseInt(id, 10, 64)
			if u, uerr := strconv.ParseUint(id, 10, 64); err != nil && uerr == nil {
				x, err = int64(u), nil
			}
			if err != nil {
				t.Fatal(err)
			}
			data = append(data, binary.LittleEndian.AppendUint64(nil, uint64(x))[:d.Size()]...)
		}
		s := anyShape(d)
		s.Ints = &tensor.Range{Min: 0, Max: c.Vocab - 1}
		if c.MaxID != nil {
			s.Ints.Max = *c.MaxID
		}
		s.Dims, s.AnyDims = []tensor.Range{{Min: 1, Max: 1 << 20}}, false // an empty sequence is refused
		err := s.Check(tensor.View{DType: d, Shape: []int64{int64(len(c.IDs))}, Data: data})
		if (err == nil) != (c.Verdict == "ok") {
			t.Fatal(err)
		}
		if e, _ := errors.AsType[*tensor.Error](err); c.FirstBad != nil && (e.Index != *c.FirstBad || e.Reason != tensor.ReasonRange) {
			t.Error(err)
		}
	})
}
