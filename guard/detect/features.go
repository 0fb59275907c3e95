package detect

import "unicode/utf8"

// Features of a text, for the linear model. They are taken from the normal form: n-grams of words and of characters,
// each as a 32-bit hash, in blocks of about blockBytes. Windows are runs of neighbouring blocks, so that an attack deep in a
// document is judged beside its surroundings and not beside the whole document.
//
// Words enter by first letter, last letter and the letters between in any order: a reader of shuffled words is not
// fooled, and neither is a model. Digits are all alike.
type features struct {
	hash   []uint32 // of every n-gram, in the order of the text, repeats included
	blocks []block
}

// block is the end of a run of n-grams and of the normal form they were taken from.
type block struct{ hash, norm int }

// blockBytes is the least length of a block, in bytes of the normal form; a block ends with the word that crosses it.
const blockBytes = 140

// minBlock is the least length of a block that ends with a sentence: a sentence that does not belong is judged alone.
const minBlock = 40

// endsBlock reports whether a block of n bytes ends behind c.
func endsBlock(c byte, n int, rest []byte) bool {
	switch {
	case n >= maxBlock:
		return true
	case n >= blockBytes:
		return !word[c]
	}
	return (c == '.' || c == '!' || c == '?' || c == ':') && len(rest) > 0 && rest[0] == ' '
}

// maxBlock bounds a block that meets no end of a word, in bytes.
const maxBlock = blockBytes + 64

// Multipliers of the hashes: odd 64-bit numbers without structure (digits of pi, e and the golden ratio).
const (
	mul2    = 0x9e3779b97f4a7c15
	mul3    = 0x243f6a8885a308d3
	mul4    = 0xb7e151628aed2a6b
	mul5    = 0x452821e638d01377
	mulWord = 0xc2b2ae3d27d4eb4f
	mulTwo  = 0x165667b19e3779f9
	mulPair = 0xd6e8feb86659fd93
)

// Units are characters on 12 bits: ASCII as it is, others hashed above it.
func unit(r rune) uint64 { return 0x80 + uint64(uint32(r)*2654435761>>16)%(1<<12-0x80) }

// scan takes the features of a normal form. It keeps its memory from call to call.
func (x *features) scan(norm []byte) {
	x.hash, x.blocks = x.hash[:0], x.blocks[:0]
	hash := x.hash
	var (
		gram         uint64 // the last five units
		word         uint64 // hash of the word in progress, 0 between words
		first, last  uint64 // its letters at the ends
		prev1, prev2 uint64 // words before
		start        int    // of the block
		wide         bool   // the last unit is of a script that is written without spaces
	)
	for i := 0; i < len(norm); {
		c := norm[i]
		u, size := uint64(unitOf[c]), 1
		inWord := word256(c)
		if c >= utf8.RuneSelf {
			var r rune
			r, size = utf8.DecodeRune(norm[i:])
			u = unit(r)
			nowWide := r >= 0x0e00 && (r < 0x1100 || r >= 0x3040)
			gram = gram<<12 | u
			if nowWide && wide {
				hash = append(hash, uint32(gram&(1<<24-1)*mul2>>32))
			}
			wide = nowWide
		} else {
			gram = gram<<12 | u
			wide = false
		}
		hash = append(hash,
			uint32(gram&(1<<36-1)*mul3>>32),
			uint32(gram&(1<<48-1)*mul4>>32))
		if inWord {
			if word == 0 {
				first, word = u, 1
			} else {
				m := last * mul4 // the letters between, in any order
				word += (m ^ m>>31) * mulPair
			}
			last = u
		} else if word != 0 {
			w := (word + first*mul2 + last*mul5) * mulWord
			w ^= w >> 29
			hash = append(hash, uint32(w*mulTwo>>32), uint32((w+prev1*mulPair)*mulTwo>>32), uint32((w+prev1*mulPair+prev2*mul4)*mul3>>32), uint32((w*mulPair+prev2)*mul5>>32))
			prev2, prev1, word, last = prev1, w, 0, 0
		}
		i += size
		if n := i - start; n >= minBlock && endsBlock(c, n, norm[i:]) {
			x.blocks = append(x.blocks, block{len(hash), i})
			start = i
		}
	}
	if word != 0 {
		w := (word + first*mul2 + last*mul5) * mulWord
		w ^= w >> 29
		hash = append(hash, uint32(w*mulTwo>>32), uint32((w+prev1*mulPair)*mulTwo>>32), uint32((w+prev1*mulPair+prev2*mul4)*mul3>>32), uint32((w*mulPair+prev2)*mul5>>32))
	}
	if start < len(norm) || len(x.blocks) == 0 {
		x.blocks = append(x.blocks, block{len(hash), len(norm)})
	} else {
		x.blocks[len(x.blocks)-1].hash = len(hash)
	}
	x.hash = hash
}

func word256(c byte) bool { return word[c] }

// unitOf maps ASCII bytes to units.
var unitOf = func() (u [256]uint8) {
	for c := range 128 {
		u[c] = uint8(c)
		if c >= '0' && c <= '9' {
			u[c] = '0'
		}
	}
	return u
}()
