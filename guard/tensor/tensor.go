// Package tensor checks tensors before a model sees them, on their bytes: no conversion, no copy, no allocation. A [View]
// describes bytes that the caller holds, a [Spec] says what a model accepts, and [Spec.Check] compares them: name, dtype,
// rank, dimensions, size, strides, and for floats that every element is finite and within a limit.
//
// Elements are little-endian, as in safetensors, KServe v2 binary data and ONNX raw data; the bytes need not be aligned.
//
// # What it does not do
//
// It finds malformed and broken inputs, not adversarial ones: an image with a small crafted perturbation is a valid
// tensor. docs/adversarial.md has the rates of these checks and of the signals in packages drift and similar, against
// attackers that know them too. The bytes must not change between the check and their use; check the very bytes that are forwarded.
// Sparse encodings have no place in a [View]: their declared dense size is the sender's word.
package tensor

import (
	"errors"
	"fmt"
)

// ErrTensor means that a tensor is refused; every [*Error] unwraps to it.
var ErrTensor = errors.New("tensor: refused")

// ErrSpec means that a Spec refuses everything or contradicts itself.
var ErrSpec = errors.New("tensor: unusable spec")

// An Error says what about a tensor was refused. It holds no values.
type Error struct {
	Name   string // of the tensor
	Reason string // one of the Reason constants
	Index  int64  // row-major index of the first bad element or, for norms, of its row's first; -1 where the fault is not an element's
}

// Reasons of an [Error]. They are stable.
const (
	ReasonName      = "name" // unknown, or given twice
	ReasonMissing   = "missing"
	ReasonDType     = "dtype"
	ReasonRank      = "rank"      // number of dimensions, or strides for another number
	ReasonDimension = "dimension" // outside its range
	ReasonNegative  = "negative"  // dimension
	ReasonOverflow  = "overflow"  // elements or bytes do not fit 63 bits
	ReasonLimit     = "limit"     // elements or bytes beyond the spec's
	ReasonLength    = "length"    // the data is not as long as the shape says
	ReasonStrides   = "strides"   // present and not allowed, negative, or leading outside the data
	ReasonBool      = "not a bool"
	ReasonBytes     = "byte strings" // lengths that do not add up to the data
	ReasonFinite    = "not finite"
	ReasonMagnitude = "not finite or beyond the limit"
	ReasonRange     = "out of range"
	ReasonDenormal  = "denormals"
	ReasonNorm      = "norm"
)

// Error names the tensor, the reason and the element, and no value.
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
	F8E4M3 // OCP 8-bit float with 4 exponent bits (the "fn" form): no infinities, NaN is 0x7f and 0xff
	F8E5M2 // OCP 8-bit float with 5 exponent bits: the upper half of a binary16
	Bytes  // byte strings, each behind its length as uint32 (KServe v2 binary data)
)

// Size returns the size of an element in bytes, or 0 for [Bytes], whose elements have their own, and for no dtype.
func (d DType) Size() int {
	switch d {
	case Bool, U8, I8, F8E4M3, F8E5M2:
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
func (d DType) Float() bool { return d >= F16 && d <= F8E5M2 }

// Integer reports whether elements are integers.
func (d DType) Integer() bool { return d >= U8 && d <= I64 }

func (d DType) valid() bool { return d >= Bool && d <= Bytes }

var dtypeNames = [...]string{"none", "bool", "u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "f16", "bf16", "f32", "f64", "f8e4m3", "f8e5m2", "bytes"}

// String returns the lower-case name, for example "bf16".
func (d DType) String() string {
	if int(d) < len(dtypeNames) {
		return dtypeNames[d]
	}
	return "unknown"
}

// MarshalText writes the name of [DType.String]. It fails for no dtype.
func (d DType) MarshalText() ([]byte, error) {
	if !d.valid() {
		return nil, fmt.Errorf("%w: no dtype", ErrSpec)
	}
	return []byte(d.String()), nil
}

// UnmarshalText reads a name of [DType.String].
func (d *DType) UnmarshalText(text []byte) error {
	for i, name := range dtypeNames {
		if i > 0 && name == string(text) {
			*d = DType(i)
			return nil
		}
	}
	return fmt.Errorf("%w: unknown dtype", ErrSpec)
}

// MaxRank is the largest number of dimensions of any input tensor: models use 4 or 5, and checks cost time for each.
const MaxRank = 8

// A View describes a tensor in memory that the caller holds.
type View struct {
	Name    string
	DType   DType
	Shape   []int64 // empty for a scalar
	Strides []int64 // in elements, none negative; nil = dense, row-major, the whole of Data
	Offset  int64   // of the element with index 0 in Data, in elements; only with Strides
	Data    []byte  // little-endian elements
}
