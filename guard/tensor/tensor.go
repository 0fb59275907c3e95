// Package tensor checks tensors before a model sees them, on their bytes: no conversion, no copy, no allocation. A [View]
// describes bytes that the caller holds, a [Spec] says what a model accepts, and [Spec.Check] compares them: name, dtype,
// rank, dimensions, size, strides, and for floats that every element is finite and within a limit.
//
// Elements are little-endian, as in safetensors, KServe v2 binary data and ONNX raw data; the bytes need not be aligned.
//
// # What it does not do
//
// It finds malformed and broken inputs, not adversarial ones: an image with a small crafted perturbation is a valid
// tensor. The bytes must not change between the check and their use; check the very bytes that are forwarded.
package tensor

import (
	"errors"
	"fmt"
	"math/bits"
)

// ErrTensor means that a tensor is refused; every [*Error] unwraps to it.
var ErrTensor = errors.New("tensor: refused")

// ErrSpec means that a Spec refuses everything or contradicts itself.
var ErrSpec = errors.New("tensor: unusable spec")

// An Error says what about a tensor was refused. It holds no values.
type Error struct {
	Name   string // of the tensor
	Reason string // for example "shape" or "not finite"
	Index  int64  // row-major index of the first bad element; -1 where the fault is not an element's
}

func (e *Error) Error() string {
	if e.Index >= 0 {
		return fmt.Sprintf("tensor: %q refused: %s (element %d)", e.Name, e.Reason, e.Index)
	}
	return fmt.Sprintf("tensor: %q refused: %s", e.Name, e.Reason)
}

// Unwrap returns [ErrTensor].
func (e *Error) Unwrap() error { return ErrTensor }

// A DType is the type of a tensor's elements. The zero value is none.
type DType uint8

// Types of elements.
const (
	Bool DType = iota + 1 // one byte, 0 or 1
	U8
	U16
	U32
	U64
	I8
	I16
	I32
	I64
	F16  // IEEE 754 binary16
	BF16 // upper half of a binary32
	F32
	F64
)

// Size returns the size of an element in bytes, or 0 for no dtype.
func (d DType) Size() int {
	switch d {
	case Bool, U8, I8:
		return 1
	case U16, I16, F16, BF16:
		return 2
	case U32, I32, F32:
		return 4
	case U64, I64, F64:
		return 8
	}
	return 0
}

// Float reports whether elements are floating-point numbers.
func (d DType) Float() bool { return d >= F16 && d <= F64 }

var dtypeNames = [...]string{"none", "bool", "u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "f16", "bf16", "f32", "f64"}

// String returns the lower-case name, for example "bf16".
func (d DType) String() string {
	if int(d) < len(dtypeNames) {
		return dtypeNames[d]
	}
	return "unknown"
}

// MaxRank is the largest number of dimensions of any tensor: models use 4 or 5, and checks cost time for each.
const MaxRank = 16

// A View describes a tensor in memory that the caller holds.
type View struct {
	Name    string
	DType   DType
	Shape   []int64 // empty for a scalar
	Strides []int64 // in elements, none negative; nil = dense, row-major
	Data    []byte  // little-endian elements from the one with index 0 on
}

// elements returns the number of elements of a shape, without overflow.
func elements(shape []int64) (int64, bool) {
	n, zero := uint64(1), false
	for _, d := range shape {
		if d < 0 {
			return 0, false
		}
		if d == 0 { // a sibling may still be too large
			zero = true
			continue
		}
		hi, lo := bits.Mul64(n, uint64(d))
		if hi != 0 || lo > 1<<62 {
			return 0, false
		}
		n = lo
	}
	if zero {
		return 0, true
	}
	return int64(n), true
}

// extent returns the number of elements of memory from the first to the last element of a strided tensor.
func extent(shape, strides []int64) (int64, bool) {
	last := uint64(0)
	for i, d := range shape {
		if d == 0 {
			return 0, true
		}
		if strides[i] < 0 {
			return 0, false
		}
		hi, lo := bits.Mul64(uint64(d-1), uint64(strides[i]))
		sum, carry := bits.Add64(last, lo, 0)
		if hi != 0 || carry != 0 || sum >= 1<<62 {
			return 0, false
		}
		last = sum
	}
	return int64(last) + 1, true
}
