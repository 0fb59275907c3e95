package tokenizer

import (
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"
)

// letter returns the character that stands for a byte in byte-level vocabularies: printable Latin-1 stands for itself,
// the 68 others for U+0100 onwards in order (GPT-2, bytes_to_unicode).
func letter(b byte) rune {
	switch {
	case b >= '!' && b <= '~', b >= 0xa1 && b <= 0xac, b >= 0xae:
		return rune(b)
	case b <= ' ':
		return 0x100 + rune(b)
	case b <= 0xa0:
		return 0x100 + 33 + rune(b-0x7f)
	}
	return 0x100 + 67 // 0xad
}

// unletter returns the bytes that a token of a byte-level vocabulary stands for.
func unletter(token string) (string, bool) {
	var b strings.Builder
	for _, r := range token {
		i := r - 0x100
		switch {
		case r < 0x100 && letter(byte(r)) == r:
			b.WriteByte(byte(r))
		case i >= 0 && i <= 32:
			b.WriteByte(byte(i))
		case i > 32 && i < 67:
			b.WriteByte(byte(i - 33 + 0x7f))
		case i == 67:
			b.WriteByte(0xad)
		default:
			return "", false
		}
	}
	return b.String(), true
}

// pieces splits text as the GPT-2 expression does; the pieces joined are the text:
//
//	's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
func pieces(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for len(text) > 0 {
			n := piece(text)
			if !yield(text[:n]) {
				return
			}
			text = text[n:]
		}
	}
}

func piece(s string) int {
	for _, suffix := range [...]string{"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"} {
		if strings.HasPrefix(s, suffix) {
			return len(suffix)
		}
	}
	lead := 0
	if s[0] == ' ' {
		lead = 1
	}
	for _, class := range [...]func(rune) bool{unicode.IsLetter, unicode.IsNumber, other} {
		if n := run(s[lead:], class); n > 0 {
			return lead + n
		}
	}
	n := run(s, unicode.IsSpace) // at least one: nothing else is left
	if n < len(s) {
		// Not at the end: the last white space stays for what follows, unless it is alone.
		if _, last := utf8.DecodeLastRuneInString(s[:n]); last < n {
			return n - last
		}
	}
	return n
}

func other(r rune) bool { return !unicode.IsSpace(r) && !unicode.IsLetter(r) && !unicode.IsNumber(r) }

// run returns the length of the longest prefix of s in class, in bytes.
func run(s string, class func(rune) bool) int {
	for i, r := range s {
		if !class(r) {
			return i
		}
	}
	return len(s)
}
