package detect

// A text that is full of disguises of many kinds costs as much to be put right as to be looked at: each kind is a pass over all of it, of which no step is foreseen by
// the processor. Nobody writes so who wants to be read.

// A disguise fills a text where it was taken off once in fullWith bytes, and of a text shorter than fullFrom as often as of one of that length. A text that manyKinds fill is not looked at: of 42,500 harmless texts and files one is full of four,
// a table of Unicode in escapes. Of a text from which the normal form took plainly many, nothing is undone: no harmless one is full of two.
const (
	fullWith  = 256
	fullFrom  = 1 << 10
	manyKinds = 4
	plainly   = 2
)

// fullness counts kinds of disguise that fill a text.
type fullness struct {
	kinds   int // of disguise
	written int // of those, what the normal form is without before anything is undone
	back    int // 1 where the text goes on backwards or upside down
}

// fills reports whether what stands at so many places fills a text of n bytes.
func fills(places, n int) bool { return places*fullWith >= max(n, fullFrom) }

// asWritten counts what the normal form of a text of n bytes is without. Bytes that are no character say nothing: texts in older codes are full of them.
func (f *fullness) asWritten(t *Text, n int) {
	e, hidden := &t.Evidence, 0
	if e.hides() {
		hidden = max(n, fullFrom)
	}
	for _, places := range [...]int{e.Homoglyphs, e.Turned, e.Spaced, e.Tags, hidden} {
		if fills(places, n) {
			f.written++
			f.kinds++
		}
	}
}

// note counts what was taken off t since it was asked last, when it had n bytes: codes, look-alikes, marks and repeated letters, signs.
func (f *fullness) note(t *Text, n int) {
	if fills(t.changed, n) {
		f.kinds++
	}
	t.changed = 0
}

// many reports whether a text is not looked at.
func (f *fullness) many() bool { return f.kinds+f.back >= manyKinds }

// atOnce reports whether nothing of a text is undone.
func (f *fullness) atOnce() bool { return f.written >= plainly }
