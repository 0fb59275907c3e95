package guard

import (
	"bytes"
	"sort"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/holdfast-ai/holdfast/guard/stream"
)

// An unescaper reads JSON as its reader does: arguments of a tool call are JSON, in which "\u0040" is an "@" and the "n" of "\nann@…" belongs to no name. What is
// no escape stays as it is: arguments need not be JSON. Matches in what was read are moved to where it stands.
type unescaper struct {
	text    []byte // read
	pending []byte // what may be an escape
	in, of  int    // bytes read, and bytes of the text that they stand for
	escapes []escape
}

// escape says where the bytes from..to of what was read stand in the text.
type escape struct{ from, to, start, end int }

// maxEscape is the length of the longest escape, two surrogates, in bytes.
const maxEscape = 12

// maxRead bounds what is read at once, in bytes, and with it what is remembered of where it stood.
const maxRead = 4096

// read takes more of the text and returns what it says, valid until the next call.
func (u *unescaper) read(p []byte) []byte {
	u.text = u.text[:0]
	for len(p) > 0 {
		if len(u.pending) > 0 {
			u.pending, p = append(u.pending, p[0]), p[1:]
			u.settle(false)
			continue
		}
		n := bytes.IndexByte(p, '\\')
		if n < 0 {
			n = len(p)
		}
		u.itself(p[:n])
		if p = p[n:]; len(p) > 0 {
			u.pending, p = append(u.pending, p[0]), p[1:]
		}
	}
	return u.text
}

// itself takes what is no escape.
func (u *unescaper) itself(p []byte) {
	u.text = append(u.text, p...)
	u.in, u.of = u.in+len(p), u.of+len(p)
}

// finish returns what is left at the end of the text.
func (u *unescaper) finish() []byte {
	u.text = u.text[:0]
	u.settle(true)
	return u.text
}

// settle reads what is pending as far as nothing that may follow changes it.
func (u *unescaper) settle(last bool) {
	for len(u.pending) > 0 {
		n := 1
		if u.pending[0] == '\\' {
			var char [utf8.UTFMax]byte
			var said []byte
			if said, n = unescape(char[:0], u.pending, last); n == 0 {
				return
			}
			if u.text = append(u.text, said...); len(said) != n {
				u.escapes = append(u.escapes, escape{u.in, u.in + len(said), u.of, u.of + n})
			}
			u.in, u.of = u.in+len(said), u.of+n
		} else {
			u.itself(u.pending[:1])
		}
		u.pending = u.pending[:copy(u.pending, u.pending[n:])]
	}
}

// unescape appends what the escape at the beginning of b says and returns its length, 0 where more of it may come. What is no escape says itself.
func unescape(dst, b []byte, last bool) ([]byte, int) {
	if len(b) == 1 {
		if last {
			return append(dst, b...), 1
		}
		return dst, 0
	}
	switch c := b[1]; c {
	case '"', '\\', '/':
		return append(dst, c), 2
	case 'n', 'r', 't', 'b', 'f':
		return append(dst, [...]byte{'n': '\n', 'r': '\r', 't': '\t', 'b': '\b', 'f': '\f'}[c]), 2
	case 'u':
	default:
		return append(dst, b[0]), 1
	}
	r, n := unit(b)
	if n == 0 && len(b) < 6 && !last && r >= 0 {
		return dst, 0
	}
	if n == 0 {
		return append(dst, b[0]), 1
	}
	if utf16.IsSurrogate(r) && r < 0xdc00 {
		if low, m := unit(b[n:]); m > 0 && utf16.DecodeRune(r, low) != utf8.RuneError {
			return utf8.AppendRune(dst, utf16.DecodeRune(r, low)), n + m
		} else if m == 0 && low >= 0 && len(b) < maxEscape && !last {
			return dst, 0
		}
	}
	return utf8.AppendRune(dst, r), n
}

// unit reads "\uXXXX" at the beginning of b. Where that cannot be, r is negative; where more of it may come, n is 0.
func unit(b []byte) (r rune, n int) {
	for i := range min(len(b), 6) {
		c := b[i]
		switch {
		case i == 0 && c == '\\', i == 1 && c == 'u':
			continue
		case i < 2:
			return -1, 0
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1, 0
		}
		r = r<<4 | rune(c)
	}
	if len(b) < 6 {
		return 0, 0
	}
	return r, 6
}

// place moves matches that were found in what was read to the text, and drops what is needed no more: the next ones begin held bytes before the end, or
// later. It returns how many bytes of the text those are.
func (u *unescaper) place(ms []stream.Match, held int) int {
	for i := range ms {
		ms[i].Start, _ = u.at(ms[i].Start)
		_, ms[i].End = u.at(ms[i].End)
	}
	start, _ := u.at(u.in - held)
	keep := sort.Search(len(u.escapes), func(k int) bool { return u.escapes[k].to > u.in-held })
	if keep > 1 { // the last one tells where what is behind it stands
		u.escapes = u.escapes[:copy(u.escapes, u.escapes[keep-1:])]
	}
	return u.of + len(u.pending) - start
}

// at returns where byte i of what was read stands in the text: where the escape begins that it is within, or ends.
func (u *unescaper) at(i int) (start, end int) {
	k := sort.Search(len(u.escapes), func(k int) bool { return u.escapes[k].from > i })
	if k == 0 {
		return i, i
	}
	e := u.escapes[k-1]
	if i >= e.to {
		return e.end + i - e.to, e.end + i - e.to
	}
	if i == e.from {
		return e.start, e.start
	}
	return e.start, e.end
}
