package tensor

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// largest returns the bits of the largest number of a float type that is finite and, unless absMax is 0, at most absMax.
func largest(d DType, absMax float64) uint64 {
	finite := largestFinite(d)
	if absMax == 0 || float(d, finite) <= absMax {
		return finite
	}
	switch d {
	case F64:
		return math.Float64bits(absMax)
	case F32, BF16:
		f := float32(absMax)
		bits := uint64(math.Float32bits(f))
		if float64(f) > absMax { // it was rounded up
			bits--
		}
		if d == BF16 {
			bits >>= 16
		}
		return bits
	}
	// Magnitudes order like their bits, so the first that is too large can be searched for, in 15 steps at most.
	lo, hi := uint64(0), finite // float(lo) <= absMax < float(hi)
	for hi-lo > 1 {
		if mid := lo + (hi-lo)/2; float(d, mid) <= absMax {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// largestFinite returns the bits of the largest finite number of a float type.
func largestFinite(d DType) uint64 {
	switch d {
	case F8E4M3:
		return 0x7e // 448
	case F8E5M2:
		return 0x7b // 57,344
	case F16:
		return 0x7bff // 65,504
	case BF16:
		return 0x7f7f
	case F32:
		return 0x7f7fffff
	}
	return 0x7fefffffffffffff
}

// float returns the value of an element of a float type.
func float(d DType, e uint64) float64 {
	switch d {
	case F8E4M3:
		return small(e, 4, 3, d)
	case F8E5M2:
		return small(e<<8, 5, 10, d)
	case F16:
		return small(e, 5, 10, d)
	case BF16:
		return float64(math.Float32frombits(uint32(e) << 16))
	case F32:
		return float64(math.Float32frombits(uint32(e)))
	}
	return math.Float64frombits(e)
}

// small decodes a float of at most 16 bits with the given widths of exponent and fraction.
func small(e uint64, exp, frac int, d DType) float64 {
	top := uint64(1)<<exp - 1
	x, f, neg := e>>frac&top, e&(1<<frac-1), e>>(exp+frac)&1 == 1
	bias := int(top / 2)
	var v float64
	switch {
	case x == 0:
		v = math.Ldexp(float64(f), 1-bias-frac)
	case d == F8E4M3 && x == top && f == 7, d != F8E4M3 && x == top && f != 0:
		return math.NaN()
	case d != F8E4M3 && x == top:
		v = math.Inf(1)
	default:
		v = math.Ldexp(float64(f|1<<frac), int(x)-bias-frac)
	}
	if neg {
		return -v
	}
	return v
}

// largestDenormal returns the bits of the largest denormal number of a float type.
func largestDenormal(d DType) uint64 {
	switch d {
	case F8E4M3:
		return 0x07
	case F8E5M2:
		return 0x03
	case F16:
		return 0x03ff
	case BF16:
		return 0x007f
	case F32:
		return 0x007fffff
	}
	return 0x000fffffffffffff
}

// denormals counts the denormal elements of a view.
func denormals(v *View, n int64) int64 {
	size := v.DType.Size()
	top := lanes(1<<(8*size-1), size)
	most, one := lanes(largestDenormal(v.DType), size)|top, lanes(1, size)
	count := func(w uint64) int64 {
		m := w &^ top
		return int64(bits.OnesCount64((most - m) & ((m | top) - one) & top)) // at most the largest, at least 1
	}
	total := int64(0)
	for r := rowsOf(v, n); r.next(); {
		if r.stride != 1 {
			for i := range r.len {
				total += count(element(v.Data[(r.off+i*r.stride)*int64(size):], size))
			}
			continue
		}
		b := v.Data[r.off*int64(size) : (r.off+r.len)*int64(size)]
		for ; len(b) >= 8; b = b[8:] {
			total += count(binary.LittleEndian.Uint64(b))
		}
		for ; len(b) > 0; b = b[size:] {
			total += count(element(b, size))
		}
	}
	return total
}

// outside returns the index of the first element outside Values, or -1.
func (s *Spec) outside(v *View, n int64) int64 {
	size := int64(v.DType.Size())
	for r := rowsOf(v, n); r.next(); {
		for i := range r.len {
			if !s.Values.holds(float(v.DType, element(v.Data[(r.off+i*r.stride)*size:], int(size)))) {
				return r.index + i
			}
		}
	}
	return -1
}

// abnormal returns the index of the first element of the first row whose norm is outside Norms, or -1.
func (s *Spec) abnormal(v *View, n int64) int64 {
	size := int64(v.DType.Size())
	for r := rowsOf(v, n); r.next(); {
		var sum float64
		if v.DType == F32 && r.stride == 1 {
			sum = squares(v.Data[r.off*4 : (r.off+r.len)*4])
		} else {
			for i := range r.len {
				x := float(v.DType, element(v.Data[(r.off+i*r.stride)*size:], int(size)))
				sum += x * x
			}
		}
		if !s.Norms.holds(math.Sqrt(sum)) {
			return r.index
		}
	}
	return -1
}

// squares sums the squares of float32s, in float64 so that none of them overflows.
func squares(b []byte) float64 {
	var s0, s1, s2, s3 float64
	for ; len(b) >= 16; b = b[16:] {
		p := (*[16]byte)(b)
		x0 := float64(math.Float32frombits(binary.LittleEndian.Uint32(p[0:])))
		x1 := float64(math.Float32frombits(binary.LittleEndian.Uint32(p[4:])))
		x2 := float64(math.Float32frombits(binary.LittleEndian.Uint32(p[8:])))
		x3 := float64(math.Float32frombits(binary.LittleEndian.Uint32(p[12:])))
		s0 += x0 * x0
		s1 += x1 * x1
		s2 += x2 * x2
		s3 += x3 * x3
	}
	for ; len(b) >= 4; b = b[4:] {
		x := float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
		s0 += x * x
	}
	return s0 + s1 + (s2 + s3)
}

// Sums returns the sum of the float32 or unsigned byte elements in b, which are of v's dtype, and of their squares, both in
// float64. Other dtypes give NaN.
func (v *View) Sums(b []byte) (sum, squares float64) {
	switch v.DType {
	case U8:
		var s, q uint64
		for _, x := range b {
			s += uint64(x)
			q += uint64(x) * uint64(x)
		}
		return float64(s), float64(q)
	case F32:
		for ; len(b) >= 4; b = b[4:] {
			x := float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
			sum += x
			squares += x * x
		}
		return sum, squares
	}
	return math.NaN(), math.NaN()
}
