// Package entropy measures how random a text looks.
package entropy

import "math"

// Bits returns the Shannon entropy of b by its own bytes, in bits for each byte: words have 2 to 3, random base64 of 20 bytes
// about 4. It is 0 for an empty b.
func Bits(b []byte) float64 {
	var count [256]int
	for _, c := range b {
		count[c]++
	}
	bits := 0.0
	for _, n := range count {
		if n > 0 {
			p := float64(n) / float64(len(b))
			bits -= p * math.Log2(p)
		}
	}
	return bits
}
