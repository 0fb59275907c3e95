package tensor

import (
	"encoding/binary"
	"math"
)

// kernel checks elements eight bytes at a time ("SIMD within a register"). Each 64-bit word holds one or more lanes, and
// signs has the top bit of each lane, so that (x|signs) - (y&^signs) subtracts lane by lane: no borrow crosses lanes, since
// each minuend has its top bit set, and that bit survives exactly if the magnitude of y is at most that of x.
type kernel struct {
	size   int
	signs  uint64 // top bit of each lane
	limit  uint64 // in each lane, with the top bit set
	lo     uint64 // in each lane; of ranges
	mode   mode
	reason string
}

type mode uint8

const (
	magnitude mode = iota // with the sign cleared, a lane is at most limit: IEEE 754 magnitudes order like integers
	bits8                 // no lane has a bit of limit
	within                // lane - lo, modulo the lane's width, is at most limit, whose top bit is clear
	withinTop             // the same for a limit whose top bit is set
	nothing               // no lane is good
)

func boolKernel() kernel {
	return kernel{size: 1, limit: 0xfefefefefefefefe, mode: bits8, reason: ReasonBool}
}

// floatKernel accepts magnitudes up to absMax, or every finite value if it is 0.
func floatKernel(d DType, absMax float64) kernel {
	k := kernel{size: d.Size(), reason: ReasonFinite}
	if absMax > 0 {
		k.reason = ReasonMagnitude
	}
	k.signs = lanes(1<<(8*k.size-1), k.size)
	k.limit = lanes(largest(d, absMax), k.size) | k.signs
	return k
}

// intKernel accepts the integers of type d in r.
func intKernel(d DType, r Range) kernel {
	k := kernel{size: d.Size(), reason: ReasonRange}
	w := 8 * k.size
	k.signs = lanes(1<<(w-1), k.size)
	lo, hi := int64(math.MinInt64)>>(64-w), int64(math.MaxInt64)>>(64-w) // of signed types
	if d >= U8 && d <= U64 {
		if lo = 0; w < 64 {
			hi = 1<<w - 1
		}
	}
	lo, hi = max(lo, r.Min), min(hi, r.Max)
	if lo > hi {
		k.mode = nothing
		return k
	}
	k.lo = lanes(uint64(lo), k.size)
	k.limit = lanes(uint64(hi)-uint64(lo), k.size) // modulo 2^64, so also right for the full range
	k.mode = within
	if k.limit&k.signs != 0 {
		k.mode = withinTop
	}
	k.limit |= k.signs
	return k
}

// lanes repeats the low size bytes of x.
func lanes(x uint64, size int) uint64 {
	if size < 8 {
		x &= 1<<(8*size) - 1
	}
	for w := 8 * size; w < 64; w *= 2 {
		x |= x << w
	}
	return x
}

// bad returns a non-zero value if an element in w is.
func (k *kernel) bad(w uint64) uint64 {
	switch k.mode {
	case magnitude:
		return k.signs &^ (k.limit - w&^k.signs)
	case bits8:
		return w & k.limit
	case within, withinTop:
		d := ((w | k.signs) - k.lo&^k.signs) ^ ((w ^ ^k.lo) & k.signs) // w - lo, lane by lane
		below := k.limit - d&^k.signs                                  // its top bits: the rest of d is at most the rest of limit
		if k.mode == within {
			return k.signs & (d | ^below)
		}
		return k.signs & d &^ below
	}
	return 1
}

// clean reports whether all elements of b, dense, are accepted.
func (k *kernel) clean(b []byte) bool {
	switch k.mode {
	case magnitude:
		var ok bool
		if b, ok = k.magnitudes(b); !ok {
			return false
		}
	case bits8:
	case within, withinTop:
		for len(b) >= 32 {
			p := (*[32]byte)(b)
			bad := k.bad(binary.LittleEndian.Uint64(p[0:])) | k.bad(binary.LittleEndian.Uint64(p[8:])) |
				k.bad(binary.LittleEndian.Uint64(p[16:])) | k.bad(binary.LittleEndian.Uint64(p[24:]))
			if bad != 0 {
				return false
			}
			b = b[32:]
		}
	case nothing:
		return len(b) == 0
	}
	for ; len(b) >= 8; b = b[8:] {
		if k.bad(binary.LittleEndian.Uint64(b)) != 0 {
			return false
		}
	}
	for ; len(b) >= k.size; b = b[k.size:] {
		if k.lane(element(b, k.size)) {
			return false
		}
	}
	return true
}

// magnitudes checks whole blocks of 128 bytes and returns what is left. With room = all ones below the sign, less the
// limit, adding room to a magnitude carries into the sign exactly if it is beyond the limit.
func (k *kernel) magnitudes(b []byte) (rest []byte, ok bool) {
	mag := ^k.signs
	room := mag - k.limit&mag
	whole := len(b) &^ 127
	return b[whole:], sums(b[:whole], mag, room)&k.signs == 0
}

// sumsGo returns the bits that are set in any sum of room and a magnitude of b, whose length is a multiple of 128. They are
// collected without a branch, in four independent words: that is what makes it run at memory speed.
func sumsGo(b []byte, mag, room uint64) uint64 {
	var s0, s1, s2, s3 uint64
	for ; len(b) >= 64; b = b[64:] {
		p := (*[64]byte)(b)
		s0 |= binary.LittleEndian.Uint64(p[0:])&mag + room
		s1 |= binary.LittleEndian.Uint64(p[8:])&mag + room
		s2 |= binary.LittleEndian.Uint64(p[16:])&mag + room
		s3 |= binary.LittleEndian.Uint64(p[24:])&mag + room
		s0 |= binary.LittleEndian.Uint64(p[32:])&mag + room
		s1 |= binary.LittleEndian.Uint64(p[40:])&mag + room
		s2 |= binary.LittleEndian.Uint64(p[48:])&mag + room
		s3 |= binary.LittleEndian.Uint64(p[56:])&mag + room
	}
	return s0 | s1 | s2 | s3
}

// lane reports whether one element, in the lowest lane, is refused.
func (k *kernel) lane(e uint64) bool {
	top := uint64(1) << (8*k.size - 1)
	return k.bad(e)&(2*top-1) != 0
}

// first returns the index of the first bad element of b, or -1.
func (k *kernel) first(b []byte) int64 {
	for i := 0; (i+1)*k.size <= len(b); i++ {
		if k.lane(element(b[i*k.size:], k.size)) {
			return int64(i)
		}
	}
	return -1
}

// element reads one element into the lowest lane.
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
