// Package gorgonia carries gorgonia.org/tensor values to and from the checks of guard/tensor. Importing gorgonia is left to
// this package: its constructors panic on bad shapes, its sizes wrap around, its Max skips NaN, and the data of its views
// holds elements that are not the view's. Here shapes, strides and bytes are checked instead, and a panic is an error.
package gorgonia

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unsafe"

	_ "go4.org/unsafe/assume-no-moving-gc" // gorgonia asks for a version of it that panics at start-up since Go 1.21
	gorgonia "gorgonia.org/tensor"

	"github.com/holdfast-ai/holdfast/guard/tensor"
)

// ErrUnsupported means that a tensor cannot be carried: another element type, a big-endian machine, or a value that
// gorgonia itself cannot describe.
var ErrUnsupported = errors.New("gorgonia: unsupported tensor")

// View describes t without a copy: the result aliases its memory, views and transposed tensors included. Nothing is
// checked but that t can be described; pass the result to [tensor.Spec.Check], with Strided set to accept views.
// Errors: [ErrUnsupported].
func View(name string, t *gorgonia.Dense) (v tensor.View, err error) {
	defer func() {
		if p := recover(); p != nil { // gorgonia's own invariants are broken; the value may hold elements
			v, err = tensor.View{}, fmt.Errorf("%w: panic of type %T", ErrUnsupported, p)
		}
	}()
	if t == nil {
		return v, fmt.Errorf("%w: nil", ErrUnsupported)
	}
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		return v, fmt.Errorf("%w: big-endian machine", ErrUnsupported)
	}
	v = tensor.View{Name: name}
	if v.DType, v.Data = memory(t.Data()); v.DType == 0 {
		return tensor.View{}, fmt.Errorf("%w: element type", ErrUnsupported)
	}
	shape, strides := t.Shape(), t.Strides()
	if len(shape) > tensor.MaxRank {
		return tensor.View{}, fmt.Errorf("%w: rank", ErrUnsupported)
	}
	for _, d := range shape {
		v.Shape = append(v.Shape, int64(d))
	}
	if dense(shape, strides) {
		return v, nil
	}
	v.Strides = []int64{}
	for _, s := range strides {
		v.Strides = append(v.Strides, int64(s))
	}
	return v, nil
}

// dense reports whether strides are those of a dense row-major tensor. Sizes that overflow are not.
func dense(shape, strides []int) bool {
	if len(shape) == 0 {
		return true
	}
	if len(strides) != len(shape) {
		return false
	}
	want := 1
	for i := len(shape) - 1; i >= 0; i-- {
		if strides[i] != want && shape[i] != 1 {
			return false
		}
		if shape[i] < 0 || shape[i] > 0 && want > math.MaxInt/shape[i] {
			return false
		}
		want *= shape[i]
	}
	return true
}

// memory returns the bytes behind gorgonia's data.
func memory(data any) (tensor.DType, []byte) {
	switch x := data.(type) {
	case []bool:
		return tensor.Bool, bytes(x)
	case []uint8:
		return tensor.U8, x
	case []uint16:
		return tensor.U16, bytes(x)
	case []uint32:
		return tensor.U32, bytes(x)
	case []uint64:
		return tensor.U64, bytes(x)
	case []int8:
		return tensor.I8, bytes(x)
	case []int16:
		return tensor.I16, bytes(x)
	case []int32:
		return tensor.I32, bytes(x)
	case []int64:
		return tensor.I64, bytes(x)
	case []float32:
		return tensor.F32, bytes(x)
	case []float64:
		return tensor.F64, bytes(x)
	case float32: // the data of a scalar is no slice
		return tensor.F32, bytes([]float32{x})
	case float64:
		return tensor.F64, bytes([]float64{x})
	case int32:
		return tensor.I32, bytes([]int32{x})
	case int64:
		return tensor.I64, bytes([]int64{x})
	}
	return 0, nil
}

// bytes returns the memory of s. No element type that is passed here holds pointers or padding.
func bytes[E any](s []E) []byte {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), uintptr(len(s))*unsafe.Sizeof(s[0]))
}

// New copies a dense view into a new tensor. What the elements hold is not checked.
// Errors: a [*tensor.Error] where shape and bytes do not agree, [ErrUnsupported] for other dtypes (F16, BF16) and for
// strided views.
func New(v tensor.View) (t *gorgonia.Dense, err error) {
	spec := tensor.Spec{
		DTypes: []tensor.DType{v.DType}, AnyDims: true, MaxElements: int64(len(v.Data)) + 1, InsecureAllowNonFinite: true,
	}
	if v.DType.Size() == 0 || v.Strides != nil {
		return nil, fmt.Errorf("%w: dtype or strides", ErrUnsupported)
	}
	if err := spec.Check(v); err != nil {
		return nil, err
	}
	defer func() {
		if p := recover(); p != nil {
			t, err = nil, fmt.Errorf("%w: panic of type %T", ErrUnsupported, p)
		}
	}()
	n := len(v.Data) / v.DType.Size()
	if n == 0 || binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		return nil, fmt.Errorf("%w: empty tensor or big-endian machine", ErrUnsupported)
	}
	backing := backing(v.DType, n)
	if backing == nil {
		return nil, fmt.Errorf("%w: dtype", ErrUnsupported)
	}
	_, mem := memory(backing)
	copy(mem, v.Data)
	shape := make([]int, len(v.Shape))
	for i, d := range v.Shape {
		shape[i] = int(d)
	}
	if len(shape) == 0 {
		shape = []int{1} // gorgonia's scalars are copies that cannot be filled
	}
	return gorgonia.New(gorgonia.WithShape(shape...), gorgonia.WithBacking(backing)), nil
}

func backing(d tensor.DType, n int) any {
	switch d {
	case tensor.Bool:
		return make([]bool, n)
	case tensor.U8:
		return make([]uint8, n)
	case tensor.U16:
		return make([]uint16, n)
	case tensor.U32:
		return make([]uint32, n)
	case tensor.U64:
		return make([]uint64, n)
	case tensor.I8:
		return make([]int8, n)
	case tensor.I16:
		return make([]int16, n)
	case tensor.I32:
		return make([]int32, n)
	case tensor.I64:
		return make([]int64, n)
	case tensor.F32:
		return make([]float32, n)
	case tensor.F64:
		return make([]float64, n)
	}
	return nil
}
