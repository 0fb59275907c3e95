package detect

import (
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// The letters of an answer, with everything between them skipped, are held against those of system prompts: languages without spaces have no words to
// count, and a model is asked for its prompt letter by letter ("Y-o-u", one on a line, numbered, in an array of JSON) or with no spaces at all.
const (
	seedBytes   = 16  // of letters in a row that begin a run; sent before it is held back
	seedApart   = 8   // bytes at least between two places of a prompt where a run can begin
	leakWeight  = 128 // of letters in a row that are a leak, see weigh: 64 letters, or 16 characters of Chinese
	minWeight   = 64  // of a prompt that has no minPrompt words
	minSpelled  = 20  // bytes of letters of a prompt that is looked for so
	partWeight  = 40  // of letters in a row that are a part of a prompt, about five words: parts of it with other words between are a leak
	partStep    = 32  // bytes of a prompt in which one part is counted
	partsWeight = 384 // of such parts, or three quarters of a shorter prompt
	lettersGap  = 64  // bytes between two letters of a run: numbers and markup of a list
)

// A lettersIndex has the letters of all prompts as they stand and in ROT13, each forwards and backwards, with a zero behind.
type lettersIndex struct {
	text   []byte
	seeds  map[uint64]seed // by the hash of the last seedBytes
	filter []uint64        // a bit for each hash of seeds: most places of an answer are none
	enough int32           // weight that is a leak
	small  *[0x2000]rune
}

// seed is a place where a run can begin.
type seed struct {
	at     int32 // in text, behind the last letter
	weight int32 // of the letters so far
	need   int32 // weight that is a leak
	parts  int32 // weight of parts that are one
}

// letterOf returns a character as it counts: a letter of ASCII in lower case, whatever it is written as (accents, other alphabets of Unicode, look-alikes of other scripts, tags), any other letter as it is; ok is false for
// what stands between letters, digits among it, as lists are numbered.
func letterOf(r rune) (rune, bool) {
	if r < 0x80 {
		return r | 0x20, 'a' <= r|0x20 && r|0x20 <= 'z'
	}
	if plain := latinLetter(r); plain != 0 {
		return letterOf(plain)
	}
	switch {
	case r < 0xc0, r == 0xd7, r == 0xf7, r >= 0x300 && r < 0x370: // Latin punctuation, marks that were put on letters
		return 0, false
	case r >= 0x2000 && r < 0x2c00, r >= 0x3000 && r < 0x3040, r >= 0xd800 && r < 0xf900, r >= 0xfe00 && r < 0xfe50, r == 0xfeff: // punctuation and symbols, what is no character
		return 0, false
	case r >= 0xff00 && r < 0xff66, r >= 0xffe0 && r < 0x10000: // forms of full width
		return letterOf((r - 0xfee0) & 0x7f)
	case r < 0x590: // with cases
		return unicode.ToLower(r), true
	case r >= 0x10000: // emoji, tags; the characters of Chinese from 0x20000 on
		return r, r >= 0x20000 && r < 0x40000
	}
	return r, true
}

// smallLetters is letterOf for the alphabets with cases and those of India, as a constant that takes time to work out; 0 is no letter.
var smallLetters = sync.OnceValue(func() *[0x2000]rune {
	t := new([0x2000]rune)
	for i := range t {
		if r, ok := letterOf(rune(i)); ok {
			t[i] = r
		}
	}
	return t
})

// latinLetter returns the character of ASCII that another is a form of, or looks like, or 0.
func latinLetter(r rune) rune {
	switch {
	case r >= 0x3040 && r < 0xa000 || r >= 0xac00 && r < 0xd800: // Kana, Han, Hangul: most of the text that has any
		return 0
	case r >= 0xe0020 && r < 0xe007f:
		return r - 0xe0000
	}
	if f := foldLetter(r); f < 0x80 {
		return f
	}
	return rune(homoglyph(unicode.ToLower(r))) // as the small letter looks: both count the same
}

// weigh returns what a letter counts for: 8 words are a leak, of 40 letters in English, about 16 characters in Chinese or Japanese, and 40 in Thai. Letters of
// languages that have spaces count by words first, and here for less.
func weigh(r rune) int32 {
	switch {
	case r < 0xe00:
		return 2
	case r < 0x1100, r >= 0x1780 && r < 0x1800: // Thai, Lao, Tibetan, Burmese, Khmer
		return 3
	case r >= 0x3040 && r < 0xa000, r >= 0xf900 && r < 0xfb00, r >= 0xff66 && r < 0xffa0, r >= 0x20000: // Kana, Han
		return 8
	case r >= 0xac00 && r < 0xd800: // Hangul
		return 4
	}
	return 2
}

// spaceless reports whether a letter is of a script that has no spaces between words.
func spaceless(r rune) bool { return weigh(r) == 3 || weigh(r) == 8 }

// newLetters returns the index of prompts, or nil where none has letters enough.
func newLetters(prompts []string) *lettersIndex {
	l := emptyLetters()
	for _, p := range prompts {
		var letters []rune
		for _, r := range p {
			if r, ok := letterOf(r); ok {
				letters = append(letters, r)
			}
		}
		l.add(letters)
		rotated := []rune(strings.Map(rot13, string(letters)))
		l.add(rotated)
		slices.Reverse(letters)
		l.add(letters)
		slices.Reverse(rotated)
		l.add(rotated)
	}
	return l.filtered()
}

func emptyLetters() *lettersIndex {
	return &lettersIndex{text: []byte{0}, seeds: make(map[uint64]seed), enough: leakWeight, small: smallLetters()}
}

// filtered returns the index with its filter, or nil where it is empty.
func (l *lettersIndex) filtered() *lettersIndex {
	if len(l.seeds) == 0 {
		return nil
	}
	size := 64
	for size < len(l.seeds)/2 { // 32 bits for each seed
		size *= 2
	}
	l.filter = make([]uint64, size)
	for h := range l.seeds {
		k := l.bit(h)
		l.filter[k/64] |= 1 << (k % 64)
	}
	return l
}

func (l *lettersIndex) bit(h uint64) uint64 { return h * spread >> 32 & (uint64(len(l.filter))*64 - 1) }

// may reports whether a run may begin behind letters with this hash.
func (l *lettersIndex) may(h uint64) bool {
	k := l.bit(h)
	return l.filter[k/64]>>(k%64)&1 != 0
}

// add adds one way to write a prompt.
func (l *lettersIndex) add(letters []rune) {
	total := int32(0)
	for _, r := range letters {
		total += weigh(r)
	}
	if size := len(string(letters)); size < minSpelled {
		return
	}
	var s lettersRoll
	var weight, last int32
	var behind []int32 // weights of the letters that end at each of the last bytes
	for _, r := range letters {
		var b [utf8.UTFMax]byte
		n := utf8.EncodeRune(b[:], r)
		for _, c := range b[:n] {
			s.roll(c)
		}
		l.text = append(l.text, b[:n]...)
		weight += weigh(r)
		behind = append(append(behind, make([]int32, n-1)...), weigh(r))
		if at := int32(len(l.text)); len(behind) >= seedBytes && (last == 0 || at-last >= seedApart) {
			w := weight
			if last > 0 {
				w = 0
				for _, x := range behind[len(behind)-seedBytes:] {
					w += x
				}
			}
			if _, ok := l.seeds[s.hash]; !ok {
				l.seeds[s.hash] = seed{at, w, min(l.enough, total), max(leakWeight, min(partsWeight, total/4*3))}
			}
			last = at
		}
	}
	l.text = append(l.text, 0)
}

// lettersRoll hashes the last seedBytes of letters.
type lettersRoll struct {
	hash uint64
	ring [seedBytes]byte
	n    uint8 // of letters, modulo 256
}

// oldest is wordBase to the power of seedBytes.
var oldest = func() uint64 {
	p := uint64(1)
	for range seedBytes {
		p *= wordBase
	}
	return p
}()

func (s *lettersRoll) roll(c byte) {
	last := &s.ring[s.n%seedBytes]
	s.hash = s.hash*wordBase + uint64(c) - oldest*uint64(*last)
	*last = c
	s.n++
}

// is reports whether the last letters are these: the hash is one that anybody can compute.
func (s *lettersRoll) is(b []byte) bool {
	for i, c := range b {
		if s.ring[(s.n+uint8(i))%seedBytes] != c {
			return false
		}
	}
	return true
}
