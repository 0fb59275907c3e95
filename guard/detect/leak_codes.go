package detect

import (
	"unicode/utf8"

	"github.com/holdfast-ai/holdfast/guard/stream"
)

// said is what a code has said so far.
type said struct {
	head  [readableBytes]byte
	n     int
	reads bool // it is a text
}

// readableBytes are so many that are no text by chance: those of words that are read as base64 are none.
const readableBytes = 12

// decoded takes a byte that a code says.
func (s *leakReader) decoded(l *Leak, ms []stream.Match, k int, c byte, pos int, inner bool) []stream.Match {
	ms = s.views[k].take(l, ms, c, pos)
	d := &s.said[k-viewHex]
	switch {
	case d.n < readableBytes:
		d.head[d.n] = c
		if d.n++; d.n < readableBytes || !saysText(d.head[:]) {
			return ms
		}
		d.reads = true
		for _, c := range d.head {
			ms = s.within(l, ms, k, c, pos, inner)
		}
	case d.reads:
		if d.reads = c >= ' ' || space(c); d.reads {
			ms = s.within(l, ms, k, c, pos, inner)
		}
	}
	return ms
}

// within reads a byte of what a code says as the text that it is.
func (s *leakReader) within(l *Leak, ms []stream.Match, k int, c byte, pos int, inner bool) []stream.Match {
	ms = s.spelt(l, ms, k, c, pos)
	if inner {
		return ms
	}
	if s.inside == nil {
		s.inside = new(leakReaders)
	}
	return s.inside[k-viewHex].read(l, ms, c, pos, true)
}

// broken ends what a code says before position pos.
func (s *leakReader) broken(l *Leak, ms []stream.Match, k, pos int) []stream.Match {
	ms = s.views[k].endWord(l, ms, pos-1, false)
	d := &s.said[k-viewHex]
	if d.reads && s.inside != nil {
		ms = s.inside[k-viewHex].read(l, ms, ' ', pos, true)
	}
	d.n, d.reads = 0, false
	return ms
}

// saysText reports whether bytes are text, perhaps cut within characters.
func saysText(b []byte) bool {
	for i := 0; i < utf8.UTFMax-1 && b[0]&0xc0 == 0x80; i++ {
		b = b[1:]
	}
	for utf8.FullRune(b) {
		r, n := utf8.DecodeRune(b)
		if r < ' ' && !space(byte(r)) || r == 0x7f || n == 1 && r == utf8.RuneError {
			return false
		}
		b = b[n:]
	}
	return true
}

func space(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// readBase64 gives a byte to the views of base64. Those that begin behind the first character are for a letter that somebody had the model put in
// front, and are read once the run is no word of prose.
func (s *leakReader) readBase64(l *Leak, ms []stream.Match, c byte, pos int, inner bool) []stream.Match {
	if c == '\r' || c == '\n' {
		return ms
	}
	if d := codes[c].base64; d < 64 {
		s.code.take(d)
		if s.code.run == longCode { // no word: what was read so far is read from the other places too
			for k := 1; k < s.code.phases(); k++ {
				var x base64Bits
				for _, d := range s.code.first[k:] {
					if x.take(d); x.run < longCode-k { // the last is read below
						if b, ok := x.decoded(0); ok {
							ms = s.decoded(l, ms, viewBase64+k, b, pos, inner)
						}
					}
				}
			}
		}
		for k := range s.code.phases() {
			if b, ok := s.code.decoded(k); ok {
				ms = s.decoded(l, ms, viewBase64+k, b, pos, inner)
			}
		}
		return ms
	}
	for k := range s.code.phases() {
		ms = s.broken(l, ms, viewBase64+k, pos)
	}
	s.code = base64Bits{}
	return ms
}

// base64Bits undoes base64 of both alphabets, from where a run of its characters begins; ends of lines are nothing in it.
type base64Bits struct {
	acc   uint32 // the bits of the last characters
	run   int    // characters so far
	first [longCode]byte
}

// longCode is how many characters in a row are no word of prose.
const longCode = 16

func (x *base64Bits) take(d byte) {
	x.acc = x.acc<<6 | uint32(d)
	if x.run < longCode {
		x.first[x.run] = d
	}
	x.run++
}

// phases returns from how many places the run is decoded.
func (x *base64Bits) phases() int {
	if x.run < longCode {
		return 1
	}
	return views - viewBase64
}

// decoded returns the byte that the last character completes where the run is decoded from its character k on.
func (x *base64Bits) decoded(k int) (b byte, ok bool) {
	n := (x.run - k) & 3 // characters of a group of four
	return byte(x.acc >> (2 * (-n & 3))), x.run > k && n != 1
}

// hexBits undoes pairs of hexadecimal digits with anything but letters between them.
type hexBits struct {
	high byte
	half bool
}

func (x *hexBits) take(c byte) (b byte, ok, broken bool) {
	d := codes[c].hex
	if d > 15 {
		if d == noDigit {
			x.half = false
			return 0, false, c|0x20 != 'x'
		}
		return 0, false, false
	}
	if x.half = !x.half; x.half {
		x.high = d
		return 0, false, false
	}
	return x.high<<4 | d, true, false
}

const noDigit = 16 // a letter

// codes has what each byte is in base64 of both alphabets and in hexadecimal, and what ROT13 makes of it.
var codes = func() (t [256]struct{ base64, hex, rotated byte }) {
	for i := range t {
		c := byte(i)
		t[i].base64, t[i].hex, t[i].rotated = 64, byte(digit(c)), byte(rot13(rune(c)))
		if t[i].hex > 15 && isLetter(c) {
			t[i].hex = noDigit
		}
	}
	for _, alphabet := range []string{"+/", "-_"} {
		for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" + alphabet) {
			t[c].base64 = byte(i)
		}
	}
	return t
}()
