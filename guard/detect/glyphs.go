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
	if kindOf(r) != visible || unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	if f := foldLetter(r); f != r {
		if f >= utf8.RuneSelf {
			return 0
		}
		return glyph(f) | glyphFolded
	}
	low := unicode.ToLower(r)
	if utf8.RuneLen(low) != utf8.RuneLen(r) || low > glyphRune {
		return 0
	}
	g := glyph(low)
	if homoglyph(r) != 0 {
		g |= glyphTwin
	}
	return g
}

// asItIs reports whether a rune of a script without spaces is its own normal form.
func asItIs(r rune) bool {
	return r >= 0x3400 && r <= 0x9fff || r >= 0xac00 && r <= 0xd7a3 || r >= 0x3041 && r <= 0x3096 || r >= 0x30a1 && r <= 0x30fe || r == 0x3001 || r == 0x3002
}

// Small Cherokee letters, many of which look like Latin ones.
const (
	firstCherokee = 0xab70
	lastCherokee  = 0xabbf
)

const replacement = string(utf8.RuneError)

// glyphRun appends runes from text[i:] that need no more than a look-up, and returns where they end.
func (t *Text) glyphRun(text []byte, i, base int) int {
	t.mark(base + i)
	all, near := glyphs(), latinNear{text: text, ahead: i, last: -1}
	for j := i - 1; j >= 0 && i-j <= wordReach && wordByte(text[j]); j-- {
		if letter(text[j]) {
			near.last = j
			break
		}
	}
	for i < len(text) && text[i] >= utf8.RuneSelf {
		r, n := utf8.DecodeRune(text[i:])
		var g glyph
		switch {
		case r <= lastGlyph:
			g = all[r-firstGlyph]
		case asItIs(r):
			t.endRuns()
			t.Norm = append(t.Norm, text[i:i+n]...)
			i += n
			continue
		case r == utf8.RuneError: // also of bytes that are no character, which are three each then
			t.endRuns()
			t.mark(base + i)
			t.Norm = append(t.Norm, replacement...)
			i += n
			t.mark(base + i)
			continue
		case r >= firstCherokee && r <= lastCherokee:
			if g = glyph(1); homoglyph(r) != 0 {
				g = glyphTwin
			}
		}
		if g == 0 {
			break
		}
		t.endRuns()
		if g&glyphTwin != 0 && near.at(i) {
			t.Evidence.Homoglyphs++
			t.mark(base + i)
			t.Norm = append(t.Norm, homoglyph(r))
			i += n
			t.mark(base + i)
			continue
		}
		t.Evidence.Twins += int(g / glyphTwin & 1)
		if low := rune(g & glyphRune); r <= lastGlyph {
			t.Norm = utf8.AppendRune(t.Norm, low)
		} else {
			t.Norm = append(t.Norm, text[i:i+n]...)
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

// latinNear answers what inLatinWord does for places of a run of runes that are not ASCII, one behind the other.
type latinNear struct {
	text  []byte
	last  int // the ASCII letter in front of the run, in the same word; -1 if none is near
	ahead int // what is looked at next behind it
	found bool
	wall  bool // the word ends at ahead
}

func (l *latinNear) at(i int) bool {
	if l.last >= 0 && i-l.last <= wordReach {
		return true
	}
	for l.ahead = max(l.ahead, i); !l.found && !l.wall && l.ahead < len(l.text) && l.ahead-i <= wordReach; {
		c := l.text[l.ahead]
		switch {
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
