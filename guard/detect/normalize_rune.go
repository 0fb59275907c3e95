package detect

import (
	"unicode"
	"unicode/utf8"
)

// rune takes one rune that is not ASCII off text[i:] and returns its length.
func (t *Text) rune(text []byte, i, base int) int {
	r, n := utf8.DecodeRune(text[i:])
	k := kindOf(r)
	if k != zeroWidth {
		t.zw = 0
	}
	if k != variation {
		t.vs = 0
	}
	switch k {
	case tag:
		t.tag(r)
		t.mark(base + i + n)
		return n
	case zeroWidth:
		t.zw++
		t.Evidence.ZeroWidth = max(t.Evidence.ZeroWidth, t.zw)
	case variation:
		t.vs++
		t.Evidence.Variation = max(t.Evidence.Variation, t.vs)
	case bidi:
		t.Evidence.Bidi++
	case blank:
		t.space()
	case combining:
		t.combine(r)
	default:
		if r == utf8.RuneError && n == 1 {
			t.noCharacter(base + i)
			break
		}
		if t.endsUnmarked() && !pictured(r) && unicode.In(r, unicode.Mn, unicode.Me) { // a mark of another script
			t.Evidence.Folded++
			break
		}
		if f := flagLen(r, text[i:]); f > 0 {
			n = f
			break
		}
		t.visible(text, i, base, r)
	}
	t.mark(base + i + n)
	return n
}

// combine takes a combining mark: it makes another letter of the one before, or is decoration.
func (t *Text) combine(r rune) {
	if !t.join(r) {
		t.Evidence.Folded++
	}
}

// endsUnmarked reports whether what was read last is no space, and of a script that has no marks but those that are taken off.
func (t *Text) endsUnmarked() bool {
	n := len(t.Norm)
	if n == 0 || t.Norm[n-1] < utf8.RuneSelf {
		return n > 0 && t.Norm[n-1] != ' '
	}
	r, _ := utf8.DecodeLastRune(t.Norm)
	return r >= 0x370 && r < 0x700 || r >= 0x3041 && r < 0xa000 || r >= firstSyllable && r < firstSyllable+leads*vowels*tails
}

const blackFlag = 0x1f3f4

// flags are the emoji that tag characters are for: England, Scotland, Wales (UTS 51, ED-14a), behind a black flag.
var flags = [...]string{
	"\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
	"\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
	"\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f",
}

// flagLen returns the length of the flag at the start of text, whose first rune is r, or 0.
func flagLen(r rune, text []byte) int {
	for _, f := range flags {
		if r == blackFlag && len(text) >= len(f) && string(text[:len(f)]) == f {
			return len(f)
		}
	}
	return 0
}

// tag decodes a tag character to the ASCII it hides.
func (t *Text) tag(r rune) {
	t.Evidence.Tags++
	switch c := r - 0xe0000; {
	case c == ' ':
		t.space()
	case c > ' ' && c < 0x7f:
		t.Norm = append(t.Norm, lower(byte(c), true))
	}
}

// visible appends the folded form of a visible rune.
func (t *Text) visible(text []byte, i, base int, r rune) {
	if secondHalf(r) && t.join(r) {
		return
	}
	if f := foldLetter(r); f != r {
		t.Evidence.Folded++
		if upsideDown(r) != 0 {
			t.Evidence.Turned++
		}
		t.mark(base + i)
		t.Norm = utf8.AppendRune(t.Norm, f)
		return
	}
	if f := homoglyph(r); f != 0 && !inLatinWord(text, i) {
		t.Evidence.Twins++
	} else if f != 0 {
		t.Evidence.Homoglyphs++
		t.mark(base + i)
		t.Norm = append(t.Norm, f)
		return
	}
	t.mark(base + i)
	if !pictured(r) {
		r = bare(unicode.ToLower(r))
	}
	t.Norm = utf8.AppendRune(t.Norm, r)
}

// pictured reports whether r is of the planes of emoji, which hold no letters of two cases and no marks.
func pictured(r rune) bool { return r >= 0x1f000 && r <= 0x1ffff }

func (t *Text) endRuns() { t.zw, t.vs = 0, 0 }
