package detect

import (
	"bytes"
	"math/bits"
)

// Alphabets that letters were moved in: ROT13 and other Caesar ciphers, and those that also run backwards, as Atbash. Which one it was is told by how
// often the letters of a block occur, and asked where vowels are rarer than in any language.

// alphabetBlock is about the length of what is looked at at once, in bytes.
const alphabetBlock = 256

// minLetters is the least number of letters whose frequencies say something.
const minLetters = 20

// A turn says how the letters of a block of a normal form were put back: k became shift+k or, mirrored, shift-k.
type turn struct {
	start, end int32
	shift      uint8
	mirrored   bool
}

// put replaces the letters of a block by those that t says.
func (t turn) put(norm []byte) {
	to := t.letters()
	for i, c := range norm[t.start:t.end] {
		if k := c - 'a'; k < 26 {
			norm[int(t.start)+i] = to[k]
		}
	}
}

// letters returns what each letter becomes.
func (t turn) letters() (to [26]byte) {
	for k := range uint8(26) {
		from := k
		if t.mirrored {
			from = 26 - k
		}
		to[k] = 'a' + (from+t.shift)%26
	}
	return to
}

// byChance reports whether a block that t would put back has letters of no language, as base64 has: pairs of them stand either way.
func (t turn) byChance(block []byte, short bool) bool {
	to := t.letters()
	ahead, back, letters := 0, 0, 0
	before := byte(0) // no letter
	for _, c := range block {
		if c -= 'a'; c >= 26 {
			before = 0
			continue
		}
		c = to[c]
		d := directions[uint(before&31)<<5|uint(c&31)]
		ahead, back = ahead+int(d&1), back+int(d>>1)
		before = c
		letters++
	}
	if short {
		return ahead < back
	}
	return ahead <= 2*back || directionRate*ahead < letters
}

// back undoes put.
func (t turn) back(norm []byte) {
	if !t.mirrored {
		t.shift = 26 - t.shift
	}
	t.put(norm)
}

// rareVowels reports whether a block of lower case may have other letters than it seems: of a text in Latin letters a third are vowels. Most
// blocks of most languages are told by their commonest, and those of code by the letters that there are.
func rareVowels(block []byte) bool {
	vowels := bytes.Count(block, []byte{'e'})
	if 100*vowels >= 8*len(block) {
		return false
	}
	for _, c := range [...]byte{'a', 'i', 'o', 'u'} {
		vowels += bytes.Count(block, []byte{c})
	}
	if 100*vowels >= 26*len(block) {
		return false
	}
	letters := 0
	for at := 0; at < len(block); at += 64 {
		letters += bits.OnesCount64(letterMask(block[at:]))
	}
	return letters >= minLetters && 100*vowels <= 33*letters
}

// turns finds the blocks of a normal form whose letters were moved, and returns what puts them back.
func turns(out []turn, norm []byte) []turn {
	n := max(len(norm)/alphabetBlock, 1)
	for k := range n {
		start, end := int(int64(len(norm))*int64(k)/int64(n)), int(int64(len(norm))*int64(k+1)/int64(n)) // more than 32 bits from 724 KiB on
		if !rareVowels(norm[start:end]) {
			continue
		}
		t, ok := moved(norm[start:end])
		if ok && !t.byChance(norm[start:end], len(norm) < alphabetBlock) {
			t.start, t.end = int32(start), int32(end)
			out = append(out, t)
		}
	}
	return out
}

// around returns the places of a normal form of n bytes that were turned, with a block before and behind each: in a long text they are few, and
// the rest was looked at.
func around(out []place, turned []turn, n int) []place {
	for _, t := range turned {
		start, end := max(int(t.start)-alphabetBlock, 0), min(int(t.end)+alphabetBlock, n)
		if k := len(out) - 1; k >= 0 && start <= out[k].end {
			out[k].end = end
			continue
		}
		out = append(out, place{start, end})
	}
	return out
}

// frequency has 32 times the logarithm to base 2 of 1000 times the share of each letter in English text.
var frequency = [26]int{203, 125, 154, 174, 224, 143, 138, 190, 196, 19, 94, 170, 147, 194, 199, 136, 4, 189, 191, 208, 154, 105, 147, 19, 138, 4}

// frequencies is the sum of frequency, and frequencySpread as many times the sum of the squares of what they differ from their mean as there are letters, squared.
var frequencies, frequencySpread = func() (sum, spread int64) {
	squares := int64(0)
	for _, f := range frequency {
		sum += int64(f)
		squares += int64(f) * int64(f)
	}
	return sum, int64(len(frequency))*squares - sum*sum
}()

// turned has what a letter is worth for each way to put it back: three shifts in a word, since a block's sum, of no more than twice alphabetBlock
// letters, takes 17 bits.
var turned = func() (t [2][len(frequency)][turnWords]uint64) {
	for k := range frequency {
		for shift := range frequency {
			at := uint(shift % 3 * turnBits)
			t[0][k][shift/3] |= uint64(frequency[(k+shift)%26]) << at
			t[1][k][shift/3] |= uint64(frequency[(26-k+shift)%26]) << at
		}
	}
	return t
}()

const (
	turnBits  = 21
	turnWords = (len(frequency) + 2) / 3
)

// How much more like English a block must be, and how much like it, by letter: English has 186, letters by chance have 141.
const (
	likelier = 20
	likely   = 160
)

// moved says how the letters of a block are put back, if they then are English as they were not.
func moved(block []byte) (turn, bool) {
	var count [256]int32
	for _, c := range block {
		count[c]++
	}
	letters, plain, squares := 0, 0, 0
	for k, n := range count['a' : 'z'+1] {
		letters += int(n)
		plain += int(n) * frequency[k]
		squares += int(n) * int(n)
	}
	// However its letters are put back, a block is no more like English than this (Cauchy and Schwarz, about the means of both counts): of code few are.
	const kinds = int64(len(frequency))
	if over := kinds*int64(max(plain+likelier*letters, likely*letters)) - int64(letters)*frequencies; over > 0 && over*over > (kinds*int64(squares)-int64(letters)*int64(letters))*frequencySpread {
		return turn{}, false
	}
	var values [2][turnWords]uint64
	for k, n := range count['a' : 'z'+1] {
		if n == 0 {
			continue
		}
		for i := range turnWords {
			values[0][i] += uint64(n) * turned[0][k][i]
			values[1][i] += uint64(n) * turned[1][k][i]
		}
	}
	value := func(shift uint8, mirrored int) int {
		return int(values[mirrored][shift/3] >> (shift % 3 * turnBits) & (1<<turnBits - 1))
	}
	best, at := turn{}, 0
	for shift := range uint8(26) {
		for mirrored := range 2 {
			if v := value(shift, mirrored); v > at {
				best, at = turn{shift: shift, mirrored: mirrored > 0}, v
			}
		}
	}
	return best, at >= plain+likelier*letters && at >= likely*letters
}
