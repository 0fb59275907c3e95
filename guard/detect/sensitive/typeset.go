package sensitive

import (
	"bytes"
	"encoding/binary"
	"sort"
	"unicode"

	"github.com/holdfast-ai/holdfast/guard/stream"
)

// A typeset follows a text as a plain typewriter would write it: models and word processors put spaces and hyphens that do not break between groups of
// digits, other keyboards have digits of their own or of full width, and invisible characters show nothing; and answers that are JSON or programs have escapes ("\n",
// "\u0040"). Matches are of the text as it is.
type typeset struct {
	plain   follower
	keys    keys
	values  values
	pending []byte // of a character that is not complete
	buf     []byte
	in, of  int     // bytes that plain was given, and of the text, without what is pending
	shifts  []shift // in order; what is before all of those needed was dropped
}

// shift says that from byte in of the plain text on, byte in+k stands at byte of+k of the text.
type shift struct{ in, of int }

var _ stream.Scanner = (*typeset)(nil)

// mayPlain marks the first bytes of characters that are written otherwise.
var mayPlain = func() (t [256]bool) {
	for _, c := range []byte{'\\', '&', '%', 0xc2, 0xcc, 0xcd, 0xd8, 0xd9, 0xdb, 0xdf, 0xe0, 0xe1, 0xe2, 0xe3, 0xea, 0xef, 0xf0, 0xf3} {
		t[c] = true
	}
	return t
}()

// What a character becomes, beside ASCII.
const (
	dropped = 0
	itself  = -1
)

func plainly(r rune) int {
	switch {
	case r < 0x80:
		return int(r)
	case r == 0xad || r >= 0x300 && r <= 0x36f || r == 0x61c || r == 0x115f || r == 0x1160 || r == 0x17b4 || r == 0x17b5 || r >= 0x180b && r <= 0x180f || r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e ||
		r >= 0x2060 && r <= 0x206f || r >= 0x20d0 && r <= 0x20ff || r == 0xfeff || r >= 0xfe00 && r <= 0xfe0f || r == 0x3164 || r == 0xffa0 || r >= 0xfff0 && r <= 0xfffb ||
		r >= 0x1bca0 && r <= 0x1bca3 || r >= 0x1d173 && r <= 0x1d17a || r >= 0xe0000 && r <= 0xe0fff && (r < 0xe0020 || r > 0xe007e): // invisible, directions, marks on letters
		return dropped
	case r == 0xa0 || r >= 0x2000 && r <= 0x200a || r == 0x2014 || r == 0x2015 || r == 0x202f || r == 0x205f || r == 0x3000: // what stands on both sides of an em dash are two words

		return ' '
	case r == 0x2018 || r == 0x2019 || r == 0x201a || r == 0x201b:
		return '\''
	case r == 0xab || r == 0xbb || r >= 0x201c && r <= 0x201f:
		return '"'
	case r == 0x2192 || r == 0x21d2: // arrows
		return '>'
	case r == 0x85 || r == 0x2028 || r == 0x2029:
		return '\n'
	case r >= 0x2010 && r <= 0x2013 || r == 0x2212 || r == 0x2043:
		return '-'
	case r == 0xb7 || r == 0x2024 || r == 0x2027 || r == 0x3002 || r == 0xff61:
		return '.'
	case r >= 0x2460 && r <= 0x2468: // circled
		return int(r - 0x2460 + '1')
	case r == 0x24ea:
		return '0'
	case r >= 0x660 && r <= 0x669: // Arabic
		return int(r - 0x660 + '0')
	case r >= 0x6f0 && r <= 0x6f9: // Persian
		return int(r - 0x6f0 + '0')
	case r >= 0x966 && r < 0xd70 && (r-0x966)&0x7f < 10: // Devanagari, and its neighbours of India as far as Malayalam
		return int((r-0x966)&0x7f + '0')
	case r >= 0xe50 && r < 0xf30 && (r < 0xe5a || r >= 0xed0 && r < 0xeda || r >= 0xf20 && r < 0xf2a): // Thai, Lao, Tibetan
		return int(r&0xf + '0')
	case r >= 0x1040 && r <= 0x1049: // Burmese
		return int(r - 0x1040 + '0')
	case r >= 0x17e0 && r <= 0x17e9: // Khmer
		return int(r - 0x17e0 + '0')
	case r >= 0x1d400 && r <= 0x1d6a3: // mathematical letters
		if r = (r - 0x1d400) % 52; r < 26 {
			return int(r + 'A')
		}
		return int(r - 26 + 'a')
	case r >= 0x24b6 && r <= 0x24cf: // circled
		return int(r - 0x24b6 + 'A')
	case r >= 0x24d0 && r <= 0x24e9:
		return int(r - 0x24d0 + 'a')
	case r >= 0x1f130 && r <= 0x1f189 && (r-0x1f130)&0x1f < 26: // in squares, and on black circles and squares
		return int((r-0x1f130)&0x1f + 'A')
	case r >= 0x1d7ce && r <= 0x1d7ff: // mathematical
		return int((r-0x1d7ce)%10 + '0')
	case r >= 0xff01 && r <= 0xff5e: // of full width
		return int(r - 0xff01 + '!')
	case r >= 0xe0020 && r <= 0xe007e: // tags, which show nothing and are read by models
		return int(r - 0xe0000)
	case r >= 0x7c0 && r <= 0x7c9, r >= 0xde6 && r <= 0xdef, r >= 0x1090 && r < 0x1c60, r >= 0xa620 && r < 0xac00, r >= 0x10000 && unicode.IsDigit(r): // of the others
		return digitOf(r)
	}
	return itself
}

