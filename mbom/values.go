package mbom

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/holdfast-ai/holdfast/mbom/format/gguf"
	"github.com/holdfast-ai/holdfast/mbom/format/safetensors"
)

// check is the test of one element type, made ready for eight bytes at a time. The bits of a floating-point number without
// its sign order as the numbers do, and NaN and infinity lie above all of them, so "finite" and "at most L" are one
// comparison of lanes: the top bit of (signs | limit) - |x| stays set in every lane where |x| <= limit, and no lane
// borrows from the next.
type check struct {
	width  int    // bytes of an element; 0 where nothing is checked
	signs  uint64 // sign bit of each lane
	limit  uint64 // largest allowed magnitude, in each lane
	finite uint64 // largest finite magnitude, in each lane
	nan    int    // single byte that is NaN beside the lanes' rule, or -1
}

const lanes16, lanes8, lanes32 = 0x0001000100010001, 0x0101010101010101, 0x0000000100000001

// float describes an element type: lanes of a width, and the value of its largest finite bit pattern and below.
func float(width int, lanes, maxFinite uint64, p WeightPolicy, decode func(uint64) float64) check {
	top := maxFinite
	if p.AbsMax != 0 {
		low := uint64(0) // largest pattern whose value is at most AbsMax; patterns order as values do
		for high := maxFinite; low < high; {
			mid := low + (high-low+1)/2
			if decode(mid) <= p.AbsMax {
				low = mid
			} else {
				high = mid - 1
			}
		}
		top = low
	}
	return check{width: width, signs: lanes << (8*width - 1), limit: top * lanes, finite: maxFinite * lanes, nan: -1}
}

func safetensorsCheck(d safetensors.DType, p WeightPolicy) check {
	if !p.values() {
		return check{}
	}
	switch d {
	case safetensors.F64:
		return float(8, 1, 0x7fefffffffffffff, p, math.Float64frombits)
	case safetensors.F32, safetensors.C64: // a complex element is two numbers
		return float(4, lanes32, 0x7f7fffff, p, func(b uint64) float64 { return float64(math.Float32frombits(uint32(b))) })
	case safetensors.BF16:
		return float(2, lanes16, 0x7f7f, p, func(b uint64) float64 { return float64(math.Float32frombits(uint32(b) << 16)) })
	case safetensors.F16:
		return float(2, lanes16, 0x7bff, p, mini(10, 15))
	case safetensors.F8E5M2:
		return float(1, lanes8, 0x7b, p, mini(2, 15))
	case safetensors.F8E4M3: // no infinities; only all ones is NaN
		return float(1, lanes8, 0x7e, p, mini(3, 7))
	case safetensors.F8E5M2FNUZ: // minus zero is the only NaN
		c := float(1, lanes8, 0x7f, p, mini(2, 16))
		c.nan = 0x80
		return c
	case safetensors.F8E4M3FNUZ:
		c := float(1, lanes8, 0x7f, p, mini(3, 8))
		c.nan = 0x80
		return c
	case safetensors.F8E8M0: // an unsigned exponent: a scale, to which AbsMax does not apply
		return check{width: 1, nan: 0xff}
	}
	return check{}
}

func ggufCheck(t gguf.TensorType, p WeightPolicy) check {
	switch t {
	case gguf.F64:
		return safetensorsCheck(safetensors.F64, p)
	case gguf.F32:
		return safetensorsCheck(safetensors.F32, p)
	case gguf.F16:
		return safetensorsCheck(safetensors.F16, p)
	case gguf.BF16:
		return safetensorsCheck(safetensors.BF16, p)
	}
	return check{}
}

// mini decodes positive patterns of a small format with the given mantissa bits and exponent bias.
func mini(mantissa, bias int) func(uint64) float64 {
	return func(b uint64) float64 {
		exp, frac := int(b>>mantissa), float64(b&(1<<mantissa-1))
		if exp == 0 {
			return math.Ldexp(frac, 1-bias-mantissa)
		}
		return math.Ldexp(frac+float64(int(1)<<mantissa), exp-bias-mantissa)
	}
}

// holds reports whether every element of b passes. len(b) is a multiple of the element's width.
func (c *check) holds(b []byte) bool {
	if c.nan >= 0 && bytes.IndexByte(b, byte(c.nan)) >= 0 {
		return false
	}
	if c.signs == 0 {
		return true
	}
	top, magnitude := c.limit|c.signs, ^c.signs
	acc := c.signs
	for len(b) >= 64 {
		w := b[:64:64]
		acc &= top - binary.LittleEndian.Uint64(w[0:])&magnitude
		acc &= top - binary.LittleEndian.Uint64(w[8:])&magnitude
		acc &= top - binary.LittleEndian.Uint64(w[16:])&magnitude
		acc &= top - binary.LittleEndian.Uint64(w[24:])&magnitude
		acc &= top - binary.LittleEndian.Uint64(w[32:])&magnitude
		acc &= top - binary.LittleEndian.Uint64(w[40:])&magnitude
		acc &= top - binary.LittleEndian.Uint64(w[48:])&magnitude
		acc &= top - binary.LittleEndian.Uint64(w[56:])&magnitude
		b = b[64:]
	}
	for len(b) >= 8 {
		acc &= top - binary.LittleEndian.Uint64(b)&magnitude
		b = b[8:]
	}
	var tail [8]byte // zeros pass
	copy(tail[:], b)
	acc &= top - binary.LittleEndian.Uint64(tail[:])&magnitude
	return acc == c.signs
}

// find returns the index of the first element of b that does not pass, and whether it is not finite.
func (c *check) find(b []byte) (index int, nonFinite bool) {
	loose := *c
	loose.limit = loose.finite
	for i := 0; i < len(b); i += c.width {
		if e := b[i : i+c.width]; !c.holds(e) {
			return i / c.width, !loose.holds(e)
		}
	}
	return 0, false
}
