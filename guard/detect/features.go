package detect

import "unicode/utf8"

// Features of a text, for the linear model. They are taken from the normal form: n-grams of words and of characters,
// each as a 32-bit hash, in blocks of about blockBytes. Windows are runs of neighbouring blocks, so that an attack deep in a
// document is judged beside its surroundings and not beside the whole document.
//
// Words enter by first letter, last letter and the letters between in any order: a reader of shuffled words is not
// fooled, and neither is a model. Digits are all alike.
type features struct {
	hash []uint32 // of the n-grams of the block that was read last, in order, repeats included
	end  int      // of that block in the normal form, in bytes

	gram         uint64 // the last units
	word         uint64 // hash of the word in progress, 0 between words
	first, last  uint64 // its letters at the ends
	prev1, prev2 uint64 // the words before
	wide         bool   // the last unit is of a script that is written without spaces
}

// start begins a normal form. Memory is kept.
func (x *features) start() { *x = features{hash: x.hash[:0]} }

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

// block reads the next block of a normal form; it reports false behind the last.
func (x *features) block(norm []byte) bool {
	start := x.end
	hash, gram, word, last := x.hash[:0], x.gram, x.word, x.last
	i := start
	for i < len(norm) {
		c := norm[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRune(norm[i:])
			u := unit(r)
			gram = gram<<12 | u
			wide := r >= 0x0e00 && (r < 0x1100 || r >= 0x3040)
			if wide && x.wide {
				hash = append(hash, uint32(gram&(1<<24-1)*mul2>>32))
			}
			x.wide = wide
			if word == 0 {
				x.first, word = u, 1
			} else {
				m := last * mul4
				word += (m ^ m>>31) * mulPair
			}
			last = u
			i += size
		} else {
			u := uint64(unitOf[c])
			gram = gram<<12 | u
			x.wide = false
			if wordLower[c] != 0 {
				if word == 0 {
					x.first, word = u, 1
				} else {
					m := last * mul4 // the letters between, in any order
					word += (m ^ m>>31) * mulPair
				}
				last = u
			} else if word != 0 {
				hash = x.endWord(hash, word, last)
				word, last = 0, 0
			}
			i++
		}
		hash = append(hash, uint32(gram&(1<<36-1)*mul3>>32), uint32(gram&(1<<48-1)*mul4>>32))
		if n := i - start; n >= minBlock && endsBlock(c, n, norm[i:]) {
			break
		}
	}
	x.gram, x.word, x.last = gram, word, last
	if i == len(norm) && word != 0 {
		hash = x.endWord(hash, word, last)
		x.word = 0
	}
	x.hash, x.end = hash, i
	return i > start
}

// endWord appends the features of a word and of what it makes with those before it.
func (x *features) endWord(hash []uint32, word, last uint64) []uint32 {
	w := (word + x.first*mul2 + last*mul5) * mulWord
	w ^= w >> 29
	pair := w + x.prev1*mulPair
	hash = append(hash, uint32(w*mulTwo>>32), uint32(pair*mulTwo>>32), uint32((pair+x.prev2*mul4)*mul3>>32), uint32((w*mulPair+x.prev2)*mul5>>32))
	x.prev2, x.prev1 = x.prev1, w
	return hash
}

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
