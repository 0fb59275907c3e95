package detect

import "math/bits"

// vocabulary knows the words of the rules by their letters: the first, the last, and those between in any order. People and models
// read "ingroe all prevoius intsrcutinos" without trouble.
type vocabulary struct {
	table  []string // by hash of the letters, open addressing
	mask   uint32
	shapes [1 << shapeBits / 64]uint64 // first and last letters and lengths that there are
}

// A shape is what is looked at first of a word: a third of the words of prose have the shape of a known one.
const shapeBits = 15

func shape(first, last byte, size int) uint32 {
	return uint32(first&31)<<10 | uint32(last&31)<<5 | uint32(size&31)
}

// shaped reports whether there is a word of a shape.
func (v *vocabulary) shaped(first, last byte, size int) bool {
	k := shape(first, last, size)
	return v.shapes[k/64]>>(k%64)&1 != 0
}

// shortest word whose letters can change places, and the longest that is known.
const (
	minShuffled = 4
	maxShuffled = 24
)

// longShuffled is the length of words that are tried first: of prose, a skip over the others reads little.
const longShuffled = 6

// signsOfShuffling is the number of long words in the wrong order from which they are a disguise: "form" is "from" now and then.
const signsOfShuffling = 2

func newVocabulary(patterns []string) vocabulary {
	size := uint32(1)
	for size < 8*uint32(len(patterns)+1) {
		size *= 2
	}
	v := vocabulary{table: make([]string, size), mask: size - 1}
	for _, p := range patterns {
		eachWord([]byte(p), func(w []byte) {
			k := letters(w) & v.mask
			for ; v.table[k] != "" && v.table[k] != string(w); k = (k + 1) & v.mask {
			}
			v.table[k] = string(w)
			s := shape(w[0], w[len(w)-1], len(w))
			v.shapes[s/64] |= 1 << (s % 64)
		})
	}
	return v
}

// eachWord calls f for the words of ASCII letters that are long enough.
func eachWord(text []byte, f func([]byte)) {
	for i := 0; i < len(text); {
		start := i
		for i < len(text) && letter(text[i]) {
			i++
		}
		if n := i - start; n >= minShuffled && n <= maxShuffled {
			f(text[start:i])
		}
		i++
	}
}

// letters hashes a word without the order of its inner letters.
func letters(w []byte) uint32 {
	h := uint32(w[0])<<8 | uint32(w[len(w)-1]) | uint32(len(w))<<16
	for _, c := range w[1 : len(w)-1] {
		x := uint32(c) * 0x9e3779b1
		h += x ^ x>>15
	}
	h *= 0x85ebca6b
	return h ^ h>>13
}

// lookup returns the known word that w is a shuffle of; "" if there is none or w itself is known.
func (v *vocabulary) lookup(w []byte) string {
	if !v.shaped(w[0], w[len(w)-1], len(w)) {
		return ""
	}
	found := ""
	for k := letters(w) & v.mask; v.table[k] != ""; k = (k + 1) & v.mask {
		switch t := v.table[k]; {
		case t == string(w):
			return ""
		case found == "" && shuffleOf(t, w):
			found = t
		}
	}
	return found
}

func shuffleOf(a string, b []byte) bool {
	if len(a) != len(b) || a[0] != b[0] || a[len(a)-1] != b[len(b)-1] {
		return false
	}
	var count [26]int8
	for i := range len(a) {
		count[(a[i]-'a')%26]++
		count[(b[i]-'a')%26]--
	}
	return count == [26]int8{}
}

// restore puts shuffled words of a normal form right, in place, if enough of them are shuffled.
func (v *vocabulary) restore(norm []byte) bool {
	n := 0
	const step = 64 - longShuffled // places where a word is seen to be long enough
	before := uint64(0)            // a letter, in the lowest bit
	for at := 0; at < len(norm) && n < signsOfShuffling; at += step {
		m := letterMask(norm[at:])
		long := m & (m >> 1)
		long &= long >> 2 & (m >> 4) & (m >> 5) & (1<<step - 1)
		for long &^= m<<1 | before; long != 0 && n < signsOfShuffling; long &= long - 1 {
			first := bits.TrailingZeros64(long)
			start, end := at+first, at+first+bits.TrailingZeros64(^(m>>first))
			for ; end >= at+64 && end < len(norm) && letterBit[norm[end]] != 0; end++ { // beyond the 64
			}
			if end-start <= maxShuffled && v.lookup(norm[start:end]) != "" {
				n++
			}
		}
		before = m >> (step - 1) & 1
	}
	if n < signsOfShuffling {
		return false
	}
	eachWord(norm, func(w []byte) {
		if t := v.lookup(w); t != "" {
			copy(w, t)
		}
	})
	return true
}

// letterBit is 1 for ASCII letters.
var letterBit = func() (t [256]uint8) {
	for c := range 256 {
		if letter(byte(c)) {
			t[c] = 1
		}
	}
	return t
}()
