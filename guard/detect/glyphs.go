package detect

import (
	"sync"
	"unicode"
	"unicode/utf8"
)

// A glyph says what the normal form of a rune is where nothing but the rune decides, so that most of them need one look-up: the rune it
// becomes, with flags; 0 where more must be asked.
type glyph uint16

const (
	glyphFolded = 1 << 15 // it becomes another letter
	glyphTwin   = 1 << 14 // it looks like a Latin letter: in a Latin word it becomes that
	glyphRune   = glyphTwin - 1

	beyond = 1 // in place of a rune that is too high for a glyph: a small letter of Cherokee
)

// firstGlyph and lastGlyph bound the alphabets of glyphs.
const (
	firstGlyph = utf8.RuneSelf
	lastGlyph  = 0x1fff
)

// glyphs is a constant that takes time to work out.
var glyphs = sync.OnceValue(func() *[lastGlyph - firstGlyph + 1]glyph {
	t := new([lastGlyph - firstGlyph + 1]glyph)
	for i := range t {
		t[i] = newGlyph(rune(firstGlyph + i))
	}
	return t
})

func newGlyph(r rune) glyph {
	if kindOf(r) != visible || unicode.In(r, unicode.Mn, unicode.Me) || secondHalf(r) {
		return 0
	}
	if f := foldLetter(r); f != r {
		if f >= utf8.RuneSelf {
			return 0
		}
		return glyph(f) | glyphFolded
	}
	low := bare(unicode.ToLower(r))
	if r >= firstCapital && low == r-firstCapital+firstCherokee {
		low = beyond
	}
	if low != beyond && utf8.RuneLen(low) != utf8.RuneLen(r) || low > glyphRune {
		return 0
	}
	g := glyph(low)
	if homoglyph(r) != 0 {
		g |= glyphTwin
	}
	return g
}

// asItIs reports whether a rune of a script without spaces, or an emoji, is its own normal form.
func asItIs(r rune) bool {
	return r >= 0x3400 && r <= 0x9fff || r >= 0xac00 && r <= 0xd7a3 || r >= 0x1f200 && r <= 0x1ffff && r != blackFlag ||
		r >= 0x3041 && r <= 0x3096 || r >= 0x30a1 && r <= 0x30fe || r == 0x3001 || r == 0x3002
}

// Small Cherokee letters, many of which look like Latin ones, and the first of the capitals that are as many in the same order.
const (
	firstCherokee = 0xab70
	lastCherokee  = 0xabbf
	firstCapital  = 0x13a0
)

// noCharacter stands in a normal form for a byte of a text that is none of a character: what is not UTF-8 becomes no longer than it was.
// It is no letter and no white space, and nothing else becomes it.
const noCharacter = 0x7f

// noCharacter takes a byte that is none of a character. What a code of valid UTF-8 said has U+FFFD there, as whoever decodes it.
func (t *Text) noCharacter(at int) {
	if t.replaces {
		t.mark(at)
		t.Norm = utf8.AppendRune(t.Norm, utf8.RuneError)
		return
	}
	t.Norm = append(t.Norm, noCharacter)
}

// runeAt is utf8.DecodeRune, at once for what has two or three bytes.
func runeAt(p []byte) (rune, int) {
	if len(p) >= 3 {
		switch c := p[0]; {
		case c >= 0xc2 && c < 0xe0 && p[1]&0xc0 == 0x80:
			return rune(c&0x1f)<<6 | rune(p[1]&0x3f), 2
		case c >= 0xe0 && c < 0xf0 && c != 0xed && p[1]&0xc0 == 0x80 && p[2]&0xc0 == 0x80 && (c > 0xe0 || p[1] >= 0xa0):
			return rune(c&0x0f)<<12 | rune(p[1]&0x3f)<<6 | rune(p[2]&0x3f), 3
		case c >= utf8.RuneSelf && c < 0xc2:
			return utf8.RuneError, 1
		}
	}
	return utf8.DecodeRune(p)
}

