package detect

import (
	"encoding/binary"
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

// lowerStep is what lowerWide takes at once, in bytes.
const lowerStep = 28

// lowerRun copies text to dst in lower case, eight bytes at a time, as far as it is ASCII without white space in a row and without two
// single letters one byte apart, which may be a word spelled out. space and start say what was before it. It returns how much that is.
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
		if (x|(x+each))&high != 0 { // not ASCII, or delete
			break
		}
		controls := ^(x + (0x80-' ')*each) & high // are white space
		x = lowerEight(x&^(controls|(controls-controls>>7)) | controls>>2)
		spaces, words := between(x, ' ', ' '), wordsOf(x)
		next := wordsOf(lowerEight(ahead&^high)) &^ ahead
		single := words &^ (words<<8 | wordBefore) &^ (words>>8 | next<<56)
		if spaces&(spaces<<8|before) != 0 || single&(words>>16|next<<48)&^(words>>24|next<<40) != 0 {
			break
		}
		binary.LittleEndian.PutUint64(dst[k:], x)
		before, wordBefore = spaces>>56, words>>56
	}
	return k
}

// A byteSet tells bytes of a kind from others, 64 at a time. Its marks are 1 for what it holds.
type byteSet struct {
	marks [256]uint8
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

// maskGo has bit i set where text[i] is in the set, of the first 64 bytes.
func (s *byteSet) maskGo(text []byte) (m uint64) {
	for i, c := range text[:min(len(text), 64)] {
		m |= uint64(s.marks[c]) << (i & 63)
	}
	return m
}

var letterSet = newByteSet(letter)
