package tensor_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/tensor"
)

func f32(v ...float32) []byte {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

func anyShape(d tensor.DType) tensor.Spec {
	return tensor.Spec{DTypes: []tensor.DType{d}, AnyDims: true, MaxElements: 1 << 20, Strided: true}
}

func TestZeroSpecRefuses(t *testing.T) {
	var s tensor.Spec
	if err := s.Check(tensor.View{DType: tensor.F32, Data: f32(1)}); !errors.Is(err, tensor.ErrSpec) {
		t.Fatal(err)
	}
}

// Each row changes one thing of a view that is accepted.
func TestOneFaultOneReason(t *testing.T) {
	spec := tensor.Spec{Name: "x", DTypes: []tensor.DType{tensor.F32}, Dims: []tensor.Range{{1, 4}, {3, 3}}, MaxElements: 12, AbsMax: 10}
	good := func() tensor.View {
		return tensor.View{Name: "x", DType: tensor.F32, Shape: []int64{2, 3}, Data: f32(1, -2, 3, -10, 10, 0)}
	}
	if err := spec.Check(good()); err != nil {
		t.Fatal(err)
	}
	nan := math.Float32frombits(0x7f800001) // signalling, with a payload
	for name, c := range map[string]struct {
		change func(*tensor.View)
		reason string
		index  int64
	}{
		"name":            {func(v *tensor.View) { v.Name = "y" }, "name", -1},
		"dtype":           {func(v *tensor.View) { v.DType = tensor.I32 }, "dtype", -1},
		"no dtype":        {func(v *tensor.View) { v.DType = 0 }, "dtype", -1},
		"rank":            {func(v *tensor.View) { v.Shape = []int64{6} }, "rank", -1},
		"scalar":          {func(v *tensor.View) { v.Shape = nil }, "rank", -1},
		"rank 100,000":    {func(v *tensor.View) { v.Shape = make([]int64, 100_000) }, "rank", -1},
		"dimension":       {func(v *tensor.View) { v.Shape = []int64{3, 2} }, "dimension", -1},
		"negative":        {func(v *tensor.View) { v.Shape = []int64{-2, -3} }, "negative", -1},
		"short":           {func(v *tensor.View) { v.Data = v.Data[:23] }, "length", -1},
		"long":            {func(v *tensor.View) { v.Data = append(v.Data, 0, 0, 0, 0) }, "length", -1},
		"strides":         {func(v *tensor.View) { v.Strides = []int64{3, 1} }, "strides", -1},
		"beyond":          {func(v *tensor.View) { copy(v.Data[8:], f32(10.000001)) }, "not finite or beyond the limit", 2},
		"beyond negative": {func(v *tensor.View) { copy(v.Data[20:], f32(-1e30)) }, "not finite or beyond the limit", 5},
		"NaN":             {func(v *tensor.View) { copy(v.Data, f32(nan)) }, "not finite or beyond the limit", 0},
		"-Inf":            {func(v *tensor.View) { copy(v.Data[4:], f32(float32(math.Inf(-1)))) }, "not finite or beyond the limit", 1},
	} {
		t.Run(name, func(t *testing.T) {
			v := good()
			c.change(&v)
			e, ok := errors.AsType[*tensor.Error](spec.Check(v))
			if !ok || e.Reason != c.reason || e.Index != c.index || !errors.Is(e, tensor.ErrTensor) {
				t.Fatalf("%+v", e)
			}
		})
	}
}

// Products that wrap around in 64 bits, and sizes that wrap in bytes.
func TestShapesDoNotOverflow(t *testing.T) {
	for _, shape := range [][]int64{
		{4, 1<<62 + 2}, {1 << 33, 1<<31 + 2}, {1 << 32, 1 << 32}, {3074457345618258605, 6}, {0, math.MaxInt64, math.MaxInt64},
		{math.MaxInt64}, {math.MinInt64}, {-1}, {1 << 61}, {1 << 62},
	} {
		for _, n := range []int{0, 8, 14 * 4, 64} {
			s := anyShape(tensor.F32)
			s.MaxElements = math.MaxInt64
			if err := s.Check(tensor.View{DType: tensor.F32, Shape: shape, Data: make([]byte, n)}); !errors.Is(err, tensor.ErrTensor) {
				t.Errorf("%v over %d bytes: %v", shape, n, err)
			}
		}
	}
}

func TestStridedViewsAreCheckedAsTheModelSeesThem(t *testing.T) {
	inf := float32(math.Inf(1))
	data := f32(1, 2, inf, 4, 5, 6, inf, 8, 9, 10) // a view of two columns of three rows of four
	s := anyShape(tensor.F32)
	v := tensor.View{DType: tensor.F32, Shape: []int64{3, 2}, Strides: []int64{4, 1}, Data: data}
	if err := s.Check(v); err != nil {
		t.Fatal("elements outside the view were judged:", err)
	}
	copy(data[9*4:], f32(inf))
	if e, ok := errors.AsType[*tensor.Error](s.Check(v)); !ok || e.Index != 5 {
		t.Fatal(e)
	}
	step := tensor.View{DType: tensor.F32, Shape: []int64{5}, Strides: []int64{2}, Data: f32(1, inf, 1, inf, 1, inf, 1, inf, 1)}
	if err := s.Check(step); err != nil {
		t.Fatal(err)
	}
	transposed := tensor.View{DType: tensor.F32, Shape: []int64{2, 2}, Strides: []int64{1, 2}, Data: f32(1, inf, 3, 4)}
	if e, ok := errors.AsType[*tensor.Error](s.Check(transposed)); !ok || e.Index != 2 {
		t.Fatal(e)
	}
	for _, bad := range [][]int64{{4, -1}, {5, 1}, {math.MaxInt64, math.MaxInt64}, {1 << 62, 1}} {
		v.Strides = bad
		if e, ok := errors.AsType[*tensor.Error](s.Check(v)); !ok || e.Reason != tensor.ReasonStrides {
			t.Errorf("%v: %v", bad, e)
		}
	}
}

// every float dtype agrees with a plain reading of its bits, for every length, position and bad value.
func TestKernelsAgreeWithPlainReading(t *testing.T) {
	values := map[tensor.DType]struct{ good, bad []uint64 }{
		tensor.F16:  {[]uint64{0, 0x8000, 1, 0x7bff, 0xfbff, 0x3c00}, []uint64{0x7c00, 0xfc00, 0x7c01, 0x7fff, 0xffff, 0x7e00}},
		tensor.BF16: {[]uint64{0, 0x8000, 1, 0x7f7f, 0xff7f, 0x3f80}, []uint64{0x7f80, 0xff80, 0x7f81, 0x7fff, 0xffff}},
		tensor.F32:  {[]uint64{0, 1 << 31, 1, 0x7f7fffff, 0xff7fffff}, []uint64{0x7f800000, 0xff800000, 0x7f800001, 0xffffffff}},
		tensor.F64:  {[]uint64{0, 1 << 63, 1, 0x7fefffffffffffff, 0xffefffffffffffff}, []uint64{0x7ff0000000000000, 0xfff0000000000000, 0x7ff0000000000001, math.MaxUint64}},
		tensor.Bool: {[]uint64{0, 1}, []uint64{2, 0x80, 0xff, 3}},
	}
	for d, v := range values {
		size := d.Size()
		s := anyShape(d)
		put := func(b []byte, i int, w uint64) {
			for k := range size {
				b[i*size+k] = byte(w >> (8 * k))
			}
		}
		for n := 1; n <= 75; n++ {
			buf := make([]byte, n*size+1)[1:] // not aligned
			for i := range n {
				put(buf, i, v.good[i%len(v.good)])
			}
			view := tensor.View{DType: d, Shape: []int64{int64(n)}, Data: buf}
			if err := s.Check(view); err != nil {
				t.Fatalf("%v, %d good elements: %v", d, n, err)
			}
			for i := range n {
				for _, bad := range v.bad {
					put(buf, i, bad)
					if e, ok := errors.AsType[*tensor.Error](s.Check(view)); !ok || e.Index != int64(i) {
						t.Fatalf("%v, element %d of %d is %#x: %v", d, i, n, bad, e)
					}
				}
				put(buf, i, v.good[i%len(v.good)])
			}
		}
	}
}

// f16 decodes binary16, as the oracle of the limits.
func f16(b uint16) float64 {
	exp, frac := int(b>>10&31), float64(b&1023)
	v := math.Ldexp(1+frac/1024, exp-15)
	switch exp {
	case 0:
		v = math.Ldexp(frac, -24)
	case 31:
		v = math.NaN()
	}
	if b>>15 == 1 {
		v = -v
	}
	return v
}

func TestLimitsAreExact(t *testing.T) {
	for _, limit := range []float64{0x1p-24, 3e-8, 0x1p-14, 0x1p-15, 0.1, 1, 1.0001, 10, 2047.5, 65503.9, 65504, 1e6} {
		s := anyShape(tensor.F16)
		s.AbsMax = limit
		b := anyShape(tensor.BF16)
		b.AbsMax = limit
		for bits := range 1 << 16 {
			data := binary.LittleEndian.AppendUint16(nil, uint16(bits))
			if want, got := math.Abs(f16(uint16(bits))) <= limit, s.Check(tensor.View{DType: tensor.F16, Data: data}) == nil; want != got {
				t.Fatalf("f16 %#04x, limit %v: accepted %v", bits, limit, got)
			}
			v := math.Abs(float64(math.Float32frombits(uint32(bits) << 16)))
			if want, got := v <= limit, b.Check(tensor.View{DType: tensor.BF16, Data: data}) == nil; want != got {
				t.Fatalf("bf16 %#04x, limit %v: accepted %v", bits, limit, got)
			}
		}
	}
}

func TestCheckDoesNotAllocate(t *testing.T) {
	s := anyShape(tensor.F32)
	for _, v := range []tensor.View{
		{DType: tensor.F32, Shape: []int64{64, 64}, Data: make([]byte, 64*64*4)},
		{DType: tensor.F32, Shape: []int64{32, 32}, Strides: []int64{64, 2}, Data: make([]byte, 64*64*4)},
	} {
		if n := testing.AllocsPerRun(100, func() {
			if s.Check(v) != nil {
				t.Fatal("refused")
			}
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add(uint8(tensor.F32), int64(2), int64(3), int64(3), int64(1), true, make([]byte, 24))
	f.Add(uint8(tensor.BF16), int64(4), int64(1<<62+2), int64(0), int64(0), false, []byte{1})
	f.Fuzz(func(t *testing.T, d uint8, a, b, sa, sb int64, strided bool, data []byte) {
		s := anyShape(tensor.DType(d))
		s.MaxElements = 1 << 12
		v := tensor.View{DType: tensor.DType(d), Shape: []int64{a, b}, Data: data}
		if strided {
			v.Strides = []int64{sa, sb}
		}
		if s.Check(v) != nil {
			return
		}
		// What was accepted can be read, element by element, and is finite.
		size := int64(v.DType.Size())
		if !strided {
			sa, sb = b, 1
		}
		for i := range a {
			for j := range b {
				at := (i*sa + j*sb) * size
				e := data[at : at+size]
				if v.DType == tensor.F32 {
					if x := float64(math.Float32frombits(binary.LittleEndian.Uint32(e))); math.IsNaN(x) || math.IsInf(x, 0) {
						t.Fatal(i, j, x)
					}
				}
			}
		}
	})
}

func BenchmarkFinite(b *testing.B) {
	for _, size := range []int{64 << 10, 64 << 20} {
		data := make([]byte, size)
		for i := 0; i < size; i += 4 {
			binary.LittleEndian.PutUint32(data[i:], math.Float32bits(float32(i%977)-400.5))
		}
		s := anyShape(tensor.F32)
		s.MaxElements = 1 << 30
		v := tensor.View{DType: tensor.F32, Shape: []int64{int64(size / 4)}, Data: data}
		b.Run(fmt.Sprintf("check/%dKiB", size>>10), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Check(v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