// glyphRun appends runes from text[i:] that need little more than a look-up in all glyphs, and returns where they end.
func (t *Text) glyphRun(text []byte, i, base int, all *[lastGlyph - firstGlyph + 1]glyph) int {
	t.mark(base + i)
	near := latinNear{text: text, start: i, ahead: i}
	for i < len(text) && text[i] >= utf8.RuneSelf {
		if two := text[i:min(i+2, len(text))]; len(two) == 2 && two[0] >= 0xc2 && two[0] < 0xe0 && two[1]&0xc0 == 0x80 { // what most alphabets are of
			g := all[rune(two[0]&0x1f)<<6|rune(two[1]&0x3f)-firstGlyph]
			if g != 0 && g&glyphFolded == 0 && (g&glyphTwin == 0 || near.none()) {
				t.endRuns()
				t.Evidence.Twins += int(g / glyphTwin)
				t.Norm = append(t.Norm, 0xc0|byte(g&glyphRune>>6), 0x80|byte(g&0x3f))
				i += 2
				continue
			}
		}
		r, n := runeAt(text[i:])
		var g glyph
		switch {
		case r <= lastGlyph:
			g = all[r-firstGlyph]
		case asItIs(r) || r == utf8.RuneError && n > 1:
			t.endRuns()
			end := i + n
			for end < len(text) && text[end] >= utf8.RuneSelf {
				if r, n = runeAt(text[end:]); !asItIs(r) {
					break
				}
				end += n
			}
			t.Norm = append(t.Norm, text[i:end]...)
			i = end
			continue
		case r == utf8.RuneError:
			t.endRuns()
			t.noCharacter(base + i)
			i++
			t.mark(base + i)
			continue
		case r >= firstCherokee && r <= lastCherokee:
			if g = beyond; homoglyph(r) != 0 {
				g |= glyphTwin
			}
		}
		if g == 0 {
			if !marksLatin(r) {
				break
			}
			t.endRuns()
			t.combine(r)
			i += n
			t.mark(base + i)
			continue
		}
		t.endRuns()
		if g&glyphTwin != 0 && !near.none() && near.at(i) {
			t.Evidence.Homoglyphs++
			t.mark(base + i)
			t.Norm = append(t.Norm, homoglyph(r))
			i += n
			t.mark(base + i)
			continue
		}
		t.Evidence.Twins += int(g / glyphTwin & 1)
		switch low := rune(g & glyphRune); {
		case low == r && n == 2:
			t.Norm = append(t.Norm, text[i], text[i+1])
		case low == r && n == 3:
			t.Norm = append(t.Norm, text[i], text[i+1], text[i+2])
		case low != beyond:
			t.Norm = utf8.AppendRune(t.Norm, low)
		case r >= firstCherokee:
			t.Norm = append(t.Norm, text[i], text[i+1], text[i+2])
		default:
			t.Norm = utf8.AppendRune(t.Norm, r-firstCapital+firstCherokee)
		}
		i += n
		if g&glyphFolded != 0 {
			t.Evidence.Folded++
			if upsideDown(r) != 0 {
				t.Evidence.Turned++
			}
			t.mark(base + i)
		}
	}
	return i
}

// marksLatin reports whether r is one of the marks that stand on Latin letters most often.
func marksLatin(r rune) bool { return r >= 0x300 && r <= 0x36f && r != 0x34f }

// latinNear answers what inLatinWord does for places of a run of runes that are not ASCII, one behind the other.
type latinNear struct {
	text  []byte
	start int  // of the run
	asked bool // last is known
	last  int  // the ASCII letter in front of the run, in the same word; -1 if none is near
	ahead int  // what is looked at next behind it
	found bool
	wall  bool // the word ends at ahead
}

// none reports whether there is no letter in the rest of the run's word.
func (l *latinNear) none() bool { return l.wall && l.last < 0 && !l.found }

func (l *latinNear) at(i int) bool {
	if !l.asked {
		l.asked, l.last = true, -1
		for j := l.start - 1; j >= 0 && l.start-j <= wordReach && wordByte(l.text[j]); j-- {
			if letter(l.text[j]) {
				l.last = j
				break
			}
		}
	}
	if l.last >= 0 && i-l.last <= wordReach {
		return true
	}
	end := min(i+wordReach+1, len(l.text))
	for l.ahead = max(l.ahead, i); !l.found && !l.wall && l.ahead < end; {
		for l.ahead < end && l.text[l.ahead] >= utf8.RuneSelf {
			l.ahead++
		}
		if l.ahead == end {
			break
		}
		switch c := l.text[l.ahead]; {
		case letter(c):
			l.found = true
		case !wordByte(c):
			l.wall = true
		default:
			l.ahead++
		}
	}
	return l.found && l.ahead-i <= wordReach
}
