package strictjson

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

func (s *scanner) literal(word string, k Kind) error {
	if len(s.data)-s.i < len(word) || string(s.data[s.i:s.i+len(word)]) != word {
		return s.fail(s.i, ErrSyntax)
	}
	start := s.i
	s.i += len(word)
	return s.emit(k, start)
}

func digits(d []byte, i int) int {
	for i < len(d) && d[i] >= '0' && d[i] <= '9' {
		i++
	}
	return i
}

func (s *scanner) number() error {
	d, i := s.data, s.i
	if d[i] == '-' {
		i++
	}
	j := digits(d, i)
	if j == i || d[i] == '0' && j > i+1 { // RFC 8259 section 6: no leading zeros
		return s.fail(s.i, ErrSyntax)
	}
	if j < len(d) && d[j] == '.' {
		k := digits(d, j+1)
		if k == j+1 {
			return s.fail(s.i, ErrSyntax)
		}
		j = k
	}
	if j < len(d) && (d[j] == 'e' || d[j] == 'E') {
		k := j + 1
		if k < len(d) && (d[k] == '+' || d[k] == '-') {
			k++
		}
		j = digits(d, k)
		if j == k {
			return s.fail(s.i, ErrSyntax)
		}
	}
	s.i = j
	return nil
}

const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

// plainRun returns how many bytes from d[i] on stand for themselves inside a string and are ASCII, eight at a time. The
// lowest byte that is marked is one that is not plain: a borrow can only mark bytes above one that is.
func plainRun(d []byte, i int) int {
	from := i
	for len(d)-i >= 8 {
		w := binary.LittleEndian.Uint64(d[i:])
		if m := ((w - 0x20*ones) | (w ^ '"'*ones - ones) | (w ^ '\\'*ones - ones) | w) & tops; m != 0 {
			return i + bits.TrailingZeros64(m)/8 - from
		}
		i += 8
	}
	for i < len(d) && d[i] >= 0x20 && d[i] < utf8.RuneSelf && d[i] != '"' && d[i] != '\\' {
		i++
	}
	return i - from
}

func (s *scanner) str() error {
	d := s.data
	i := s.i + 1
	for {
		i += plainRun(d, i)
		if i == len(d) {
			return s.fail(i, ErrSyntax)
		}
		switch c := d[i]; {
		case c == '"':
			s.i = i + 1
			return nil
		case c == '\\':
			n, err := escape(d, i)
			if err != nil {
				return s.fail(i, err)
			}
			i += n
		case c < 0x20:
			return s.fail(i, ErrSyntax)
		default:
			r, n := utf8.DecodeRune(d[i:])
			if r == utf8.RuneError && n == 1 {
				return s.fail(i, ErrUTF8)
			}
			i += n
		}
	}
}

// escape returns the length of the escape sequence at d[i], a backslash. A surrogate is accepted only as a pair.
func escape(d []byte, i int) (int, error) {
	if i+1 >= len(d) {
		return 0, ErrSyntax
	}
	switch d[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, nil
	case 'u':
		r, ok := hex4(d, i+2)
		switch {
		case !ok:
			return 0, ErrSyntax
		case r < 0xd800 || r > 0xdfff:
			return 6, nil
		case r > 0xdbff: // a low surrogate first
			return 0, ErrUTF8
		}
		if i+7 >= len(d) || d[i+6] != '\\' || d[i+7] != 'u' {
			return 0, ErrUTF8
		}
		if lo, ok := hex4(d, i+8); !ok || lo < 0xdc00 || lo > 0xdfff {
			return 0, ErrUTF8
		}
		return 12, nil
	}
	return 0, ErrSyntax
}

func hex4(d []byte, i int) (rune, bool) {
	if i+4 > len(d) {
		return 0, false
	}
	var r rune
	for _, c := range d[i : i+4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
