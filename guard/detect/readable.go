package detect

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Whether what a code says is a text that somebody wrote.

// A reader counts in what a code says, as far as it is decoded, letters and spaces of a text that somebody wrote, in UTF-8: seven bytes of ten must be.
// What else there is does not count: one byte of junk would hide all the others. Of random bytes one sixteen-letter word in ten thousand is.
type reader struct {
	all     int // bytes that there will be
	at      int // what was counted, in bytes
	letters int
}

// read goes on with what is decoded by now, and reports whether it can still be readable.
func (r *reader) read(p []byte) bool {
	last := len(p) >= r.all
	i, letters := r.at, r.letters
	for i < len(p) {
		if i+8 <= len(p) {
			if x := binary.LittleEndian.Uint64(p[i:]); x&high == 0 {
				letters += bits.OnesCount64(lettersOf(x) | between(x, ' ', ' '))
				i += 8
				continue
			}
		}
		c := p[i]
		if c < utf8.RuneSelf {
			letters += int(readableBit[c])
			i++
			continue
		}
		if !last && i+utf8.UTFMax > len(p) {
			break // the rest of it is to come
		}
		if i+1 == len(p) || c < 0xc2 || p[i+1]&0xc0 != 0x80 { // no character
			if i++; (i-letters)*10 > r.all*3 {
				break
			}
			continue
		}
		k, n := utf8.DecodeRune(p[i:])
		if k != utf8.RuneError {
			letters += n
		}
		i += n
	}
	r.at, r.letters = i, letters
	return (i-letters)*10 <= r.all*3
}

// readableBit is 1 for ASCII letters and the space.
var readableBit = func() (t [256]uint8) {
	t = letterBit
	t[' '] = 1
	return t
}()

// readable reports whether all of p is a text, as a [reader] sees it.
func readable(p []byte) bool {
	r := reader{all: len(p)}
	return len(p) > 0 && r.read(p)
}

// mayBeBase64 returns a bit for each of the first four characters of a run from which on it may say something readable, before any of it is written down: of most
// runs a few bytes tell. It sees less of junk than a [reader] does: of bytes that are not ASCII those that their neighbours deny.
func mayBeBase64(s []byte) (may uint) {
	var left [4]int // junk that it can bear from each beginning on
	for begin := range left {
		left[begin] = (len(s) - begin) * 6 / 8 * 3 / 10
	}
	pair, was, begun := base64Value[s[0]], uint32(0), uint32(0xff)
	for len(s) > 4 {
		var junk, room uint32 // in a byte for each beginning: more than it can bear reaches the high bit
		for begin, n := range left {
			room |= uint32(0x7f-min(max(n, -1), 0x7f)) << (8 * begin)
		}
		for end := len(s) - junkReach; len(s) > max(4, end); s = s[4:] {
			if (junk+room)&0x80808080 == 0x80808080 {
				return 0
			}
			four := s[1:][:4]
			pair = pair<<6&0xfc0 | base64Value[four[0]]
			junk, was = oneMore(junk, was, pairKinds[pair]&begun, 0xff00)
			pair = pair<<6&0xfc0 | base64Value[four[1]]
			junk, was = oneMore(junk, was, bits.RotateLeft32(pairKinds[pair], 8)&(begun<<8|0xff), 0xff0000)
			pair = pair<<6&0xfc0 | base64Value[four[2]]
			junk, was = oneMore(junk, was, bits.RotateLeft32(pairKinds[pair], 16)&(begun<<16|0xffff), 0xff000000)
			pair = pair<<6&0xfc0 | base64Value[four[3]]
			junk, was = oneMore(junk, was, bits.RotateLeft32(pairKinds[pair], 24), 0xff)
			begun = 1<<32 - 1
		}
		for begin := range left {
			left[begin] -= int(junk >> (8 * begin) & 0xff)
		}
	}
	for begin, n := range left {
		if n >= 0 {
			may |= 1 << begin
		}
	}
	return may
}

// oneMore goes on with what two more characters hold for each beginning but that for which they hold nothing.
func oneMore(junk, was, now, none uint32) (newJunk, newWas uint32) {
	cont, lead := now>>2, was>>1
	return junk + now&0x01010101 + (lead&^cont|cont&^(lead|was>>2))&^none&0x01010101, was&none | now
}

// junkReach is how much of a run is looked at before junk is counted together, in characters: it is 120 bytes at most, which a byte can count beside the room.
const junkReach = 160

// pairKinds has what two characters one behind the other hold: a byte of the code that begins with the first of them in the lowest byte, of the one that began
// before it in the highest, and of the one that began two before in the third. The bits are whether it is junk whatever stands beside it, a lead and a continuation.
var pairKinds = func() (t [1 << 12]uint32) {
	for pair := range uint32(1 << 12) {
		for place, c := range [...]uint32{pair >> 4, 0, pair, pair >> 2} {
			if place != 1 {
				t[pair] |= uint32(byteKind[c&0xff]) << (8 * place)
			}
		}
	}
	return t
}()

// Kinds of bytes of UTF-8, as bits.
const (
	isJunk = 1 << iota // whatever stands beside it
	isLead
	isContinuation
)

var byteKind = func() (t [256]uint8) {
	for c := range 256 {
		switch b := byte(c); {
		case b < utf8.RuneSelf:
			t[c] = isJunk * (1 - readableBit[b])
		case b < 0xc0:
			t[c] = isContinuation
		case b < 0xc2 || b > 0xf4:
			t[c] = isJunk
		default:
			t[c] = isLead
		}
	}
	return t
}()
