package detect

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Eight bytes at a time: each byte of a word has room for a flag in its high bit, which ASCII leaves free.
const (
	each = 0x0101010101010101
	high = 0x80 * each
)

// between flags the bytes of x, all of them ASCII, from a to b.
func between(x uint64, a, b byte) uint64 {
	return (x + uint64(0x80-a)*each) &^ (x + uint64(0x7f-b)*each) & high
}

func lowerEight(x uint64) uint64 { return x | between(x, 'A', 'Z')>>2 }

// wordsOf flags letters and digits of lowered ASCII.
func wordsOf(x uint64) uint64 { return between(x, 'a', 'z') | between(x, '0', '9') }

// lowerStep is what lowerMany takes at once, in bytes.
const lowerStep = 28

// lowerRun copies text to dst in lower case, eight bytes at a time, up to the first that is not ASCII, white space in a row, or a single letter one byte
// from another, which may begin a word spelled out. space and start say what was before it. It returns how much that is; up to eight bytes more are written.
func lowerRun(dst, text []byte, space, start bool) int {
	var before, wordBefore uint64 // flags of the byte before, in the lowest byte
	if space {
		before = 0x80
	}
	if !start {
		wordBefore = 0x80
	}
	k := 0
	for ; k+16 <= len(text) && k+8 <= len(dst); k += 8 {
		x, ahead := binary.LittleEndian.Uint64(text[k:]), binary.LittleEndian.Uint64(text[k+8:])
		stops := (x | (x + each)) & high            // not ASCII, or delete
		low := x &^ high                            // behind the first of those it does not matter what there is
		controls := ^(low + (0x80-' ')*each) & high // are white space
		low = lowerEight(low&^(controls|(controls-controls>>7)) | controls>>2)
		spaces, words := between(low, ' ', ' '), wordsOf(low)&^x
		next := wordsOf(lowerEight(ahead&^high)) &^ ahead
		single := words &^ (words<<8 | wordBefore) &^ (words>>8 | next<<56)
		stops |= spaces&(spaces<<8|before) | single&(words>>16|next<<48)&^(words>>24|next<<40)
		binary.LittleEndian.PutUint64(dst[k:], low)
		if stops != 0 {
			return k + bits.TrailingZeros64(stops)/8
		}
		before, wordBefore = spaces>>56, words>>56
	}
	return k
}

// A byteSet tells bytes of a kind from others, 64 at a time. Its marks are 1 for what it holds.
type byteSet struct {
	marks [256]uint8
	byteRows
}

// byteRows are a set as assembly reads it.
type byteRows struct {
	low   [16]uint8 // by the low half of an ASCII byte, a bit for each high half with which it is in the set
	other uint8     // 0xff if the set holds what is not ASCII, or some of it
}

func newByteSet(in func(c byte) bool) *byteSet {
	s := new(byteSet)
	for c := range 256 {
		switch {
		case !in(byte(c)):
			continue
		case c < utf8.RuneSelf:
			s.low[c&15] |= 1 << (c >> 4)
		default:
			s.other = 0xff
		}
		s.marks[c] = 1
	}
	return s
}

// maskGo has bit i set where text[i] is in the set, of the first 64 bytes. It is made for sets of which there are few in most texts.
func (s *byteSet) maskGo(text []byte) (m uint64) {
	t := &s.marks
	text = text[:min(len(text), 64)]
	for i := 0; i < len(text); i += 8 {
		if p := text[i:]; len(p) >= 8 && t[p[0]]|t[p[1]]|t[p[2]]|t[p[3]]|t[p[4]]|t[p[5]]|t[p[6]]|t[p[7]] == 0 {
			continue
		}
		for k, c := range text[i:min(i+8, len(text))] {
			m |= uint64(t[c]) << ((i + k) & 63)
		}
	}
	return m
}

// lettersOf flags ASCII letters.
func lettersOf(x uint64) uint64 {
	y := (x | 0x20*each) &^ high
	return between(y, 'a', 'z') &^ x
}

// lettersGo is letterSet.maskGo of 64 bytes, eight at a time: letters are not few.
func lettersGo(text *[64]byte) (m uint64) {
	for i := 0; i < 64; i += 8 {
		m |= lettersOf(binary.LittleEndian.Uint64(text[i:])) >> 7 * gather >> 56 << i
	}
	return m
}

// gather times one bit of each byte has those bits in its highest byte, in their order.
const gather = 0x0102040810204080

// letterMask is letterSet.mask.
func letterMask(text []byte) uint64 {
	if wideBytes || len(text) < 64 {
		return letterSet.mask(text)
	}
	return lettersGo((*[64]byte)(text))
}

var letterSet = newByteSet(letter)

// A finder finds bytes of a set in a text, one behind the other.
type finder struct {
	set  *byteSet
	text []byte
	at   int    // of the 64 bytes that were looked at last
	mask uint64 // which of them are in the set
	end  int    // of those
}

// next returns the first place from i on, or the length of the text; i never is less than before, and no text behind it changes.
func (f *finder) next(i int) int {
	for i < len(f.text) {
		if f.set.marks[f.text[i]] != 0 { // where they stand close
			return i
		}
		if i >= f.end {
			f.at, f.end, f.mask = i, i+64, f.set.mask(f.text[i:])
		}
		if some := f.mask >> (i - f.at); some != 0 {
			return i + bits.TrailingZeros64(some)
		}
		i = f.end
	}
	return len(f.text)
}
