package detect

import "slices"

// decoder undoes encodings that a model reads as easily as plain text: HTML entities, percent-encoding, escapes of programs, quoted-printable,
// base64, base32, hexadecimal, bytes written as numbers, Morse code, uuencode, and bytes that invisible characters stand for. Codes inside a
// text are replaced by what they say; the output is never longer than the input.
type decoder struct {
	out  []byte
	from []offset // as in Text
	used int      // how much of out may hold something of a text, in bytes
	said []place  // what codes said, in out
	deep bool     // the text is what another decoder made of one
	was  []place  // what codes said there: runs that none of it touches were tried by that decoder
	dead int      // bytes from which to the end of the text no long code is looked for: one that said nothing reached thus far
	// The same of each kind of row, numbers by numerals and Morse code: one that is too short has no longer one in it.
	short [len(numerals) + 1]int
}

// forget clears what the decoder holds of a text.
func (d *decoder) forget() {
	clear(d.out[:min(d.used, cap(d.out))])
	d.out, d.used = d.out[:0], 0
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
	inGap // between numbers
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
		if numberGap(b) {
			t[c] |= inGap
		}
	}
	return t
}()

// decode replaces the codes in text, with hidden also those of invisible characters, and reports how many there were. If there are none it leaves nothing of use in d.out.
func (d *decoder) decode(text []byte, hidden bool) int {
	d.out, d.from, d.said, d.used = d.out[:0], append(d.from[:0], offset{}), d.said[:0], max(d.used, len(text)+1) // what a code says is no longer than the code, but for a space
	d.dead = len(text)
	for k := range d.short {
		d.short[k] = len(text)
	}
	f := codeFinder{text: text, hidden: hidden, base: -128}
	found, kept := 0, 0 // text[:kept] is in out
	for i := f.next(0, 0); i < len(text); i = f.next(i, len(text)-d.dead) {
		start := len(d.out)
		n, end := d.at(&f, i)
		if n == 0 {
			i = end
			continue
		}
		if i > kept { // what stands in front of the code
			d.out = slices.Insert(d.out, start, text[kept:i]...)
			start += i - kept
		}
		i += n
		kept = i
		d.from = append(d.from, offset{int32(len(d.out)), int32(i)})
		d.said = append(d.said, place{start, len(d.out)})
		found++
	}
	if found > 0 {
		d.out = append(d.out, text[kept:]...)
	}
	return found
}

// at appends what the code says that begins at i, and returns its length. If there is none it returns 0, and from where on one may begin.
func (d *decoder) at(f *codeFinder, i int) (n, end int) {
	text := f.text[i:]
	if i == 0 || f.text[i-1] == '\n' {
		if line := uuLine(text); line > 0 {
			return d.uu(text, line), i + 1
		}
	}
	if codeChar[text[0]]&inBase64 == 0 {
		if f.hidden && opensHidden(text[0]) {
			return d.hidden(text), i + 3
		}
		return d.marked(text), i + 1
	}
	end = f.endOfRun(i)
	run := end - i
	if text[0] == '-' {
		if n = d.morse(text); n > 0 {
			return n, end
		}
	}
	if run >= minRun {
		if n = d.lines(text, run); n == 0 && d.fresh(i, end) {
			n = d.run(text[:run])
		}
	}
	if n == 0 && (run < minRun || text[0] == '0' || text[0] == '1') { // binary digits in a row
		n = d.numbers(text, run)
	}
	for n > 0 && n < len(text) && text[n] == '=' { // padding
		n++
	}
	return n, end
}

// marked decodes what begins with a mark of a code, and returns its length.
func (d *decoder) marked(text []byte) int {
	switch text[0] {
	case '.':
		return d.morse(text)
	case '%':
		return d.percent(text)
	case '\\':
		return d.escape(text)
	case '&':
		return d.entity(text)
	case '=':
		return d.quoted(text)
	}
	return 0
}

// fresh reports whether a run is not known to say nothing: a decoder tried it that made the text from another.
func (d *decoder) fresh(start, end int) bool {
	for len(d.was) > 0 && d.was[0].end < start {
		d.was = d.was[1:]
	}
	return !d.deep || len(d.was) > 0 && d.was[0].start <= end
}

// A mapper is [Text.Original] for places of a decoder's output one behind the other, or almost: inside a code it is near it.
type mapper struct {
	from []offset
	k    int // the last that is at or before what was asked for
}

func (m *mapper) original(i int) int {
	if len(m.from) < 2 || int(m.from[1].norm) > i { // nothing in front of it is another one's
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
