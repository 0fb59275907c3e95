package detect

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
		if hexValue(b) >= 0 || numberGap(b) || b|0x20 == 'x' {
			t[c] |= inNumbers
		}
		if b == ' ' || b == '\n' {
			t[c] |= inMorse
		}
	}
	return t
}()

// decode replaces the codes in text, with hidden also those of invisible characters, and reports how many there were. If there are none it leaves nothing of use in d.out.
func (d *decoder) decode(text []byte, hidden bool) int {
	d.out, d.from, d.said, d.dead, d.used = d.out[:0], append(d.from[:0], offset{}), d.said[:0], len(text), true
	f := codeFinder{text: text, hidden: hidden, base: -128}
	found, kept := 0, 0 // text[:kept] is in out
	for i := f.next(0); i < len(text); i = f.next(i) {
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
		case hidden && opensHidden(c):
			end = i + 3
		case codeChar[c]&inBase64 != 0:
			for end < len(text) && codeChar[text[end]]&inBase64 != 0 {
				end++
			}
			if n := end - i; n < minRun && (len(text)-i > d.dead || c != '-' && !mayBeNumber(text[i:end])) {
				i = end
				continue
			}
		case c == '.':
			if len(text)-i > d.dead || end < len(text) && codeChar[text[end]]&inMorse == 0 {
				i++
				continue
			}
		case c != '\\' && (codeChar[c]&opensCode == 0 || !opens(text[i:])): // entities, percent, quoted-printable
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
	if found > 0 {
		d.out = append(d.out, text[kept:]...)
	}
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
