package detect

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// decoder undoes encodings that a model reads as easily as plain text: HTML entities, percent-encoding, escapes of programs, quoted-printable,
// base64, base32, hexadecimal, bytes written as numbers, Morse code, uuencode, and bytes that invisible characters stand for. Codes inside a
// text are replaced by what they say; the output is never longer than the input.
type decoder struct {
	out  []byte
	from []offset // as in Text
	used bool     // out holds something of a text, or did
	said []place  // what codes said, in out
	deep bool     // the text is what another decoder made of one
	was  []place  // what codes said there: runs that none of it touches were tried by that decoder
	dead int      // bytes from which to the end of the text no long code is looked for: one that said nothing reached thus far
}

// forget clears what the decoder holds of a text.
func (d *decoder) forget() {
	if d.used {
		clear(d.out[:cap(d.out)])
		d.out, d.used = d.out[:0], false
	}
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
	for _, c := range [...]byte{'&', '%', '\\', '='} {
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
	for i := 0; i+8 <= len(text); i += 8 { // a run holds one of these words, and numbers hold every other one
		x := binary.LittleEndian.Uint64(text[i:])
		if mayBeBase64(x) && inRun(text, i) || i%minHex == 0 && mayBeNumbers(x) && sampled(text[i:i+8]) {
			return false
		}
	}
	return !uuLines(text)
}

// mayBeBase64 reports whether eight bytes are ASCII from '+' on: white space, of which prose has some in most words, is not.
func mayBeBase64(x uint64) bool { return (x+(0x80-'+')*each)&^x&high == high }

// mayBeNumbers reports whether eight bytes hold none of most letters.
func mayBeNumbers(x uint64) bool { return between(lowerEight(x&^high), 'g', 'w') == 0 }

// sampled reports whether eight bytes could be of numbers with something between them, or of dots and dashes.
func sampled(p []byte) bool {
	all := uint8(inNumbers | inMorse)
	for _, c := range p {
		all &= codeChar[c]
	}
	return all != 0
}

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
	switch c := text[1]; {
	case text[0] == '=':
		return len(text) >= 6 && text[3] == '=' && pair(text, 1) >= 0 && pair(text, 4) >= 0
	case c == 'x' || c == 'u':
		return text[2] == '{' || pair(text, 2) >= 0
	default:
		return octal(text, 1, 3) >= 0
	}
}

const (
	inBase64  = 1 << iota
	opensCode // of another kind
	inNumbers // digits, and what stands between numbers
	inMorse
)

var codeChar = func() (t [256]uint8) {
	for c := range 256 {
		b := byte(c)
		if letter(b) || b >= '0' && b <= '9' || b == '+' || b == '/' || b == '-' || b == '_' {
			t[c] |= inBase64
		}
		switch b {
		case '&', '%', '\\', '=':
			t[c] |= opensCode
		case '.', '-', '/', '|':
			t[c] |= inMorse
		}
		if b == '.' {
			t[c] |= opensCode
		}
		if hexValue(b) >= 0 || numberGap(b) || b == 'x' {
			t[c] |= inNumbers
		}
		if b == ' ' || b == '\n' {
			t[c] |= inMorse
		}
	}
	return t
}()

func hexValue(c byte) int { return int(hexValues[c]) }

var hexValues = func() (t [256]int8) {
	for c := range 256 {
		t[c] = -1
		switch b := byte(c); {
		case b >= '0' && b <= '9':
			t[c] = int8(b - '0')
		case b|0x20 >= 'a' && b|0x20 <= 'f':
			t[c] = int8(b|0x20-'a') + 10
		}
	}
	return t
}()

