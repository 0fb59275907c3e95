package detect

import (
	"bytes"
	"encoding/binary"
	"slices"
	"unicode/utf8"
)

// decoder undoes encodings that a model reads as easily as plain text: HTML entities, percent-encoding, \x and \u escapes,
// base64 and hexadecimal. Codes inside a text are replaced by what they say; the output is never longer than the input.
type decoder struct {
	out  []byte
	from []offset // as in Text
}

// Least lengths, in characters, of runs that are taken for codes. Shorter ones are words, digests in part or chance.
const (
	minBase64 = 16
	minHex    = 16
)

// maxEntity bounds a character reference, in bytes: "&thetasym;" is no letter that matters, "&#x0000074;" might be.
const maxEntity = 12

// plain reports that a text holds nothing that decode would change; it may err by saying no.
func plain(text []byte) bool {
	for _, c := range [...]byte{'&', '%', '\\'} {
		for i := bytes.IndexByte(text, c); i >= 0; {
			if opens(text[i:]) {
				return false
			}
			k := bytes.IndexByte(text[i+1:], c)
			if k < 0 {
				break
			}
			i += 1 + k
		}
	}
	for i := 0; i+8 <= len(text); i += 8 { // a run holds one of these words
		if mayBeBase64(binary.LittleEndian.Uint64(text[i:])) && inRun(text, i) {
			return false
		}
	}
	for i := 0; i+6 < len(text); i += minHex { // pairs of digits: of three bytes in a row one is a separator
		if i+8 <= len(text) && !mayBePairs(binary.LittleEndian.Uint64(text[i:])) {
			continue
		}
		for _, c := range text[i : i+3] {
			if (c == ' ' || c == ':' || c == ',') && pairAround(text, i, c) {
				return false
			}
		}
	}
	return true
}

// mayBeBase64 reports whether eight bytes are ASCII from '+' on: white space, of which prose has some in most words, is not.
func mayBeBase64(x uint64) bool { return (x+(0x80-'+')*each)&^x&high == high }

// mayBePairs reports whether of eight bytes one of the first three and the one three places on are no letters.
func mayBePairs(x uint64) bool { return ^(x|x>>24)&0x404040 != 0 }

// inRun reports whether text[i] is in a run of minBase64 bytes.
func inRun(text []byte, i int) bool {
	from, to := i, i
	for from > 0 && i-from < minBase64 && codeChar[text[from-1]]&inBase64 != 0 {
		from--
	}
	for to < len(text) && to-from < minBase64 && codeChar[text[to]]&inBase64 != 0 {
		to++
	}
	return to-from >= minBase64
}

// opens reports whether a text may begin with a code that is marked as one.
func opens(text []byte) bool {
	switch {
	case len(text) < 3:
		return false
	case text[0] == '%':
		return pair(text, 1) >= 0
	case text[0] == '&':
		return text[1] == '#' || letter(text[1]) && bytes.IndexByte(text[:min(len(text), maxEntity+1)], ';') > 0
	}
	return (text[1] == 'x' || text[1] == 'u') && pair(text, 2) >= 0
}

func pairAround(text []byte, i int, sep byte) bool {
	for text[i] != sep {
		i++
	}
	return i+3 < len(text) && text[i+3] == sep && pair(text, i+1) >= 0
}

const (
	inBase64  = 1 << iota
	opensCode // of another kind
)

var codeChar = func() (t [256]uint8) {
	for c := range 256 {
		b := byte(c)
		if letter(b) || b >= '0' && b <= '9' || b == '+' || b == '/' || b == '-' || b == '_' {
			t[c] |= inBase64
		}
		if b == '&' || b == '%' || b == '\\' {
			t[c] |= opensCode
		}
	}
	return t
}()

