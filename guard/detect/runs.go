package detect

import (
	"math/bits"
	"slices"
)

// Codes that are an unbroken run of letters and digits: hexadecimal, base64, base32.

// run decodes an unbroken run of hexadecimal or base64, if it says something readable, and returns its length. A character in front that is none
// of the code shifts all the others, so that each place where it can begin is tried.
func (d *decoder) run(s []byte) int {
	if hexValue(s[3])|hexValue(s[4])|hexValue(s[5])|hexValue(s[6]) >= 0 {
		for phase := range 2 {
			if d.hex(s[phase:]) {
				return len(s)
			}
		}
	}
	tried := uint(0)
	if len(s) > codePiece { // of a long one that is a code nothing is asked but to be decoded
		if d.base64(s) {
			return len(s)
		}
		tried = 1
	}
	for phases := mayBeBase64(s) &^ tried; phases != 0; phases &= phases - 1 {
		if d.base64(s[bits.TrailingZeros(phases):]) {
			return len(s)
		}
	}
	if d.base32(s) {
		return len(s)
	}
	return 0
}

// codePiece is what is decoded between two looks at whether a long code can still be readable, in characters, and firstPiece the same of its beginning,
// which tells of most what it is: pieces of each code end with a byte.
const (
	codePiece  = 240
	firstPiece = 24
)

// hex decodes pairs of digits, behind "0x" or not, if s has nothing else and says something readable; a last digit alone is left.
func (d *decoder) hex(s []byte) bool {
	k, start, seen := 0, len(d.out), reader{all: len(s) / 2}
	if s[0] == '0' && s[1]|0x20 == 'x' {
		k, seen.all = 2, seen.all-1
	}
	for k+1 < len(s) {
		for end := min(k+codePiece, len(s)-1); k < end; k += 2 {
			b := pair(s, k)
			if b < 0 {
				d.out = d.out[:start]
				return false
			}
			d.out = append(d.out, byte(b))
		}
		if !seen.read(d.out[start:]) {
			d.out = d.out[:start]
			return false
		}
	}
	if seen.all == 0 || k < len(s) && hexValue(s[k]) < 0 {
		d.out = d.out[:start]
		return false
	}
	return true
}

// base64Value maps the characters of both alphabets to their six bits.
var base64Value = func() (t [256]uint32) {
	const standard = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for i := range standard {
		t[standard[i]] = uint32(i)
	}
	t['-'], t['_'] = 62, 63
	return t
}()

// base32 decodes letters of one case with the digits 2 to 7, if s has nothing else and says something readable.
func (d *decoder) base32(s []byte) bool {
	bad := uint8(notBase32)
	if letter(s[0]) {
		bad |= base32Kind[s[0]^0x20]
	}
	for _, c := range s { // most runs are none
		if base32Kind[c]&bad != 0 {
			return false
		}
	}
	var acc uint32
	bits, start, seen := 0, len(d.out), reader{all: len(s) * 5 / 8}
	for i, c := range s {
		v := c - '2' + 26
		if letter(c) {
			v = c | 0x20 - 'a'
		}
		acc = acc<<5 | uint32(v)
		if bits += 5; bits >= 8 {
			bits -= 8
			d.out = append(d.out, byte(acc>>bits))
		}
		if (i+1)%codePiece == 0 || i+1 == len(s) {
			if !seen.read(d.out[start:]) {
				d.out = d.out[:start]
				return false
			}
		}
	}
	return true
}

// Kinds of characters of base32, as bits.
const (
	capital32 = 1 << iota
	small32
	notBase32
)

var base32Kind = func() (t [256]uint8) {
	for c := range 256 {
		switch b := byte(c); {
		case letter(b) && b&0x20 == 0:
			t[c] = capital32
		case letter(b):
			t[c] = small32
		case b < '2' || b > '7':
			t[c] = notBase32
		}
	}
	return t
}()

// base64 decodes characters of both alphabets, if they say something readable; s may be what stands behind the output.
func (d *decoder) base64(s []byte) bool {
	name, start, seen := likeName(s), len(d.out), reader{all: len(s) * 6 / 8}
	for size := firstPiece; ; size = codePiece {
		piece := s[:min(size, len(s))]
		s = s[len(piece):]
		d.pieceOfBase64(piece)
		if !seen.read(d.out[start:]) {
			d.out = d.out[:start]
			return false
		}
		if len(s) == 0 {
			break
		}
	}
	if seen.all == 0 || name && !oneScript(d.out[start:]) {
		d.out = d.out[:start]
		return false
	}
	return true
}

func (d *decoder) pieceOfBase64(s []byte) {
	start := len(d.out)
	d.out = slices.Grow(d.out, len(s)/4*3)
	out, n := d.out[start:cap(d.out)], 0
	k := 0
	for ; k+4 <= len(s) && n+3 <= len(out); k, n = k+4, n+3 {
		four, three := s[k:][:4], out[n:][:3]
		acc := base64Value[four[0]]<<18 | base64Value[four[1]]<<12 | base64Value[four[2]]<<6 | base64Value[four[3]]
		three[0], three[1], three[2] = byte(acc>>16), byte(acc>>8), byte(acc)
	}
	d.out = d.out[:start+n]
	var acc uint32
	have := 0
	for _, c := range s[k:] {
		acc = acc<<6 | base64Value[c]
		if have += 6; have >= 8 {
			have -= 8
			d.out = append(d.out, byte(acc>>have))
		}
	}
}
