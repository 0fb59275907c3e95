package detect

import (
	"bytes"
	"unicode/utf8"
)

// Codes of single characters that a mark opens: entities, percent-encoding, escapes of programs, quoted-printable.

// maxEntity bounds a character reference, in bytes: "&thetasym;" is no letter that matters, "&#x0000074;" might be.
const maxEntity = 12

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

// percent reads %HH and returns its length.
func (d *decoder) percent(s []byte) int {
	b := pair(s, 1)
	if b < 0 {
		return 0
	}
	d.out = append(d.out, byte(b))
	return 3
}

// pluses makes spaces of the pluses in words that hold percent-escapes and two pluses or more, as forms are sent, and reports whether there are any.
func (d *decoder) pluses(s []byte) bool {
	if bytes.IndexByte(s, '%') < 0 || bytes.IndexByte(s, '+') < 0 {
		return false
	}
	found := false
	for i := 0; i < len(s); {
		start, escapes, pluses := i, 0, 0
		for ; i < len(s) && s[i] > ' '; i++ {
			switch {
			case s[i] == '+':
				pluses++
			case s[i] == '%' && pair(s, i+1) >= 0:
				escapes++
			}
		}
		if escapes > 0 && pluses > 1 {
			if !found {
				d.out, d.from, found = append(d.out[:0], s...), append(d.from[:0], offset{}), true
				d.used = max(d.used, len(s))
			}
			for k, c := range s[start:i] {
				if c == '+' {
					d.out[start+k] = ' '
				}
			}
		}
		i++
	}
	return found
}

// colours takes out what tells a terminal to change colours or move about, as in "\x1b[31mred\x1b[0m", and reports whether there is any.
func (d *decoder) colours(s []byte) bool {
	if bytes.IndexByte(s, 0x1b) < 0 {
		return false
	}
	kept, found := 0, false
	for i := bytes.IndexByte(s, 0x1b); i < len(s); {
		if n := controlSequence(s[i:]); n > 0 {
			if !found {
				d.out, d.from, found = d.out[:0], append(d.from[:0], offset{}), true
			}
			d.out = append(d.out, s[kept:i]...)
			i += n
			kept = i
			d.from = append(d.from, offset{int32(len(d.out)), int32(i)})
		} else {
			i++
		}
		n := bytes.IndexByte(s[i:], 0x1b)
		if n < 0 {
			break
		}
		i += n
	}
	if found {
		d.out = append(d.out, s[kept:]...)
		d.used = max(d.used, len(d.out))
	}
	return found
}

// controlSequence returns the length of the control sequence that s begins with (ECMA-48, 5.4): parameters, intermediate bytes and a final one, or 0.
func controlSequence(s []byte) int {
	if len(s) < 3 || s[1] != '[' {
		return 0
	}
	n := 2
	for n < len(s) && s[n] >= '0' && s[n] <= '?' {
		n++
	}
	for n < len(s) && s[n] >= ' ' && s[n] <= '/' {
		n++
	}
	if n == len(s) || s[n] < '@' || s[n] > '~' {
		return 0
	}
	return n + 1
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
	if len(s) < 6 || s[3] != '=' || pair(s, 1) < 0 || pair(s, 4) < 0 {
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
