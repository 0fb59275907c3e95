package sensitive

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// Escapes that readers of an answer undo: those of JSON and programs, of Markdown (CommonMark 2.4), of HTML, and of addresses.

// longestEntity bounds a character reference, in bytes.
const longestEntity = 10

// longestBraced bounds an escape such as "\u{1f600}", in bytes.
const longestBraced = 10

// entities are the character references that matter to what is looked for.
var entities = map[string]rune{
	"&nbsp;": ' ', "&numsp;": ' ', "&puncsp;": ' ', "&hairsp;": ' ', "&NoBreak;": 0x2060, "&af;": 0x2061, "&it;": 0x2062, "&ic;": 0x2063, "&ensp;": ' ', "&emsp;": ' ', "&thinsp;": ' ', "&shy;": 0xad, "&zwj;": 0x200d, "&zwnj;": 0x200c, "&lrm;": 0x200e, "&rlm;": 0x200f, "&hyphen;": '-', "&dash;": '-', "&ndash;": '-', "&mdash;": 0x2014, "&minus;": '-',
	"&lowbar;": '_', "&commat;": '@', "&period;": '.', "&colon;": ':', "&equals;": '=', "&plus;": '+', "&sol;": '/', "&amp;": '&', "&lpar;": '(', "&rpar;": ')', "&Tab;": '\t', "&NewLine;": '\n',
}

// complete reports whether a text begins with a whole character, or a whole escape.
func complete(b []byte) bool {
	switch b[0] {
	case '\\':
		switch {
		case len(b) < 2:
			return false
		case b[1] == 'u' && len(b) > 2 && b[2] == '{':
			return len(b) >= longestBraced || b[len(b)-1] == '}' || !isHex(b[3:])
		case b[1] == 'u' && len(b) < 6, b[1] == 'U' && len(b) < 10, b[1] == 'x' && len(b) < 4:
			return !isHex(b[2:])
		}
		return true
	case '%':
		return len(b) > 2 || len(b) == 2 && !isHex(b[1:])
	case '&':
		for i, c := range b[1:] {
			if !isAlnum(c) && (c != '#' || i > 0) {
				return true
			}
		}
		return len(b) >= longestEntity
	}
	return utf8.FullRune(b)
}

// written returns what a character or an escape at the beginning of a text becomes, and its length.
func written(b []byte) (c, n int) {
	switch b[0] {
	case '\\':
		return behindBackslash(b)
	case '%':
		return percent(b)
	case '&':
		return entity(b)
	}
	r, n := utf8.DecodeRune(b)
	return plainly(r), n
}

func behindBackslash(b []byte) (c, n int) {
	if len(b) < 2 {
		return itself, 1
	}
	switch b[1] {
	case '\\': // of itself
		return itself, 2
	case 'n', 'r':
		return '\n', 2
	case 't':
		return '\t', 2
	case 'u':
		if len(b) > 2 && b[2] == '{' { // of JavaScript, Rust, Swift
			return braced(b)
		}
		return escape(b, 6)
	case 'U': // of Python and Go
		return escape(b, 10)
	case 'x':
		return escape(b, 4)
	}
	if bytes.IndexByte([]byte("/_-.@+*~#&()!:=%$?[]{}<>|^,"), b[1]) >= 0 { // quotes may join strings, see split
		return int(b[1]), 2
	}
	return itself, 1
}

// escape reads hexadecimal digits up to byte n.
func escape(b []byte, n int) (c, length int) {
	if len(b) < n || !isHex(b[2:n]) {
		return itself, 1
	}
	return numbered(string(b[2:n]), 16, n)
}

// braced reads hexadecimal digits between braces.
func braced(b []byte) (c, length int) {
	end := bytes.IndexByte(b[:min(len(b), longestBraced)], '}')
	if end < 0 {
		return itself, 1
	}
	return numbered(string(b[3:end]), 16, end+1)
}

// numbered returns what the character of a number becomes, and the length of what it is written as.
func numbered(digits string, base, length int) (c, n int) {
	r, err := strconv.ParseUint(digits, base, 21)
	if err != nil {
		return itself, 1
	}
	if c = plainly(rune(r)); c == itself {
		c = 0x80 // some character beyond ASCII
	}
	return c, length
}

// percent undoes the escape of a character that identifiers and secrets have; others are of the address.
func percent(b []byte) (c, n int) {
	if len(b) < 3 || !isHex(b[1:3]) {
		return itself, 1
	}
	r, err := strconv.ParseUint(string(b[1:3]), 16, 8)
	if err != nil || r >= 0x80 || !isAlnum(byte(r)) && bytes.IndexByte([]byte("_-.@+=~ "), byte(r)) < 0 {
		return itself, 1
	}
	return int(r), 3
}

// entity undoes a character reference.
func entity(b []byte) (c, n int) {
	end := bytes.IndexByte(b[:min(len(b), longestEntity)], ';')
	if end < 3 {
		return itself, 1
	}
	if b[1] != '#' {
		r, ok := entities[string(b[:end+1])]
		if !ok {
			return itself, 1
		}
		return plainly(r), end + 1
	}
	number, base := b[2:end], 10
	if number[0]|0x20 == 'x' {
		number, base = number[1:], 16
	}
	return numbered(string(number), base, end+1)
}
