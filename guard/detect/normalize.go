package detect

import (
	"slices"
	"sort"
	"unicode"
	"unicode/utf8"
)

// Evidence counts the disguises that were taken off a text. Their presence is a signal of its own.
type Evidence struct {
	Tags       int // tag characters (U+E0000 block) outside the three flags that use them
	ZeroWidth  int // longest run of zero-width characters, soft hyphens and the like
	Variation  int // longest run of variation selectors
	Bidi       int // directional overrides and isolates
	Folded     int // fullwidth, mathematical and enclosed letters, accents
	Homoglyphs int // letters of another script inside Latin words
	Twins      int // letters of another script that look like Latin ones, outside Latin words
	Turned     int // letters upside down
	Spaced     int // words that were spelled out with separators
	Decoded    int // codes: entities, escapes, base64, hexadecimal
}

// Text is the normal form of a text, with a map back to the original. It is reused: Reset keeps its memory.
type Text struct {
	Norm     []byte // lower case, one space for any white space, disguises taken off
	Evidence Evidence

	from   []offset
	old    []offset // of the text before its signs were read as letters
	zw, vs int      // current runs

	replaces bool // bytes that are no character become U+FFFD
}

// offset says that Norm[norm:] comes from text[orig:], byte by byte, until the next one.
type offset struct{ norm, orig int32 }

// Reset empties t.
func (t *Text) Reset() { *t = Text{Norm: t.Norm[:0], from: t.from[:0], old: t.old[:0]} }

// Original returns the offset in the original text, in bytes, of what stands at i in Norm.
func (t *Text) Original(i int) int {
	k := sort.Search(len(t.from), func(k int) bool { return int(t.from[k].norm) > i })
	if k == 0 {
		return i
	}
	o := int(t.from[k-1].orig) + i - int(t.from[k-1].norm)
	if k < len(t.from) { // inside a rune that was folded to a longer one
		o = min(o, int(t.from[k].orig))
	}
	return o
}

// spelled is the number of single letters in a row that make a spelled-out word: "i g n o r e", "i.g.n.o.r.e".
const spelled = 4

// Append normalises text behind what t holds; base is the offset that the text's first byte has for [Text.Original].
// On ASCII it allocates nothing once the buffers have grown. The text must be shorter than 2 GiB.
func (t *Text) Append(text []byte, base int) {
	t.mark(base)
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c >= utf8.RuneSelf:
			if k := t.glyphRun(text, i, base); k > i {
				i = k
				continue
			}
			i += t.rune(text, i, base)
		case c <= ' ' || c == 0x7f:
			t.space()
			i++
			t.mark(base + i)
		case i+1 < len(text) && text[i+1] >= utf8.RuneSelf: // a run of one
			t.endRuns()
			t.Norm = append(t.Norm, lowered[c])
			i++
		default:
			t.endRuns()
			i = t.asciiRun(text, i, base)
		}
	}
	t.endRuns()
}

// asciiRun appends visible ASCII from text[i:] and returns where it ends.
func (t *Text) asciiRun(text []byte, i, base int) int {
	t.Norm = slices.Grow(t.Norm, len(text)-i)
	norm := t.Norm[:cap(t.Norm)]
	n := len(t.Norm)
	start := n == 0 || !asciiWord(norm[n-1])
	for again, narrow := i, i; i < len(text); { // where it is worth trying: what stopped it is behind that
		k, space := 0, n == 0 || norm[n-1] == ' '
		if i >= again {
			if k = lowerWide(norm[n:], text[i:], space, start); k == 0 {
				again = i + lowerStep
			}
		}
		if k == 0 && i >= narrow {
			if k = lowerRun(norm[n:], text[i:], space, start); k == 0 {
				narrow = i + 8
			}
		}
		if k > 0 {
			i, n = i+k, n+k
			start = !asciiWord(norm[n-1])
			continue
		}
		c := text[i]
		if wordLower[c] != 0 {
			if start && i+2 < len(text) && wordLower[text[i+1]] == 0 && separator(text[i+1]) && letter(c) && letter(text[i+2]) {
				t.Norm = norm[:n]
				if k := t.spelledOut(text, i, base); k > 0 {
					norm, n, start = t.Norm[:cap(t.Norm)], len(t.Norm), false
					i += k
					continue
				}
			}
			src, dst, k := text[i:], norm[n:], 0
			for k < len(src) && k < len(dst) {
				low := wordLower[src[k]]
				if low == 0 {
					break
				}
				dst[k] = low
				k++
			}
			i, n, start = i+k, n+k, false
			continue
		}
		if c <= ' ' && (n == 0 || norm[n-1] == ' ') || c >= 0x7f { // white space behind white space is none
			break
		}
		norm[n], start = max(c, ' '), true
		n++
		i++
	}
	t.Norm = norm[:n]
	return i
}

