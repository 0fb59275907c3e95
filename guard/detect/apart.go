package detect

import (
	"encoding/binary"
	"math/bits"
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
	if len(sample) >= 8 { // in most texts the first word tells: too few letters stand in front of what may cut the sample
		if l := lettersOf(binary.LittleEndian.Uint64(sample)); l&(l<<8) != 0 {
			return false
		}
	}
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

// gaps counts how far from one another characters of two kinds are, those of [bySpace] and of [byMarks].
type gaps struct {
	of [2]struct {
		count [maxGapInWord + 1]int // by the characters between neighbours
		all   int
		last  uint64 // the latest 64 characters that were counted, a bit each, the last of them highest
	}
}

// take counts n characters, of which spaced and marked have a bit each.
func (g *gaps) take(spaced, marked uint64, n int) {
	for kind, chars := range [...]uint64{spaced, marked} {
		k := &g.of[kind]
		k.all += bits.OnesCount64(chars)
		first := chars // those that have none as near
		for gap := range k.count {
			before := k.last>>(63-gap) | chars<<(gap+1)
			k.count[gap] += bits.OnesCount64(first & before)
			first &^= before
		}
	}
	g.of[0].last = g.of[0].last>>n | spaced<<(64-n)
	g.of[1].last = g.of[1].last>>n | marked<<(64-n)
}

var (
	spacedSet = newByteSet(func(c byte) bool { return c < utf8.RuneSelf && setApart[c]&bySpace != 0 })
	markedSet = newByteSet(func(c byte) bool { return c < utf8.RuneSelf && setApart[c]&byMarks != 0 })
	otherSet  = newByteSet(func(c byte) bool { return c >= utf8.RuneSelf })
)

// commonGap returns the length of the gap that stands between most neighbours, in characters, and what they are apart by; 0 if more than a third of them touch or
// no gap is the common one.
func commonGap(text []byte) (gap int, by uint8) {
	words := wordRunes()
	var g gaps
	var spaced, marked uint64 // n characters that are not counted yet
	n := 0
	for i := 0; i < len(text); {
		if n == 64 {
			g.take(spaced, marked, n)
			spaced, marked, n = 0, 0, 0
		}
		switch p := text[i:]; {
		case p[0] >= utf8.RuneSelf:
			r, size := runeAt(p)
			if !whiteSpace(r) {
				spaced |= 1 << n
			}
			if r <= lastGlyph && words[r] || r > lastGlyph && inWord(r) {
				marked |= 1 << n
			}
			n, i = n+1, i+size
		case len(p) == 1 || p[1] >= utf8.RuneSelf:
			kinds := uint64(setApart[p[0]])
			spaced |= kinds / bySpace & 1 << n
			marked |= kinds / byMarks & 1 << n
			n, i = n+1, i+1
		default:
			size := min(bits.TrailingZeros64(otherSet.mask(p)), len(p), 64-n)
			only := ^uint64(0) >> (64 - size)
			spaced |= spacedSet.mask(p) & only << n
			marked |= markedSet.mask(p) & only << n
			n, i = n+size, i+size
		}
	}
	g.take(spaced, marked, n)
	for kind, k := range g.of {
		for gap := 1; gap <= maxGapInWord; gap++ {
			if 3*k.count[gap] >= 2*(k.all-1) && k.all > 2*apartLeast {
				return gap, bySpace << kind
			}
		}
	}
	return 0, 0
}

// gapsHaveSpaces reports whether the first gaps between marks that are the common one have white space in them ("i, g, n"): then it is none between words.
func gapsHaveSpaces(text []byte, gap int, words *[lastGlyph + 1]bool) bool {
	const looks = 16
	of, n, white, all := 0, 0, false, 0
	for i := 0; i < len(text) && all < looks; {
		var is bool
		size := 1
		if text[i] < utf8.RuneSelf {
			is = word[text[i]]
		} else {
			is, size = runeApart(text[i:], byMarks, words)
		}
		switch {
		case !is:
			n, white = n+1, white || spaceAt(text[i:])
		case n == gap:
			all++
			if white {
				of++
			}
			fallthrough
		default:
			n, white = 0, false
		}
		i += size
	}
	return 2*of > all
}

// closeUp puts letters together that are set apart, if most of the text's are, and reports whether it did. A gap longer than the common one
// stays as a space, and between marks so does one with a space in it.
func (d *decoder) closeUp(text []byte) bool {
	gap, by := commonGap(text)
	if gap == 0 {
		return false
	}
	d.out, d.from, d.used = slices.Grow(d.out[:0], len(text)), append(d.from[:0], offset{}), max(d.used, len(text))
	out, words, n, white := d.out, wordRunes(), 0, false
	spaced := by == byMarks && gapsHaveSpaces(text, gap, words)
	for i := 0; i < len(text); {
		var is bool
		size := 1
		if c := text[i]; c < utf8.RuneSelf {
			is = setApart[c]&by != 0
		} else {
			is, size = runeApart(text[i:], by, words)
		}
		if !is {
			n, white = n+1, white || by == byMarks && !spaced && (text[i] == ' ' || spaceAt(text[i:]))
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