func hexValue(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// decode replaces the codes in text and reports how many there were.
func (d *decoder) decode(text []byte) int {
	d.out, d.from = d.out[:0], append(d.from[:0], offset{})
	found, kept := 0, 0 // text[:kept] is in out
	for i := 0; i < len(text); {
		c, end := text[i], i+1
		switch {
		case codeChar[c] == 0 || codeChar[c]&inBase64 != 0 && i > 0 && codeChar[text[i-1]]&inBase64 != 0:
			i++
			continue
		case codeChar[c]&inBase64 != 0:
			for end < len(text) && codeChar[text[end]]&inBase64 != 0 {
				end++
			}
			if n := end - i; n < min(minBase64, minHex) && n != 2 {
				i = end
				continue
			}
		}
		d.out = append(d.out, text[kept:i]...)
		kept = i
		n := d.code(text[i:], end-i)
		if n == 0 {
			i = end
			continue
		}
		found++
		i += n
		kept = i
		d.from = append(d.from, offset{int32(len(d.out)), int32(i)})
	}
	d.out = append(d.out, text[kept:]...)
	return found
}

// code decodes what text begins with, an unbroken run of the given length if it is one, and returns its length.
func (d *decoder) code(text []byte, run int) int {
	switch text[0] {
	case '&':
		return d.entity(text)
	case '%':
		if b := pair(text, 1); b >= 0 {
			d.out = append(d.out, byte(b))
			return 3
		}
		return 0
	case '\\':
		return d.escape(text)
	}
	n := d.run(text[:run])
	if n == 0 {
		n = d.pairs(text, run)
	}
	for n > 0 && n < len(text) && text[n] == '=' { // padding
		n++
	}
	return n
}

// original maps an offset in the output to the input; inside a code it is near it.
func (d *decoder) original(i int) int {
	t := Text{from: d.from}
	return t.Original(i)
}

// pair reads two hexadecimal digits at s[at:], or returns -1.
func pair(s []byte, at int) int {
	if len(s) < at+2 {
		return -1
	}
	h, l := hexValue(s[at]), hexValue(s[at+1])
	if h < 0 || l < 0 {
		return -1
	}
	return h<<4 | l
}

// escape reads \xHH and \uHHHH and returns its length.
func (d *decoder) escape(s []byte) int {
	if len(s) < 4 {
		return 0
	}
	switch s[1] {
	case 'x':
		if b := pair(s, 2); b >= 0 {
			d.out = append(d.out, byte(b))
			return 4
		}
	case 'u':
		if h, l := pair(s, 2), pair(s, 4); h >= 0 && l >= 0 {
			d.out = utf8.AppendRune(d.out, rune(h<<8|l))
			return 6
		}
	}
	return 0
}

// entity reads a character reference of HTML and returns its length.
func (d *decoder) entity(s []byte) int {
	n := 0
	for n < len(s) && n < maxEntity && s[n] != ';' {
		n++
	}
	if n == len(s) || s[n] != ';' || n < 3 {
		return 0
	}
	if s[1] != '#' {
		c, ok := entities[string(s[1:n])]
		if ok {
			d.out = append(d.out, c)
			return n + 1
		}
		return 0
	}
	digits, base := s[2:n], 10
	if s[2]|0x20 == 'x' {
		digits, base = s[3:n], 16
	}
	r := 0
	for _, c := range digits {
		v := hexValue(c)
		if v < 0 || v >= base {
			return 0
		}
		r = r*base + v
		if r > utf8.MaxRune {
			return 0
		}
	}
	if len(digits) == 0 || r == 0 {
		return 0
	}
	d.out = utf8.AppendRune(d.out, rune(r))
	return n + 1
}

var entities = map[string]byte{
	"lt": '<', "gt": '>', "amp": '&', "quot": '"', "apos": '\'', "nbsp": ' ', "colon": ':', "comma": ',', "period": '.', "excl": '!',
	"lpar": '(', "rpar": ')', "lsqb": '[', "rsqb": ']', "sol": '/', "num": '#', "ast": '*', "equals": '=', "quest": '?', "semi": ';',
	"NewLine": '\n', "Tab": '\t', "lowbar": '_', "hyphen": '-', "vert": '|', "lbrack": '[', "rbrack": ']',
}

// run decodes an unbroken run of hexadecimal or base64, if it says something readable, and returns its length.
func (d *decoder) run(s []byte) int {
	start := len(d.out)
	if len(s) >= minHex && len(s)%2 == 0 {
		k := 0
		for ; k < len(s); k += 2 {
			b := pair(s, k)
			if b < 0 {
				break
			}
			d.out = append(d.out, byte(b))
		}
		if k == len(s) && readable(d.out[start:]) {
			return len(s)
		}
		d.out = d.out[:start]
	}
	if len(s) < minBase64 {
		return 0
	}
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
	bits := 0
	for _, c := range s[k:] {
		acc = acc<<6 | base64Value[c]
		if bits += 6; bits >= 8 {
			bits -= 8
			d.out = append(d.out, byte(acc>>bits))
		}
	}
	if readable(d.out[start:]) {
		return len(s)
	}
	d.out = d.out[:start]
	return 0
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

// pairs decodes bytes written as pairs of digits with one separator each ("49 67 6e"), whose first run has the length
// first, and returns the length of all of it.
func (d *decoder) pairs(s []byte, first int) int {
	if first != 2 || len(s) < 3*minHex/2-1 {
		return 0
	}
	sep := s[2]
	if sep != ' ' && sep != ':' && sep != ',' {
		return 0
	}
	start, n := len(d.out), 0
	for {
		b := pair(s, n)
		if b < 0 || n+2 < len(s) && codeChar[s[n+2]]&inBase64 != 0 {
			break
		}
		d.out = append(d.out, byte(b))
		n += 2
		if n >= len(s) || s[n] != sep {
			break
		}
		n++
	}
	if len(d.out)-start < minHex/2 || !readable(d.out[start:]) {
		d.out = d.out[:start]
		return 0
	}
	if s[n-1] == sep {
		n--
	}
	return n
}

// readable reports whether bytes are text that somebody wrote: UTF-8 without control characters, most of it letters and
// spaces. Of random bytes one sixteen-letter word in ten thousand is.
func readable(p []byte) bool {
	letters := 0
	for i := 0; i < len(p); {
		c := p[i]
		if c < utf8.RuneSelf {
			if c < ' ' && c != '\n' && c != '\t' && c != '\r' || c == 0x7f {
				return false
			}
			if letter(c) || c == ' ' {
				letters++
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(p[i:])
		if r == utf8.RuneError {
			return false
		}
		letters += n
		i += n
	}
	return len(p) > 0 && letters*10 >= len(p)*7
}
