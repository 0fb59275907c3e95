package detect

import (
	"sort"
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

	unsettled bool // Norm holds betweenWords
	changed   int  // places of Norm that look-alikes, marks, repeated letters or signs were taken off

	replaces bool // bytes that are no character become U+FFFD
}

// offset says that Norm[norm:] comes from text[orig:], byte by byte, until the next one.
type offset struct{ norm, orig int32 }

// Reset empties t.
func (t *Text) Reset() { *t = Text{Norm: t.Norm[:0], from: t.from[:0], old: t.old[:0]} }

// hold makes t the normal form that u is, without what counts disguises, and leaves nothing of the one before.
func (t *Text) hold(u *Text) {
	if n := len(u.Norm); n < len(t.Norm) {
		clear(t.Norm[n:])
	}
	t.Norm, t.from = append(t.Norm[:0], u.Norm...), append(t.from[:0], u.from...)
}

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

// Append normalises text behind what t holds; base is the offset that the text's first byte has for [Text.Original].
// On ASCII it allocates nothing once the buffers have grown. The text must be shorter than 2 GiB.
func (t *Text) Append(text []byte, base int) {
	t.mark(base)
	all := glyphs()
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c >= utf8.RuneSelf:
			if k := t.glyphRun(text, i, base, all); k > i {
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
