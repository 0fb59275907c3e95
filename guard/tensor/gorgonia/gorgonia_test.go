package gorgonia_test

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"testing"

	dense "gorgonia.org/tensor"

	"github.com/holdfast-ai/holdfast/guard/tensor"
	"github.com/holdfast-ai/holdfast/guard/tensor/gorgonia"
)

func spec() *tensor.Spec {
	return &tensor.Spec{DTypes: []tensor.DType{tensor.F32}, AnyDims: true, MaxElements: 1 << 16, Strided: true}
}

func check(t *testing.T, d *dense.Dense) error {
	t.Helper()
	v, err := gorgonia.View("x", d)
	if err != nil {
		return err
	}
	return spec().Check(v)
}

func matrix(rows, cols int, nan ...int) *dense.Dense {
	back := make([]float32, rows*cols)
	for i := range back {
		back[i] = float32(i)
	}
	for _, i := range nan {
		back[i] = float32(math.NaN())
	}
	return dense.New(dense.WithShape(rows, cols), dense.WithBacking(back))
}

func TestViewAliasesAndFindsNaN(t *testing.T) {
	d := matrix(3, 4)
	if err := check(t, d); err != nil {
		t.Fatal(err)
	}
	d.Data().([]float32)[7] = float32(math.NaN())
	if e, ok := errors.AsType[*tensor.Error](check(t, d)); !ok || e.Index != 7 {
		t.Fatal(e)
	}
}

// gorgonia's Data() of a view holds elements that the model never sees; only those that it sees decide.
func TestSlicesAndTransposes(t *testing.T) {
	d := matrix(3, 4, 2, 3, 6, 7, 10, 11) // the right half is NaN
	left, err := d.Slice(nil, dense.S(0, 2))
	if err != nil {
		t.Fatal(err)
	}
	if err := check(t, left.(*dense.Dense)); err != nil {
		t.Error("left half:", err)
	}
	right, err := d.Slice(nil, dense.S(2, 4))
	if err != nil {
		t.Fatal(err)
	}
	if err := check(t, right.(*dense.Dense)); !errors.Is(err, tensor.ErrTensor) {
		t.Error("right half:", err)
	}
	step, err := matrix(1, 6, 1, 3, 5).Slice(nil, dense.S(0, 6, 2))
	if err != nil {
		t.Fatal(err)
	}
	if err := check(t, step.(*dense.Dense)); err != nil {
		t.Error("every second:", err)
	}
	tr := matrix(3, 4, 1)
	if err := tr.T(); err != nil {
		t.Fatal(err)
	}
	if e, ok := errors.AsType[*tensor.Error](check(t, tr)); !ok || e.Index != 3 { // (0,1) is (1,0) of the transpose
		t.Error("transposed:", e)
	}
	col := dense.New(dense.WithShape(2, 2), dense.AsFortran([]float32{1, 2, float32(math.NaN()), 4})) // rearranges its input
	if x, err := col.At(1, 0); err != nil || !math.IsNaN(float64(x.(float32))) {
		t.Fatal(x, err)
	}
	if e, ok := errors.AsType[*tensor.Error](check(t, col)); !ok || e.Index != 2 {
		t.Error("column-major:", e)
	}
}

// Shapes that gorgonia accepts although their products wrap around, and ranks that nobody uses.
func TestWhatGorgoniaAccepts(t *testing.T) {
	for name, make := range map[string]func() *dense.Dense{
		"wraps to 0": func() *dense.Dense {
			return dense.New(dense.WithShape(1<<(bits.UintSize/2), 1<<(bits.UintSize/2)), dense.WithBacking([]float32{}))
		},
		"wraps to 14": func() *dense.Dense {
			return dense.New(dense.WithShape((math.MaxUint-9)/6+4, 6), dense.WithBacking(make([]float32, 14)))
		},
		"rank 1,000": func() *dense.Dense { return dense.New(dense.WithShape(ones(1000)...), dense.WithBacking([]float32{1})) },
		"complex":    func() *dense.Dense { return dense.New(dense.WithShape(2), dense.WithBacking([]complex64{1, 2})) },
		"strings":    func() *dense.Dense { return dense.New(dense.WithShape(2), dense.WithBacking([]string{"a", "b"})) },
		"nil":        func() *dense.Dense { return nil },
		"zero":       func() *dense.Dense { return new(dense.Dense) },
		"NaN scalar": func() *dense.Dense { return dense.New(dense.FromScalar(float32(math.NaN()))) },
		"NaN in a column": func() *dense.Dense {
			return dense.New(dense.WithShape(2, 1), dense.WithBacking([]float32{1, float32(math.NaN())}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			var d *dense.Dense
			func() {
				defer func() {
					if recover() != nil {
						t.Skip("gorgonia refuses it itself")
					}
				}()
				d = make()
			}()
			if err := check(t, d); !errors.Is(err, tensor.ErrTensor) && !errors.Is(err, gorgonia.ErrUnsupported) {
				t.Fatal(err)
			}
		})
	}
}

func ones(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = 1
	}
	return s
}

func TestNewRoundTrips(t *testing.T) {
	data := binary.LittleEndian.AppendUint32(nil, math.Float32bits(1.5))
	data = binary.LittleEndian.AppendUint32(data, math.Float32bits(-2))
	in := tensor.View{Name: "x", DType: tensor.F32, Shape: []int64{1, 2}, Data: data}
	d, err := gorgonia.New(in)
	if err != nil {
		t.Fatal(err)
	}
	out, err := gorgonia.View("x", d)
	if err != nil || string(out.Data) != string(data) || len(out.Shape) != 2 || out.DType != tensor.F32 {
		t.Fatal(out, err)
	}
	data[0] ^= 1
	if string(out.Data) == string(data) {
		t.Fatal("the tensor aliases the view")
	}
}

// What makes gorgonia panic, or lie, is an error here.
func TestNewRefuses(t *testing.T) {
	for name, v := range map[string]tensor.View{
		"shape over fewer bytes": {DType: tensor.F32, Shape: []int64{2, 4}, Data: make([]byte, 24)},
		"negative":               {DType: tensor.F32, Shape: []int64{-2, -3}, Data: make([]byte, 24)},
		"wraps to 0":             {DType: tensor.F32, Shape: []int64{1 << 32, 1 << 32}},
		"wraps to 14":            {DType: tensor.F32, Shape: []int64{3074457345618258605, 6}, Data: make([]byte, 56)},
		"empty":                  {DType: tensor.F32, Shape: []int64{0}},
		"bf16":                   {DType: tensor.BF16, Shape: []int64{1}, Data: make([]byte, 2)},
		"no dtype":               {Shape: []int64{1}, Data: make([]byte, 4)},
		"strided":                {DType: tensor.F32, Shape: []int64{1}, Strides: []int64{1}, Data: make([]byte, 4)},
	} {
		if d, err := gorgonia.New(v); d != nil || !errors.Is(err, tensor.ErrTensor) && !errors.Is(err, gorgonia.ErrUnsupported) {
			t.Errorf("%s: %v %v", name, d, err)
		}
	}
}
