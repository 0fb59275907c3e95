package detect

import "unicode/utf8"

// Invisible characters can stand for the bytes of a text: two kinds of them for bits, variation selectors for bytes.

// minHidden is the least number of bytes that are taken for a text.
const minHidden = 4

// hides reports whether there are runs of invisible characters long enough for that.
func (e *Evidence) hides() bool {
	return e.ZeroWidth >= payloadZeroWidth || e.Variation >= payloadVariation
}

// hidden decodes a run of invisible characters, if it says something readable, and returns its length.
func (d *decoder) hidden(s []byte) int {
	if len(s) > d.dead {
		return 0
	}
	d.out = append(d.out, ' ') // what it says is no part of the word that it hides in
	start, n := len(d.out), 0
	var kinds [2]rune // in order of appearance
	for n < len(s) && s[n] >= utf8.RuneSelf {
		r, size := utf8.DecodeRune(s[n:])
		switch kindOf(r) {
		case variation:
			d.out = append(d.out, selected(r))
		case zeroWidth:
			switch {
			case kinds[0] == 0 || kinds[0] == r:
				kinds[0] = r
				d.out = append(d.out, 0)
			case kinds[1] == 0 || kinds[1] == r:
				kinds[1] = r
				d.out = append(d.out, 1)
			default:
				size = 0
			}
		default:
			size = 0
		}
		if size == 0 {
			break
		}
		n += size
	}
	if kinds[0] == 0 && len(d.out)-start >= minHidden && readable(d.out[start:]) {
		d.out = append(d.out, ' ')
		return n
	}
	if bits := len(d.out) - start; kinds[1] != 0 {
		for _, one := range [...]byte{1, 0} {
			for i := start; i+8 <= start+bits; i += 8 {
				var c byte
				for _, bit := range d.out[i : i+8] {
					c = c<<1 | bit ^ one ^ 1
				}
				d.out = append(d.out, c)
			}
			if said := d.out[start+bits:]; len(said) >= minHidden && readable(said) {
				d.out = append(append(d.out[:start], said...), ' ')
				return n
			}
			d.out = d.out[:start+bits]
		}
	}
	d.out = d.out[:start-1]
	d.dead = len(s) - n
	return 0
}

// selected returns the byte that a variation selector stands for: its number, from 0 on.
func selected(r rune) byte {
	if r >= 0xe0100 {
		return byte(r - 0xe0100 + 16)
	}
	return byte(r & 15)
}
