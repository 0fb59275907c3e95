package detect

import (
	"slices"
	"unicode"
	"unicode/utf8"
)

// Texts whose letters are set apart: by white space, in any script ("न म", "i  g  n"), or by marks and emoji ("i·g·n", "i😀g😀n"). ASCII letters
// with one mark between them are a matter of the normal form.

// Samples of a text are looked at for letters that touch: some bytes every so many.
const (
	apartSample = 24
	apartStride = 96
	apartLeast  = 4 // letters in a sample
)

// apart reports whether letters may be set apart: in some place of the text none touch.
func apart(text []byte) bool {
	for i := 0; i < len(text); i += apartStride {
		for i < len(text) && !utf8.RuneStart(text[i]) {
			i++
		}
		if isolated(text[i:min(i+apartSample, len(text))]) {
			return true
		}
	}
	return false
}

func isolated(sample []byte) bool {
	n, before := 0, false
	for len(sample) > 0 {
		c, size := rune(sample[0]), 1
		is := letter(sample[0])
		if c >= utf8.RuneSelf {
			if c, size = runeAt(sample); c == utf8.RuneError {
				break // the sample cuts it
			}
			is = inWord(c) && unicode.In(c, unicode.L, unicode.M)
		}
		if is && before {
			return false
		}
		if before = is; is {
			n++
		}
		sample = sample[size:]
	}
	return n >= apartLeast
}

// What letters can be set apart by, as bits.
const (
	bySpace = 1 << iota
	byMarks
)

// setApart has the ways in which an ASCII character is one of what is set apart.
var setApart = func() (t [utf8.RuneSelf]uint8) {
	for c := range t {
		if c > ' ' {
			t[c] |= bySpace
		}
		if word[c] {
			t[c] |= byMarks
		}
	}
	return t
}()

// runeApart reports whether the character that p begins with, which is not ASCII, is one of what is set apart, and its length.
func runeApart(p []byte, by uint8, words *[lastGlyph + 1]bool) (is bool, size int) {
	r, size := runeAt(p)
	switch {
	case by == bySpace:
		return !whiteSpace(r), size
	case r <= lastGlyph:
		return words[r], size
	}
	return inWord(r), size
}

// spaceAt reports whether p begins with white space.
func spaceAt(p []byte) bool {
	if p[0] < utf8.RuneSelf {
		return whiteSpace(rune(p[0]))
	}
	r, _ := runeAt(p)
	return whiteSpace(r)
}

// whiteSpace is unicode.IsSpace without a search in its tables.
func whiteSpace(r rune) bool {
	switch {
	case r > 0xa0 && r < 0x1680 || r > 0x3000:
		return false
	case r < 0x1680:
		return r == ' ' || r >= '\t' && r <= '\r' || r == 0x85 || r == 0xa0
	case r < 0x2000 || r > 0x205f:
		return r == 0x1680 || r == 0x3000
	}
	return r <= 0x200a || r == 0x2028 || r == 0x2029 || r == 0x202f || r == 0x205f
}

// maxGapInWord is the longest gap between letters of a word, in characters.
const maxGapInWord = 4

// commonGap returns the length of the gap that stands between most neighbours, in characters; 0 if more than a third of them touch or no gap
// is the common one.
func commonGap(text []byte, by uint8) int {
	words := wordRunes()
	var count [maxGapInWord + 2]int // the last of longer ones
	n, all := maxGapInWord+1, 0     // what stands in front is none
	for i := 0; i < len(text); {
		var is bool
		size := 1
		if c := text[i]; c < utf8.RuneSelf {
			is = setApart[c]&by != 0
		} else {
			is, size = runeApart(text[i:], by, words)
		}
		i += size
		if !is {
			n++
			continue
		}
		count[min(n, maxGapInWord+1)]++
		all++
		if n == 0 && 3*count[0] > all+len(text)-i { // whatever is to come
			return 0
		}
		n = 0
	}
	for gap := 1; gap <= maxGapInWord; gap++ {
		if 3*count[gap] >= 2*(all-1) && all > 2*apartLeast {
			return gap
		}
	}
	return 0
}

// closeUp puts letters together that are set apart, if most of the text's are, and reports whether it did. A gap longer than the common one
// stays as a space, and between marks so does one with a space in it.
func (d *decoder) closeUp(text []byte) bool {
	by := uint8(bySpace)
	gap := commonGap(text, by)
	if gap == 0 {
		by = byMarks
		gap = commonGap(text, by)
	}
	if gap == 0 {
		return false
	}
	d.out, d.from, d.used = slices.Grow(d.out[:0], len(text)), append(d.from[:0], offset{}), true
	out, words, n, white := d.out, wordRunes(), 0, false
	for i := 0; i < len(text); {
		var is bool
		size := 1
		if c := text[i]; c < utf8.RuneSelf {
			is = setApart[c]&by != 0
		} else {
			is, size = runeApart(text[i:], by, words)
		}
		if !is {
			n, white = n+1, white || by == byMarks && spaceAt(text[i:])
			i += size
			continue
		}
		if n > gap || white {
			out = append(out, ' ')
		}
		if n > 0 {
			d.from = append(d.from, offset{int32(len(out)), int32(i)})
			n, white = 0, false
		}
		switch size {
		case 1:
			out = append(out, text[i])
		case 3:
			out = append(out, text[i], text[i+1], text[i+2])
		default:
			out = append(out, text[i:i+size]...)
		}
		i += size
	}
	d.out = out
	return true
}
