package tensor_test

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/tensor"
)

// Integer ranges agree with a plain comparison, for every dtype, ends at the edges of the type, and position in a word.
func TestRangesAgreeWithPlainComparison(t *testing.T) {
	edges := []int64{
		math.MinInt64, math.MinInt64 + 1, math.MinInt32, -32769, -32768, -129, -128, -127, -2, -1, 0, 1, 2, 126, 127, 128, 129, 254, 255, 256,
		32767, 32768, 65535, 65536, math.MaxInt32, math.MaxInt32 + 1, math.MaxUint32, math.MaxUint32 + 1, math.MaxInt64 - 1, math.MaxInt64,
	}
	for d := tensor.U8; d <= tensor.I64; d++ {
		w, signed := 8*d.Size(), d >= tensor.I8
		value := func(bits uint64) (v int64, above bool) { // what the element holds
			v = int64(bits << (64 - w))
			if signed {
				return v >> (64 - w), false
			}
			u := uint64(v) >> (64 - w)
			return int64(u), u > math.MaxInt64
		}
		s := anyShape(d)
		data := make([]byte, 11*d.Size()) // with a tail, whatever the size
		for _, lo := range edges {
			for _, hi := range edges {
				if hi < lo {
					continue
				}
				s.Ints = &tensor.Range{Min: lo, Max: hi}
				// Every element but one holds the first value that is accepted, if there is one.
				i := slices.IndexFunc(edges, func(e int64) bool {
					v, above := value(uint64(e))
					return !above && v >= lo && v <= hi
				})
				if i < 0 {
					continue
				}
				for k := range 11 {
					copy(data[k*d.Size():], binary.LittleEndian.AppendUint64(nil, uint64(edges[i]))[:d.Size()])
				}
				for n, e := range edges {
					at := n % 11
					old := slices.Clone(data[at*d.Size() : (at+1)*d.Size()])
					copy(data[at*d.Size():], binary.LittleEndian.AppendUint64(nil, uint64(e))[:d.Size()])
					v, above := value(uint64(e))
					want := !above && v >= lo && v <= hi
					err := s.Check(tensor.View{DType: d, Shape: []int64{11}, Data: data})
					if (err == nil) != want {
						t.Fatalf("%v: %d in [%d, %d] at %d: %v", d, v, lo, hi, at, err)
					}
					if x, ok := errors.AsType[*tensor.Error](err); ok && x.Index != int64(at) {
						t.Fatalf("%v: index %d, want %d", d, x.Index, at)
					}
					copy(data[at*d.Size():], old)
				}
			}
		}
	}
}

func TestNorms(t *testing.T) {
	s := anyShape(tensor.F32)
	s.Norms = &tensor.Span{Min: 0.99, Max: 1.01}
	v := tensor.View{DType: tensor.F32, Shape: []int64{2, 5}, Data: f32(0.6, 0.8, 0, 0, 0, 0, 0, 0, 0, -1)}
	if err := s.Check(v); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string][]byte{"zero": f32(0, 0, 0, 0, 0), "long": f32(1, 1, 0, 0, 0), "huge": f32(3e38, 3e38, 3e38, 3e38, 3e38)} {
		bad := v
		bad.Data = slices.Clone(v.Data)
		copy(bad.Data[20:], row)
		if e, ok := errors.AsType[*tensor.Error](s.Check(bad)); !ok || e.Reason != tensor.ReasonNorm || e.Index != 5 {
			t.Errorf("%s: %v", name, e)
		}
	}
	col := tensor.View{DType: tensor.F32, Shape: []int64{5}, Strides: []int64{5}, Offset: 4, Data: append(make([]byte, 96), f32(1)...)}
	if err := s.Check(col); err != nil {
		t.Error("last column:", err)
	}
	col.Offset = 3
	if e, ok := errors.AsType[*tensor.Error](s.Check(col)); !ok || e.Reason != tensor.ReasonNorm || e.Index != 0 {
		t.Error("zero column:", e)
	}
	half := anyShape(tensor.F16)
	half.Norms = s.Norms
	if err := half.Check(tensor.View{DType: tensor.F16, Shape: []int64{1}, Data: []byte{0, 0x3c}}); err != nil {
		t.Error(err)
	}
}

func TestValuesOutsideAreFound(t *testing.T) {
	s := anyShape(tensor.BF16)
	s.Values = &tensor.Span{Min: 0, Max: 1}
	s.InsecureAllowNonFinite = false
	v := tensor.View{DType: tensor.BF16, Shape: []int64{3}, Data: []byte{0, 0, 0x80, 0x3f, 0, 0x3f}}
	if err := s.Check(v); err != nil {
		t.Fatal(err)
	}
	v.Data[1] = 0xbf // negative
	if e, ok := errors.AsType[*tensor.Error](s.Check(v)); !ok || e.Index != 0 || e.Reason != tensor.ReasonRange {
		t.Fatal(e)
	}
}