// digitOf returns the digit of a script that has ten of them in a row (Unicode, section 4.6), or itself.
func digitOf(r rune) int {
	n := 0
	for n < 10 && unicode.IsDigit(r-rune(n)) {
		n++
	}
	if n == 0 {
		return itself
	}
	return n - 1 + '0'
}

// maxPiece bounds what is rewritten at once, in bytes, and with it what is remembered of where it stood.
const maxPiece = 4096

// Write implements [stream.Scanner]. The error is nil.
func (t *typeset) Write(ms []stream.Match, p []byte) (matches []stream.Match, held int, err error) {
	for len(p) > 0 {
		if len(t.pending) > 0 {
			t.pending, p = append(t.pending, p[0]), p[1:]
			if whole := t.pending; complete(whole) {
				t.pending = nil
				ms = t.take(ms, whole)
			}
			continue
		}
		n := min(len(p), maxPiece)
		ms = t.take(ms, p[:n])
		p = p[n:]
	}
	return ms, t.of - t.at(t.needed()) + len(t.pending), nil
}

// take gives plain what p says, but for a character at its end that is not complete.
func (t *typeset) take(ms []stream.Match, p []byte) []stream.Match {
	first := len(ms)
	t.buf = t.buf[:0]
	kept := 0 // p[:kept] is in buf
	from := ascii(p)
	for _, c := range [...]byte{'\\', '&', '%'} {
		if i := bytes.IndexByte(p[:from], c); i >= 0 {
			from = i
		}
	}
	for i := from; i < len(p); {
		if !mayPlain[p[i]] {
			i++
			continue
		}
		if !complete(p[i:]) {
			t.pending = append(t.pending[:0], p[i:]...)
			p = p[:i]
			break
		}
		c, n := written(p[i:])
		if i += n; c == itself {
			continue
		}
		t.buf = append(t.buf, p[kept:i-n]...)
		if c != dropped {
			t.buf = append(t.buf, byte(c))
		}
		kept = i
		if next := (shift{t.in + len(t.buf), t.of + i}); len(t.shifts) > 0 && t.shifts[len(t.shifts)-1].in == next.in { // a run that shows nothing is one
			t.shifts[len(t.shifts)-1] = next
		} else {
			t.shifts = append(t.shifts, next)
		}
	}
	text := p
	if kept > 0 {
		t.buf = append(t.buf, p[kept:]...)
		text = t.buf
	}
	ms = t.write(ms, text)
	t.in, t.of = t.in+len(text), t.of+len(p)
	t.place(ms[first:])
	needed := t.needed() // no match to come begins before it
	if k := sort.Search(len(t.shifts), func(k int) bool { return t.shifts[k].in > needed }); k > 1 {
		t.shifts = t.shifts[:copy(t.shifts, t.shifts[k-1:])]
	}
	return ms
}

// write gives a plain text to all that follow it: what they find is in the order in which it is complete.
func (t *typeset) write(ms []stream.Match, text []byte) []stream.Match {
	for len(text) > 0 {
		var value, key [1]stream.Match
		valued, n := value[:0], len(text)
		if t.plain.set.on[assignedID] {
			valued, n = t.values.write(valued, text)
		} else {
			t.values.pos += n
		}
		for text := text[:n]; len(text) > 0; {
			found, n := key[:0], len(text)
			if t.plain.set.on[pemID] {
				found, n = t.keys.write(found, text)
			} else {
				t.keys.pos += n
			}
			ms = append(t.plain.write(ms, text[:n]), found...)
			text = text[n:]
		}
		ms = append(ms, valued...)
		text = text[n:]
	}
	return ms
}

// needed returns where the plain text begins in which there may be matches yet.
func (t *typeset) needed() int { return min(t.plain.needed(), t.keys.needed(), t.values.needed()) }

// ascii returns how many bytes at the beginning of p are ASCII, or a few less.
func ascii(p []byte) int {
	i := 0
	for ; i+8 <= len(p) && binary.LittleEndian.Uint64(p[i:])&0x8080808080808080 == 0; i += 8 {
	}
	return i
}

// place moves matches to the text.
func (t *typeset) place(ms []stream.Match) {
	for i := range ms {
		ms[i].Start, ms[i].End = t.at(ms[i].Start), t.at(ms[i].End)
	}
}

// at returns where byte i of the plain text stands.
func (t *typeset) at(i int) int {
	k := sort.Search(len(t.shifts), func(k int) bool { return t.shifts[k].in > i })
	if k == 0 {
		return i
	}
	return t.shifts[k-1].of + i - t.shifts[k-1].in
}

// Finish implements [stream.Scanner]. The error is nil.
func (t *typeset) Finish(ms []stream.Match) ([]stream.Match, error) {
	first := len(ms)
	if len(t.pending) > 0 { // no character after all
		ms = t.write(ms, t.pending)
		t.in, t.of = t.in+len(t.pending), t.of+len(t.pending)
		t.pending = t.pending[:0]
	}
	ms = t.keys.finish(ms)
	ms = t.plain.finish(ms)
	t.place(ms[first:])
	return ms, nil
}
