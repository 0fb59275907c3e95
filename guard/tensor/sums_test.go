package tensor

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// The wide sums are those of the plain loop: over random bytes, and with one element at every place that is just within the
// limit, and just beyond it.
func TestSumsAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, d := range []DType{F8E4M3, F8E5M2, F16, BF16, F32, F64} {
		for _, most := range []float64{0, 1, 400} {
			k := floatKernel(d, most)
			mag := ^k.signs
			room := mag - k.limit&mag
			for _, n := range []int{0, 128, 256, 128 * 5, 128 * (2048 + 3)} {
				b := make([]byte, n)
				if n < 1<<12 {
					for range 50 {
						for i := range b {
							b[i] = byte(r.Uint32())
						}
						if got, want := sums(b, mag, room), sumsGo(b, mag, room); got != want {
							t.Fatalf("%v, at most %v, %d random bytes: %x, want %x", d, most, n, got, want)
						}
					}
					clear(b)
				}
				step := max(1, n/128) * k.size
				if n > 1<<12 {
					step = n / 16 // a few; the last is in the second call that so many blocks take
				}
				for at := (n - k.size) % step; at < n; at += step { // the last one too
					for _, beyond := range []uint64{0, 1} {
						for _, sign := range []uint64{0, k.signs} {
							var e [8]byte
							binary.LittleEndian.PutUint64(e[:], (k.limit&mag+beyond*lanes(1, k.size))|sign)
							copy(b[at:], e[:k.size])
							_, ok := k.magnitudes(b)
							if clear(b[at : at+k.size]); ok != (beyond == 0) {
								t.Fatalf("%v, at most %v, element at %d of %d: accepted %v", d, most, at, n, ok)
							}
						}
					}
				}
			}
		}
	}
}