// wordLower maps ASCII letters and digits to lower case, and other bytes to 0.
var wordLower = func() (t [256]uint8) {
	for c := range byte(utf8.RuneSelf) {
		if isWord(c) {
			t[c] = lower(c, true)
		}
	}
	return t
}()

// lowered maps ASCII letters to lower case; word marks the bytes of words.
var lowered, word = func() (l [256]byte, w [256]bool) {
	for c := range 256 {
		l[c], w[c] = lower(byte(c), true), isWord(byte(c))
	}
	return l, w
}()

func asciiWord(c byte) bool { return c < utf8.RuneSelf && word[c] }

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func (t *Text) space() {
	t.endRuns()
	if n := len(t.Norm); n > 0 && t.Norm[n-1] != ' ' {
		t.Norm = append(t.Norm, ' ')
	}
}

// mark records that the next byte of Norm comes from offset orig.
func (t *Text) mark(orig int) {
	o := offset{int32(len(t.Norm)), int32(orig)}
	if n := len(t.from); n > 0 {
		last := t.from[n-1]
		if o.orig-last.orig == o.norm-last.norm {
			return
		}
		if last.norm == o.norm {
			t.from[n-1] = o
			return
		}
	}
	t.from = append(t.from, o)
}

// spelledOut joins a word whose letters are set apart by one separator each, and returns how many bytes it took. It
// looks no further than the word, so that a text of almost-words costs no more than others.
func (t *Text) spelledOut(text []byte, i, base int) int {
	end, n := i, 0
	for j := i; j < len(text) && letter(text[j]) && (j+1 == len(text) || !asciiWord(text[j+1])); j += 2 {
		end, n = j+1, n+1
		if end == len(text) || text[end] != text[i+1] {
			break
		}
	}
	if n < spelled && (n < 2 || !wideGaps(text, i, end)) {
		return 0
	}
	for k := i; k < end; k += 2 {
		t.mark(base + k)
		t.Norm = append(t.Norm, lowered[text[k]])
	}
	t.mark(base + end)
	t.Evidence.Spaced++
	return end - i
}

// wideGaps reports whether text[i:end] stands between two spaces on either side, as short words do where every letter is
// followed by one.
func wideGaps(text []byte, i, end int) bool {
	return text[i+1] == ' ' && (i == 0 || i > 1 && text[i-1] == ' ' && text[i-2] == ' ') &&
		(end == len(text) || end+1 == len(text) || text[end] == ' ' && text[end+1] == ' ')
}

func separator(c byte) bool {
	return c == ' ' || c == '.' || c == '-' || c == '_' || c == '*' || c == ',' || c == '|' || c == '/'
}

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
		t.combine(text[i:i+n], r)
	default:
		if r == utf8.RuneError && n == 1 {
			t.noCharacter(base + i)
			break
		}
		if t.endsInLetter() && !pictured(r) && unicode.In(r, unicode.Mn, unicode.Me) { // a mark of another script on Latin
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

// combine takes a combining mark: on Latin and on nothing it is decoration; other scripts need theirs.
func (t *Text) combine(mark []byte, r rune) {
	if n := len(t.Norm); n == 0 || t.Norm[n-1] < utf8.RuneSelf || overlay(r) {
		t.Evidence.Folded++
		return
	}
	t.Norm = append(t.Norm, mark...)
}

// endsInLetter reports whether what was read last is ASCII but no space.
func (t *Text) endsInLetter() bool {
	n := len(t.Norm)
	return n > 0 && t.Norm[n-1] < utf8.RuneSelf && t.Norm[n-1] != ' '
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
		r = unicode.ToLower(r)
	}
	t.Norm = utf8.AppendRune(t.Norm, r)
}

// pictured reports whether r is of the planes of emoji, which hold no letters of two cases and no marks.
func pictured(r rune) bool { return r >= 0x1f000 && r <= 0x1ffff }

func (t *Text) endRuns() { t.zw, t.vs = 0, 0 }