// decode replaces the codes in text, with hidden also those of invisible characters, and reports how many there were.
func (d *decoder) decode(text []byte, hidden bool) int {
	d.out, d.from, d.said, d.dead, d.used = d.out[:0], append(d.from[:0], offset{}), d.said[:0], len(text), true
	found, kept := 0, 0 // text[:kept] is in out
	for i := 0; i < len(text); {
		c, end := text[i], i+1
		if i == 0 || text[i-1] == '\n' {
			if n := uuLine(text[i:]); n > 0 {
				d.out = append(d.out, text[kept:i]...)
				start := len(d.out)
				kept = i
				if !d.uu(text[i : i+n]) {
					i++
					continue
				}
				if i += n; i < len(text) && uuLine(text[i+1:]) > 0 { // a word may go on in the next line
					i++
				}
				kept = i
				d.note(start, i)
				found++
				continue
			}
		}
		switch {
		case hidden && (c == 0xe2 || c == 0xef || c == 0xf3): // what begins invisible characters
			end = i + 3
		case codeChar[c]&(inBase64|opensCode) == 0 || codeChar[c]&inBase64 != 0 && i > 0 && codeChar[text[i-1]]&inBase64 != 0:
			i++
			continue
		case codeChar[c]&inBase64 != 0:
			for end < len(text) && codeChar[text[end]]&inBase64 != 0 {
				end++
			}
			if n := end - i; n < min(minBase64, minHex) && (len(text)-i > d.dead || c != '-' && !mayBeNumber(text[i:end])) {
				i = end
				continue
			}
		case c == '.':
			if len(text)-i > d.dead || end < len(text) && codeChar[text[end]]&inMorse == 0 {
				i++
				continue
			}
		case c != '\\' && !opens(text[i:]): // entities, percent, quoted-printable
			i++
			continue
		}
		d.out = append(d.out, text[kept:i]...)
		kept = i
		start := len(d.out)
		for len(d.was) > 0 && d.was[0].end < i {
			d.was = d.was[1:]
		}
		n := d.code(text[i:], end-i, !d.deep || len(d.was) > 0 && d.was[0].start <= end)
		if n == 0 {
			i = end
			continue
		}
		found++
		i += n
		kept = i
		d.note(start, i)
	}
	d.out = append(d.out, text[kept:]...)
	return found
}

// note notes that a code, which ends before text[end:], said what is in out from start on.
func (d *decoder) note(start, end int) {
	d.from = append(d.from, offset{int32(len(d.out)), int32(end)})
	d.said = append(d.said, place{start, len(d.out)})
}

// code decodes what text begins with, an unbroken run of the given length if it is one, and returns its length. What is not fresh is known to say nothing as a run.
func (d *decoder) code(text []byte, run int, fresh bool) int {
	switch text[0] {
	case 0xe2, 0xef, 0xf3:
		return d.hidden(text)
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
	case '=':
		return d.quoted(text)
	case '.', '-':
		if n := d.morse(text); n > 0 || text[0] == '.' {
			return n
		}
	}
	n := d.lines(text, run)
	if n == 0 && fresh {
		n = d.run(text[:run])
	}
	if n == 0 && (run <= maxNumber || text[0] == '0' || text[0] == '1') { // a longer one may be of binary digits
		n = d.numbers(text)
	}
	for n > 0 && n < len(text) && text[n] == '=' { // padding
		n++
	}
	return n
}

// A mapper is [Text.Original] for places of a decoder's output one behind the other, or almost: inside a code it is near it.
type mapper struct {
	from []offset
	k    int // the last that is at or before what was asked for
}

