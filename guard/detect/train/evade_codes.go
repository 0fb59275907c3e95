package train

import (
	"encoding/ascii85"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// codes are disguises that write a text by numbers or in another alphabet, which models read or are told to undo.
func codes() []Evasion {
	return []Evasion{
		{"base64-url", whole(func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) })},
		{"base64-lines", whole(func(s string) string { return wrapped(base64.StdEncoding.EncodeToString([]byte(s)), 40) })},
		{"base64-twice", whole(func(s string) string {
			return base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(s))))
		})},
		{"base32", whole(func(s string) string { return base32.StdEncoding.EncodeToString([]byte(s)) })},
		{"base85", whole(func(s string) string {
			out := make([]byte, ascii85.MaxEncodedLen(len(s)))
			return string(out[:ascii85.Encode(out, []byte(s))])
		})},
		{"hex-0x", bytewise("0x%02x", " ")},
		{"hex-colons", bytewise("%02X", ":")},
		{"hex-block", whole(func(s string) string { return "0x" + hex.EncodeToString([]byte(s)) })},
		{"binary", bytewise("%08b", " ")},
		{"binary-block", bytewise("%08b", "")},
		{"decimal", bytewise("%d", " ")},
		{"decimal-commas", bytewise("%d", ", ")},
		{"octal", bytewise("%03o", " ")},
		{"octal-escapes", bytewise("\\%03o", "")},
		{"hex-escapes", bytewise("\\x%02x", "")},
		{"unicode-escapes", each(func(c rune, _ *Random) string { return fmt.Sprintf("\\u%04x", min(c, 0xffff)) })},
		{"brace-escapes", each(func(c rune, _ *Random) string { return fmt.Sprintf("\\u{%x}", c) })},
		{"entities-open", each(func(c rune, _ *Random) string {
			if letterOf(c) {
				return fmt.Sprintf("&#%d", c)
			}
			return string(c)
		})},
		{"url-bytes", bytewise("%%%02X", "")},
		{"url-twice", bytewise("%%25%02X", "")},
		{"quoted-printable", bytewise("=%02X", "")},
		{"uuencode", whole(uuencode)},
		{"morse", letterwise(morse[:], " ", "/ ")},
		{"nato", letterwise(nato[:], " ", "")},
		{"braille", each(func(c rune, _ *Random) string {
			switch {
			case letterOf(c):
				return string(0x2800 + braille[(c|0x20)-'a'])
			case c == ' ':
				return "\u2800"
			}
			return string(c)
		})},
		{"atbash", alphabet(func(k rune) rune { return 25 - k })},
		{"caesar", alphabet(func(k rune) rune { return (k + 3) % 26 })},
		{"caesar-19", alphabet(func(k rune) rune { return (k + 19) % 26 })},
		{"joined-strings", func(s string, r *Random) string {
			var b strings.Builder
			b.WriteByte('"')
			for i, c := range []rune(s) {
				if i > 0 && r.below(4) == 0 {
					b.WriteString(`" + "`)
				}
				b.WriteRune(c)
			}
			return b.String() + `"`
		}},
		{"invisible-bits", func(s string, _ *Random) string {
			var b strings.Builder
			for i := range len(s) {
				for k := 7; k >= 0; k-- {
					b.WriteRune([]rune{0x2062, 0x2064}[s[i]>>k&1])
				}
			}
			return "Hello" + b.String() + " there"
		}},
		{"zero-width-bits", func(s string, _ *Random) string {
			var b strings.Builder
			for i := range len(s) {
				for k := 7; k >= 0; k-- {
					b.WriteRune([]rune{0x200b, 0x200c}[s[i]>>k&1])
				}
			}
			return "Hello" + b.String() + " there"
		}},
		{"emoji-payload", func(s string, _ *Random) string {
			var b strings.Builder
			b.WriteRune('😀')
			for i := range len(s) {
				if s[i] < 16 {
					b.WriteRune(0xfe00 + rune(s[i]))
				} else {
					b.WriteRune(0xe0100 + rune(s[i]) - 16)
				}
			}
			return b.String()
		}},
	}
}

// whole is a disguise of a text as it is.
func whole(f func(string) string) func(string, *Random) string {
	return func(s string, _ *Random) string { return f(s) }
}

// bytewise writes every byte by a format, with a separator.
func bytewise(format, sep string) func(string, *Random) string {
	return whole(func(s string) string {
		parts := make([]string, len(s))
		for i := range len(s) {
			parts[i] = fmt.Sprintf(format, s[i])
		}
		return strings.Join(parts, sep)
	})
}

// letterwise writes letters by a table, with something behind each and behind each word.
func letterwise(table []string, letter, word string) func(string, *Random) string {
	return each(func(c rune, _ *Random) string {
		switch {
		case letterOf(c):
			return table[(c|0x20)-'a'] + letter
		case c == ' ' || c == '\n':
			return word
		}
		return ""
	})
}

// alphabet replaces letters by others, by their place.
func alphabet(f func(rune) rune) func(string, *Random) string {
	return each(func(c rune, _ *Random) string {
		if !letterOf(c) {
			return string(c)
		}
		a := c&^0x1f | 1
		return string(a + f(c-a))
	})
}

func wrapped(s string, width int) string {
	var b strings.Builder
	for ; len(s) > width; s = s[width:] {
		b.WriteString(s[:width] + "\n")
	}
	return b.String() + s
}

func uuencode(s string) string {
	var b strings.Builder
	b.WriteString("begin 644 note\n")
	for len(s) > 0 {
		n := min(len(s), 45)
		line := append([]byte(s[:n]), 0, 0)
		b.WriteByte(byte(n) + ' ')
		for i := 0; i < n; i += 3 {
			x := uint32(line[i])<<16 | uint32(line[i+1])<<8 | uint32(line[i+2])
			for k := 18; k >= 0; k -= 6 {
				c := byte(x>>k&63) + ' '
				if c == ' ' {
					c = '`'
				}
				b.WriteByte(c)
			}
		}
		b.WriteByte('\n')
		s = s[n:]
	}
	return b.String() + "`\nend\n"
}

var morse = [26]string{
	".-", "-...", "-.-.", "-..", ".", "..-.", "--.", "....", "..", ".---", "-.-", ".-..", "--",
	"-.", "---", ".--.", "--.-", ".-.", "...", "-", "..-", "...-", ".--", "-..-", "-.--", "--..",
}

var nato = [26]string{
	"Alfa", "Bravo", "Charlie", "Delta", "Echo", "Foxtrot", "Golf", "Hotel", "India", "Juliett", "Kilo", "Lima", "Mike",
	"November", "Oscar", "Papa", "Quebec", "Romeo", "Sierra", "Tango", "Uniform", "Victor", "Whiskey", "X-ray", "Yankee", "Zulu",
}

// braille has the dots of the letters.
var braille = [26]rune{
	0x01, 0x03, 0x09, 0x19, 0x11, 0x0b, 0x1b, 0x13, 0x0a, 0x1a, 0x05, 0x07, 0x0d, 0x1d, 0x15, 0x0f, 0x1f, 0x17, 0x0e, 0x1e, 0x25, 0x27, 0x3a, 0x2d, 0x3d, 0x35,
}
