package detect

import (
	"bytes"
	"encoding/binary"
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