func (m *mapper) original(i int) int {
	if len(m.from) == 0 || int(m.from[0].norm) > i {
		return i
	}
	for m.k > 0 && int(m.from[m.k].norm) > i {
		m.k--
	}
	for m.k+1 < len(m.from) && int(m.from[m.k+1].norm) <= i {
		m.k++
	}
	o := int(m.from[m.k].orig) + i - int(m.from[m.k].norm)
	if m.k+1 < len(m.from) {
		o = min(o, int(m.from[m.k+1].orig))
	}
	return o
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

// escape reads \xHH, \uHHHH, \u{H…}, \x{H…} and \OOO, and returns its length.
func (d *decoder) escape(s []byte) int {
	if len(s) < 4 {
		return 0
	}
	switch {
	case s[1]|0x20 != 'x' && s[1]|0x20 != 'u':
		if b := octal(s, 1, 3); b >= 0 {
			d.out = append(d.out, byte(b))
			return 4
		}
	case s[2] == '{':
		n := bytes.IndexByte(s[:min(len(s), maxEntity)], '}')
		if n < 4 {
			return 0
		}
		if r := number(s[3:n], 16); r > 0 {
			d.out = utf8.AppendRune(d.out, r)
			return n + 1
		}
	case s[1] == 'x':
		if b := pair(s, 2); b >= 0 {
			d.out = append(d.out, byte(b))
			return 4
		}
	case s[1] == 'u':
		if h, l := pair(s, 2), pair(s, 4); h >= 0 && l >= 0 {
			d.out = utf8.AppendRune(d.out, rune(h<<8|l))
			return 6
		}
	}
	return 0
}

// octal reads n digits at s[at:], or returns -1.
func octal(s []byte, at, n int) int {
	if len(s) < at+n {
		return -1
	}
	b := 0
	for _, c := range s[at : at+n] {
		if c < '0' || c > '7' {
			return -1
		}
		b = b<<3 | int(c-'0')
	}
	if b > 0xff {
		return -1
	}
	return b
}

// number reads digits of a base as the number of a character; 0 is none.
func number(digits []byte, base int) rune {
	r := 0
	for _, c := range digits {
		v := hexValue(c)
		if v < 0 || v >= base {
			return 0
		}
		if r = r*base + v; r > utf8.MaxRune {
			return 0
		}
	}
	return rune(r)
}

// quoted reads =HH twice or more often, as MIME's quoted-printable has them: one alone is an equals sign.
func (d *decoder) quoted(s []byte) int {
	if !opens(s) {
		return 0
	}
	n := 0
	for b := pair(s, 1); b >= 0 && s[n] == '='; b = pair(s, n+1) {
		d.out = append(d.out, byte(b))
		if n += 3; n >= len(s) {
			break
		}
	}
	return n
}

// entity reads a character reference of HTML and returns its length. Numbers need no semicolon, as browsers take them.
func (d *decoder) entity(s []byte) int {
	if len(s) < 3 {
		return 0
	}
	if s[1] != '#' {
		n := bytes.IndexByte(s[:min(len(s), maxEntity)], ';')
		if n < 3 {
			return 0
		}
		c, ok := entities[string(s[1:n])]
		if ok {
			d.out = append(d.out, c)
			return n + 1
		}
		return 0
	}
	start, base := 2, 10
	if s[2]|0x20 == 'x' {
		start, base = 3, 16
	}
	n := start
	for n < len(s) && n < maxEntity && hexValue(s[n]) >= 0 && hexValue(s[n]) < base {
		n++
	}
	r := number(s[start:n], base)
	if r == 0 || n-start < 2 && (n == len(s) || s[n] != ';') {
		return 0
	}
	d.out = utf8.AppendRune(d.out, r)
	if n < len(s) && s[n] == ';' {
		n++
	}
	return n
}

var entities = map[string]byte{
	"lt": '<', "gt": '>', "amp": '&', "quot": '"', "apos": '\'', "nbsp": ' ', "colon": ':', "comma": ',', "period": '.', "excl": '!',
	"lpar": '(', "rpar": ')', "lsqb": '[', "rsqb": ']', "sol": '/', "num": '#', "ast": '*', "equals": '=', "quest": '?', "semi": ';',
	"NewLine": '\n', "Tab": '\t', "lowbar": '_', "hyphen": '-', "vert": '|', "lbrack": '[', "rbrack": ']',
}

// run decodes an unbroken run of hexadecimal or base64, if it says something readable, and returns its length. A character in front that is none
// of the code shifts all the others, so that each place where it can begin is tried.
func (d *decoder) run(s []byte) int {
	if len(s) >= minHex && hexValue(s[3])|hexValue(s[4])|hexValue(s[5])|hexValue(s[6]) >= 0 {
		for phase := range 2 {
			if d.hex(s[phase:]) {
				return len(s)
			}
		}
	}
	if len(s) < minBase64 {
		return 0
	}
	for phase := range 4 {
		if d.base64(s[phase:]) {
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
	var acc uint32
	bits, start, seen := 0, len(d.out), reader{all: len(s) * 5 / 8}
	for i, c := range s {
		v := c - '2' + 26
		switch {
		case letter(c):
			if c&0x20 != s[0]&0x20 && letter(s[0]) {
				d.out = d.out[:start]
				return false
			}
			v = c | 0x20 - 'a'
		case c < '2' || c > '7':
			d.out = d.out[:start]
			return false
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

// base64 decodes characters of both alphabets, if they say something readable; s may be what stands behind the output.
func (d *decoder) base64(s []byte) bool {
	if len(s) <= codePiece && junkInBase64(s) {
		return false
	}
	start, seen := len(d.out), reader{all: len(s) * 6 / 8}
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
	return seen.all > 0
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
