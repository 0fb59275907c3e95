package detect

import (
	"sync"
	"unicode/utf8"
)

// Words that are written in letters of other scripts altogether, since Latin ones look the same: all of them Cherokee's, or of several scripts at
// once. The normal form leaves words alone that hold no Latin letter.

// script tells scripts apart that have look-alikes, as bits; 0 is none of them.
func script(r rune) uint8 {
	switch {
	case r < 0x250, r >= 0x1d00 && r < 0x2000, r == 'ꜱ':
		return 0 // Latin
	case r < 0x370:
		return 1 << 0
	case r < 0x400:
		return 1 << 1
	case r < 0x530:
		return 1 << 2
	case r < 0x590:
		return 1 << 3
	case r >= 0x13a0 && r < 0x1400 || r >= 0xab70:
		return 1 << 4
	}
	return 1 << 5
}

// A twinWord is what is asked of a word.
type twinWord struct {
	end     int
	scripts uint8 // of its letters that are not ASCII
	foreign bool  // it has letters of other scripts
	twins   bool  // all of those look like Latin ones
}

// mixed reports whether no language has such a word.
func (w *twinWord) mixed() bool { return w.twins && w.scripts&(w.scripts-1) != 0 }

// What a rune means for its word, beside the scripts of a look-alike.
const (
	isTwin     = 1 << 6
	isForeign  = 1 << 7 // a letter of another kind
	allScripts = isTwin - 1
)

func twinKind(r rune) uint8 {
	switch {
	case r >= firstGlyph && r <= lastGlyph && glyphs()[r-firstGlyph]&glyphTwin != 0, r > lastGlyph && homoglyph(r) != 0:
		return isTwin | script(r)
	case inWord(r):
		return isForeign
	}
	return 0
}

// twinKinds is a constant that takes time to work out.
var twinKinds = sync.OnceValue(func() *[lastGlyph + 1]uint8 {
	t := new([lastGlyph + 1]uint8)
	for r := range t {
		t[r] = twinKind(rune(r))
	}
	return t
})

// normRune is runeAt of a normal form, whose characters are whole.
func normRune(p []byte) (rune, int) {
	if c := p[0]; c >= 0xe0 && c < 0xf0 && len(p) > 2 {
		return rune(c&0x0f)<<12 | rune(p[1]&0x3f)<<6 | rune(p[2]&0x3f), 3
	}
	return runeAt(p)
}

// nextWord returns what is asked of the word of which norm[i] is the first byte that is not ASCII.
func nextWord(norm []byte, i int, kinds *[lastGlyph + 1]uint8) twinWord {
	seen := uint8(0)
	for i < len(norm) && norm[i] != ' ' {
		if norm[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := normRune(norm[i:])
		i += n
		if r <= lastGlyph {
			seen |= kinds[r]
		} else {
			seen |= twinKind(r)
		}
	}
	return twinWord{end: i, scripts: seen & allScripts, foreign: seen != 0, twins: seen&isForeign == 0}
}

// wideSet holds what begins or goes on with a character that is not ASCII.
var wideSet = newByteSet(func(c byte) bool { return c >= utf8.RuneSelf })

// foldTwins reads such words in Latin letters: those of several scripts, and those of one where hardly a word cannot be read so.
func (t *Text) foldTwins() bool {
	if t.Evidence.Twins < signsOfTwins {
		return false
	}
	kinds, latin := twinKinds(), homoglyphs()
	others, twins, mixed := 0, 0, 0
	wide := finder{set: wideSet, text: t.Norm}
	for i := wide.next(0); i < len(t.Norm); {
		w := nextWord(t.Norm, i, kinds)
		switch {
		case w.mixed():
			mixed++
		case w.foreign && w.twins:
			twins++
		case w.foreign:
			others++
		}
		i = wide.next(w.end + 1)
	}
	all := twins > 4*others
	if mixed == 0 && !(all && twins > 0) {
		return false
	}
	norm, k := t.rewrite()
	from := 0 // what is kept next begins here
	wide = finder{set: wideSet, text: norm}
	for i := wide.next(0); i < len(norm); {
		end := len(norm)
		if others > 0 || !all { // some words stay as they are
			w := nextWord(norm, i, kinds)
			if end = w.end; !w.mixed() && !(all && w.foreign && w.twins) {
				i = wide.next(end + 1)
				continue
			}
		}
		for i < end {
			if norm[i] < utf8.RuneSelf {
				i++
				continue
			}
			r, n := normRune(norm[i:end])
			if r <= lastTwin && latin[r] != 0 {
				if from < i {
					k = t.keep(norm, from, i, k)
				}
				k = t.put(latin[r], i, k)
				t.changed++
				from = i + n
			}
			i += n
		}
		i = wide.next(end + 1)
	}
	t.keep(norm, from, len(norm), k)
	return true
}

// signsOfTwins is the number of look-alikes outside of Latin words from which they may be a disguise.
const signsOfTwins = 4
