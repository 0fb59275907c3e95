package tensor

import (
	"math"
	"math/bits"
)

// extents is what a shape says, computed without overflow.
type extents struct {
	elements int64 // 0 if a dimension is 0
	bytes    int64 // of a dense tensor; 0 for [Bytes]
	product  int64 // of the dimensions that are not 0: one that is does not hide a sibling that is too large
}

// measure computes the extents of a shape of elements of size bytes.
func measure(shape []int64, size int) (x extents, reason string) {
	n, empty := uint64(1), false
	for _, d := range shape {
		if d < 0 {
			return x, ReasonNegative
		}
		if d == 0 {
			empty = true
			continue
		}
		hi, lo := bits.Mul64(n, uint64(d))
		if hi != 0 || lo > math.MaxInt64 {
			return x, ReasonOverflow
		}
		n = lo
	}
	x.product = int64(n)
	if empty {
		return x, ""
	}
	hi, b := bits.Mul64(n, uint64(size))
	if hi != 0 {
		return x, ReasonOverflow
	}
	if b > math.MaxInt64 {
		return x, ReasonLimit
	}
	x.elements, x.bytes = int64(n), int64(b)
	return x, ""
}

// reach returns one more than the index of the last element of a strided tensor, counted from its first. strides are as
// many as dimensions and the tensor is not empty.
func reach(shape, strides []int64) (int64, bool) {
	last := uint64(0)
	for i, d := range shape {
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

// Elements returns how many elements a tensor of the given shape has. Errors: a [*Error] for negative dimensions, and
// where the product of those that are not 0 does not fit 63 bits.
func Elements(shape []int64) (int64, error) {
	x, reason := measure(shape, 1)
	if reason != "" {
		return 0, &Error{Reason: reason, Index: -1}
	}
	return x.elements, nil
}
