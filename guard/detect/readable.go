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

// junkInBase64 reports whether what a run says cannot be readable, before any of it is written down: of most runs a few bytes tell. It sees less of junk than a
// [reader] does: of bytes that are not ASCII those that their neighbours deny.
func junkInBase64(s []byte) bool {
	junk, least, before := uint8(0), uint8(len(s)*6/8*3/10)+1, uint8(isASCII)
	for ; len(s) >= 4; s = s[4:] {
		four := s[:4]
		acc := base64Value[four[0]]<<18 | base64Value[four[1]]<<12 | base64Value[four[2]]<<6 | base64Value[four[3]]
		a, b, c := byteKind[acc>>16&0xff], byteKind[acc>>8&0xff], byteKind[acc&0xff]
		junk += a>>4 + b>>4 + c>>4 + junkPairs[(before<<2|a)&15] + junkPairs[(a<<2|b)&15] + junkPairs[(b<<2|c)&15]
		if junk >= least {
			return true
		}
		before = c
	}
	return false
}

// Kinds of bytes of UTF-8. One that is junk whatever stands beside it has isJunk too.
const (
	isASCII = iota
	isLead
	isContinuation
	isNothing
	isJunk = 1 << 4
)

var byteKind = func() (t [256]uint8) {
	for c := range 256 {
		switch b := byte(c); {
		case b < utf8.RuneSelf:
			t[c] = isASCII | isJunk*(1-readableBit[b])
		case b < 0xc0:
			t[c] = isContinuation
		case b < 0xc2 || b > 0xf4:
			t[c] = isNothing | isJunk
		default:
			t[c] = isLead
		}
	}
	return t
}()

// junkPairs is 1 where two kinds say that one of two bytes is junk: a lead without what must follow, or what follows without a lead.
var junkPairs = func() (t [16]uint8) {
	t[isASCII<<2|isContinuation], t[isNothing<<2|isContinuation] = 1, 1
	for _, next := range [...]uint8{isASCII, isLead, isNothing} {
		t[isLead<<2|next] = 1
	}
	return t
}()
