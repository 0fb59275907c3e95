package tensor

import (
	"encoding/binary"
	"math"
)

// kernel checks elements eight bytes at a time ("SIMD within a register"). With the sign bits cleared, the magnitudes of
// IEEE 754 numbers order like integers, and everything above the limit's bits is too large, infinite or NaN:
//
//	(limit | sign) - (w &^ sign) keeps the sign bit of each lane exactly if the lane's magnitude is at most limit.
//
// No borrow crosses lanes, since each lane's minuend has its top bit set.
type kernel struct {
	size   int
	signs  uint64 // top bit of each lane
	limit  uint64 // in each lane, with the top bit set
	mask   uint64 // of one lane
	reason string
}

// kernelFor returns the check that a dtype needs; false where every bit pattern is fine. With absMax 0 every finite
// value is within the limit.
func kernelFor(d DType, absMax float64) (kernel, bool) {
	k := kernel{size: d.Size(), reason: "not finite"}
	if absMax > 0 {
		k.reason = "not finite or beyond the limit"
	}
	var limit uint64
	switch d {
	case Bool: // the same comparison without a sign: bytes above 1 have a bit of 0xfe
		return kernel{size: 1, signs: 0, limit: 0xfefefefefefefefe, mask: 0xff, reason: "not a bool"}, true
	case F16:
		limit = uint64(f16Limit(absMax))
	case BF16:
		limit = uint64(f32Limit(absMax)) >> 16
	case F32:
		limit = uint64(f32Limit(absMax))
	case F64:
		limit = 0x7fefffffffffffff
		if absMax > 0 {
			limit = math.Float64bits(absMax)
		}
	default:
		return kernel{}, false
	}
	k.mask = 1<<(8*k.size) - 1
	if k.size == 8 {
		k.mask = math.MaxUint64
	}
	for i := 0; i < 64; i += 8 * k.size {
		k.signs |= 1 << (i + 8*k.size - 1)
		k.limit |= limit << i
	}
	k.limit |= k.signs
	return k, true
}

// f32Limit returns the bits of the largest float32 that is at most absMax.
func f32Limit(absMax float64) uint32 {
	const largest = 0x7f7fffff
	if absMax == 0 || absMax >= math.MaxFloat32 {
		return largest
	}
	f := float32(absMax)
	if float64(f) > absMax {
		return math.Float32bits(f) - 1
	}
	return math.Float32bits(f)
}

// f16Limit returns the bits of the largest binary16 that is at most absMax: 5 bits of exponent, 10 of fraction.
func f16Limit(absMax float64) uint16 {
	const largest = 0x7bff // 65,504
	if absMax == 0 || absMax >= 65504 {
		return largest
	}
	exp := math.Ilogb(absMax)
	if absMax < 0x1p-14 { // denormals are multiples of 2^-24
		return uint16(absMax * 0x1p24)
	}
	return uint16(exp+15)<<10 | uint16((absMax*math.Pow(2, float64(-exp))-1)*1024)
}

// bad returns a non-zero value if an element in w is.
func (k *kernel) bad(w uint64) uint64 {
	if k.signs == 0 {
		return w & k.limit
	}
	return k.signs &^ (k.limit - w&^k.signs)
}

// clean reports whether all elements of b, dense, are within the limit.
func (k *kernel) clean(b []byte) bool {
	limit, signs := k.limit, k.signs
	if signs != 0 {
		for len(b) >= 64 {
			p := (*[64]byte)(b)
			ok := (limit - binary.LittleEndian.Uint64(p[0:])&^signs) &
				(limit - binary.LittleEndian.Uint64(p[8:])&^signs) &
				(limit - binary.LittleEndian.Uint64(p[16:])&^signs) &
				(limit - binary.LittleEndian.Uint64(p[24:])&^signs) &
				(limit - binary.LittleEndian.Uint64(p[32:])&^signs) &
				(limit - binary.LittleEndian.Uint64(p[40:])&^signs) &
				(limit - binary.LittleEndian.Uint64(p[48:])&^signs) &
				(limit - binary.LittleEndian.Uint64(p[56:])&^signs)
			if signs&^ok != 0 {
				return false
			}
			b = b[64:]
		}
	}
	for ; len(b) >= 8; b = b[8:] {
		if k.bad(binary.LittleEndian.Uint64(b)) != 0 {
			return false
		}
	}
	for ; len(b) >= k.size; b = b[k.size:] {
		if k.bad(element(b, k.size)) != 0 {
			return false
		}
	}
	return true
}

// first returns the index of the first bad element of b.
func (k *kernel) first(b []byte) int64 {
	for i := 0; (i+1)*k.size <= len(b); i++ {
		if k.bad(element(b[i*k.size:], k.size)) != 0 {
			return int64(i)
		}
	}
	return -1
}

// row checks n elements of b from element off on, stride elements apart.
func (k *kernel) row(b []byte, off, stride, n int64) (reason string, at int64) {
	size := int64(k.size)
	if stride == 1 {
		b = b[off*size : (off+n)*size]
		if k.clean(b) {
			return "", -1
		}
		return k.reason, k.first(b)
	}
	for i := range n {
		if k.bad(element(b[(off+i*stride)*size:], k.size)) != 0 {
			return k.reason, i
		}
	}
	return "", -1
}

// element reads one element into the lowest lane; the lanes above hold 0, which is within every limit.
func element(b []byte, size int) uint64 {
	switch size {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(b))
	case 4:
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}
