package detect

import (
	"bytes"
	"math/bits"
)

// Where codes may begin. Most texts hold none, and most bytes of those that do cannot begin one: that is told of 64 at once, so that a decoder steps from one place
// where a code may begin to the next.

// marks has, of 64 bytes of a text, a bit for each that is in a set.
type marks struct {
	run  uint64 // what runs of hexadecimal, base64 and base32 are made of, and numbers and dashes begin with
	open uint64 // opens a code, or Morse code
	row  uint64 // rows of numbers and of dots and dashes
	uu   uint64 // lines of uuencode, with their ends
	then uint64 // what follows a mark that opens a code: letters, digits and '#'
}

// The sets, as bits.
const (
	markRun = 1 << iota
	markOpen
	markRow
	markUU
	markThen
)

var codeMarks = func() (t [256]uint8) {
	for c := range 256 {
		if codeChar[c]&inBase64 != 0 {
			t[c] |= markRun
		}
		if codeChar[c]&opensCode != 0 || c == '-' {
			t[c] |= markOpen
		}
		if codeChar[c]&(inNumbers|inMorse) != 0 {
			t[c] |= markRow
		}
		if c >= ' ' && c <= '`' || c == '\n' || c == '\r' {
			t[c] |= markUU
		}
		if letter(byte(c)) || c >= '0' && c <= '9' || c == '#' {
			t[c] |= markThen
		}
	}
	return t
}()

// codeSets has the same sets as byteSet.low has them; all of what they hold is ASCII.
var codeSets = func() (t [5][16]uint8) {
	for i := range t {
		t[i] = newByteSet(func(c byte) bool { return codeMarks[c]>>i&1 != 0 }).low
	}
	return t
}()

// goOf is of without instructions that not all processors have.
func (m *marks) goOf(text *[64]byte) {
	*m = marks{}
	for i := 0; i < 64; i += 8 {
		var x uint64
		for k, c := range text[i : i+8] {
			x |= uint64(codeMarks[c]) << (8 * k)
		}
		m.run |= x & each * gather >> 56 << i
		m.open |= x >> 1 & each * gather >> 56 << i
		m.row |= x >> 2 & each * gather >> 56 << i
		m.uu |= x >> 3 & each * gather >> 56 << i
		m.then |= x >> 4 & each * gather >> 56 << i
	}
}

// A codeFinder steps through a text.
type codeFinder struct {
	text   []byte
	hidden bool   // invisible characters may be a code
	base   int    // of the 64 bytes that are looked at
	begins uint64 // where in them codes may begin
	rows   uint64 // and rows of numbers and Morse code
	here   marks
	ahead  marks // of the next 64
}

// next returns the first place from i on where a code may begin, or the length of the text. Of rows those are left out that begin before the place rows. i is never
// less than it was before.
func (f *codeFinder) next(i, rows int) int {
	for {
		if i < f.base+64 {
			m := f.begins | f.rows&(^uint64(0)<<max(rows-f.base, 0))
			if m = m >> (max(i-f.base, 0) & 63); m != 0 {
				return max(i, f.base) + bits.TrailingZeros64(m)
			}
			i = f.base + 64
		}
		if i >= len(f.text) {
			return len(f.text)
		}
		f.move(i &^ 63)
	}
}

// Least lengths of what codes that have no mark of their own are made of, in bytes.
const (
	minRun    = min(minBase64, minHex)
	minRow    = 2*minMorse - 1        // letters of Morse code and what stands between them; numbers take more
	minUULine = 1 + (minUU+2)/3*4 + 1 // with its end
)

var (
	lineSet   = newByteSet(func(c byte) bool { return c == '\n' })
	hiddenSet = newByteSet(opensHidden)
)

// opensHidden reports whether c begins invisible characters.
func opensHidden(c byte) bool { return c == 0xe2 || c == 0xef || c == 0xf3 }

// move looks at the 64 bytes from base on.
func (f *codeFinder) move(base int) {
	if base == f.base+64 {
		f.here = f.ahead
	} else {
		f.look(&f.here, base)
	}
	f.look(&f.ahead, base+64)
	f.base = base
	before := byte('\n')
	if base > 0 {
		before = f.text[base-1]
	}
	here, ahead := &f.here, &f.ahead
	starts := here.run &^ (here.run<<1 | uint64(codeMarks[before]&markRun))
	f.begins = here.open&^here.row&(here.then>>1|ahead.then<<63) | starts&inRow(here.run, ahead.run, minRun)
	if f.rows = 0; full(here.row) || full(ahead.row) { // a number has two digits
		f.rows = (starts&(here.run>>1|ahead.run<<63) | here.open&(starts|^here.run)) & inRow(here.row, ahead.row, minRow)
	}
	if full(here.uu) || full(ahead.uu) {
		if uu := inRow(here.uu, ahead.uu, minUULine); uu != 0 {
			f.begins |= uu & (lineSet.mask(f.text[base:])<<1 | uint64(lineSet.marks[before]))
		}
	}
	if base == 0 {
		f.begins |= 1
	}
	if f.hidden {
		f.begins |= hiddenSet.mask(f.text[base:])
	}
}

// endOfRun returns where the run ends that holds text[i], which is among the 64 bytes that are looked at.
func (f *codeFinder) endOfRun(i int) int {
	if out := ^f.here.run >> ((i - f.base) & 63); out != 0 {
		return i + bits.TrailingZeros64(out)
	}
	m := f.ahead
	for i = f.base + 64; m.run == ^uint64(0); i += 64 { // behind the text is no run
		f.look(&m, i+64)
	}
	return i + bits.TrailingZeros64(^m.run)
}

// look makes m the marks of the 64 bytes from base on; behind the text stand ends of lines.
func (f *codeFinder) look(m *marks, base int) {
	p := f.text[min(base, len(f.text)):]
	if len(p) >= 64 {
		m.of((*[64]byte)(p))
		return
	}
	last := emptyLines
	copy(last[:], p)
	m.of(&last)
}

var emptyLines = [64]byte(bytes.Repeat([]byte{'\n'}, 64))

// full reports whether there are eight bits in their place that are set, as in each row of 15.
func full(m uint64) bool { return (^m-each)&m&high != 0 }

// inRow has the bits of a from which on n are set one behind the other, n from 9 to 16, with those of b behind them.
func inRow(a, b uint64, n int) uint64 {
	a, b = a&(a>>1|b<<63), b&(b>>1)
	a, b = a&(a>>2|b<<62), b&(b>>2)
	a, b = a&(a>>4|b<<60), b&(b>>4)
	return a & (a>>(n-8) | b<<(72-n))
}
