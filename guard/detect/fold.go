package detect

import "unicode/utf8"

// kind sorts runes by what the normaliser does with them.
type kind uint8

const (
	visible kind = iota
	tag
	zeroWidth
	variation
	bidi
	blank
	combining
)

func kindOf(r rune) kind {
	switch {
	case r < 0x2000:
		switch {
		case r == 0x85 || r == 0xa0 || r == 0x1680:
			return blank
		case r == 0xad || r == 0x34f || r == 0x61c || r == 0x115f || r == 0x1160 || r == 0x17b4 || r == 0x17b5 || r == 0x180e:
			return zeroWidth
		case r >= 0x180b && r <= 0x180d || r == 0x180f:
			return variation
		case r >= 0x300 && r <= 0x36f || r >= 0x1ab0 && r <= 0x1aff || r >= 0x1dc0 && r <= 0x1dff:
			return combining
		case r < 0xa0:
			return blank // C1 controls
		}
	case r < 0x2100:
		switch {
		case r <= 0x200a || r == 0x2028 || r == 0x2029 || r == 0x202f || r == 0x205f:
			return blank
		case r <= 0x200d || r >= 0x2060 && r <= 0x2065 || r >= 0x206a && r <= 0x206f:
			return zeroWidth
		case r == 0x200e || r == 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
			return bidi
		case r >= 0x20d0 && r <= 0x20ff:
			return combining
		}
	case r == 0x3000 || r == 0x2800: // the Braille pattern without dots shows nothing
		return blank
	case r == 0x3164 || r == 0xfeff || r == 0xffa0 || r >= 0xfff0 && r <= 0xfffb || r >= 0xe0080 && r <= 0xe00ff || r >= 0xe01f0 && r <= 0xe0fff || r >= 0x1bca0 && r <= 0x1bca3 || r >= 0x1d173 && r <= 0x1d17a:
		return zeroWidth
	case r >= 0xfe00 && r <= 0xfe0f || r >= 0xe0100 && r <= 0xe01ef:
		return variation
	case r >= 0xfe20 && r <= 0xfe2f:
		return combining
	case r >= 0xe0000 && r <= 0xe007f:
		return tag
	}
	return visible
}

// foldLetter maps the compatibility forms of ASCII (a subset of Unicode NFKC) and accented Latin letters to lower-case
// ASCII, and returns other runes as they are.
func foldLetter(r rune) rune {
	switch {
	case r >= 0xc0 && r <= 0x17f:
		if c := latin[r-0xc0]; c != ' ' {
			return rune(c)
		}
	case r >= 0x180 && r <= 0x24f:
		if c := latinB[r-0x180]; c != ' ' {
			return rune(c)
		}
	case r >= 0x1e00 && r <= 0x1eff:
		if c := latinMore[r-0x1e00]; c != ' ' {
			return rune(c)
		}
	case r >= 0x250 && r <= 0x2ff || r >= 0x1d00 && r <= 0x1d6a || r >= 0x2071 && r <= 0x209c || r >= 0xa730 && r <= 0xa7af:
		if c := raised(r); c != 0 {
			return rune(c)
		}
	case r >= 0x1f1e6 && r <= 0x1f1ff: // regional indicators
		return 'a' + r - 0x1f1e6
	case r >= 0xff01 && r <= 0xff5e: // fullwidth
		return lowerRune(r - 0xff01 + '!')
	case r >= 0x1d400 && r <= 0x1d6a3: // mathematical alphabets, 52 letters each
		return 'a' + (r-0x1d400)%26
	case r >= 0x1d7ce && r <= 0x1d7ff: // mathematical digits
		return '0' + (r-0x1d7ce)%10
	case r >= 0x24b6 && r <= 0x24e9: // circled
		return 'a' + (r-0x24b6)%26
	case r >= 0x249c && r <= 0x24b5: // parenthesised
		return 'a' + r - 0x249c
	case r >= 0x1f110 && r <= 0x1f129:
		return 'a' + r - 0x1f110
	case r >= 0x1f130 && r <= 0x1f149: // squared
		return 'a' + r - 0x1f130
	case r >= 0x1f150 && r <= 0x1f169:
		return 'a' + r - 0x1f150
	case r >= 0x1f170 && r <= 0x1f189:
		return 'a' + r - 0x1f170
	case r >= 0x2100 && r <= 0x214f: // the letters that the mathematical block leaves out
		return letterlike(r)
	case r == 0x2581: // the word mark of tokenizers, as in their special tokens
		return '_'
	case r == 0x2018 || r == 0x2019 || r == 0x2032:
		return '\''
	}
	return r
}

func lowerRune(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r | 0x20
	}
	return r
}

func letterlike(r rune) rune {
	switch r {
	case 0x210a:
		return 'g'
	case 0x210b, 0x210c, 0x210d, 0x210e, 0x210f:
		return 'h'
	case 0x2110, 0x2111, 0x2139, 0x2148:
		return 'i'
	case 0x2112, 0x2113:
		return 'l'
	case 0x2115:
		return 'n'
	case 0x2118, 0x2119:
		return 'p'
	case 0x211a:
		return 'q'
	case 0x211b, 0x211c, 0x211d:
		return 'r'
	case 0x2124, 0x2128:
		return 'z'
	case 0x212c:
		return 'b'
	case 0x2102, 0x212d:
		return 'c'
	case 0x212f, 0x2130, 0x2147:
		return 'e'
	case 0x2131:
		return 'f'
	case 0x2133:
		return 'm'
	case 0x2134:
		return 'o'
	case 0x2145, 0x2146:
		return 'd'
	case 0x2149:
		return 'j'
	}
	return r
}

// latin gives the base letters of U+00C0 to U+017F; a blank leaves the rune alone.
const latin = "aaaaaa ceeeeiiii nooooo ouuuuy  aaaaaa ceeeeiiii nooooo ouuuuy y" +
	"aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiii  jjkk lllllll" +
	"lllnnnnnnn  oooooo  rrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs"

// homoglyph returns the lower-case Latin letter that a Cyrillic, Greek or other letter is drawn like, or 0.
func homoglyph(r rune) byte {
	switch r {
	case 'а', 'А', 'α', 'Α', 'ɑ':
		return 'a'
	case 'В', 'Β', 'Ь':
		return 'b'
	case 'с', 'С', 'ϲ', 'Ϲ':
		return 'c'
	case 'ԁ':
		return 'd'
	case 'е', 'Е', 'Ε', 'ҽ':
		return 'e'
	case 'ɡ', 'ց':
		return 'g'
	case 'һ', 'Н', 'Η', 'հ':
		return 'h'
	case 'і', 'І', 'ι', 'Ι', 'ı', 'ɩ':
		return 'i'
	case 'ј', 'Ј', 'ϳ':
		return 'j'
	case 'к', 'К', 'κ', 'Κ':
		return 'k'
	case 'ӏ', 'Ӏ', 'ⅼ':
		return 'l'
	case 'М', 'Μ', 'м':
		return 'm'
	case 'Ν', 'ո':
		return 'n'
	case 'о', 'О', 'ο', 'Ο', 'օ', 'σ':
		return 'o'
	case 'р', 'Р', 'ρ', 'Ρ':
		return 'p'
	case 'ԛ':
		return 'q'
	case 'г':
		return 'r'
	case 'ѕ', 'Ѕ', 'ꜱ':
		return 's'
	case 'Т', 'Τ', 'т', 'τ':
		return 't'
	case 'υ', 'ս':
		return 'u'
	case 'ν', 'ѵ':
		return 'v'
	case 'ԝ', 'ѡ', 'ω':
		return 'w'
	case 'х', 'Х', 'χ', 'Χ':
		return 'x'
	case 'у', 'У', 'γ', 'Υ':
		return 'y'
	case 'Ζ', 'ᴢ':
		return 'z'
	}
	return 0
}

// wordReach bounds the look around a homoglyph, in bytes: past it a word is not one that a rule looks for, and without
// it a text of homoglyphs alone would cost the square of its length.
const wordReach = 24

// inLatinWord reports whether the word around text[i] holds an ASCII letter. Whole words of another script are left
// alone, so that Russian stays Russian.
func inLatinWord(text []byte, i int) bool {
	for j := i - 1; j >= 0 && i-j <= wordReach && (wordByte(text[j]) || text[j] >= utf8.RuneSelf); j-- {
		if letter(text[j]) {
			return true
		}
	}
	for j := i; j < len(text) && j-i <= wordReach && wordByte(text[j]); j++ {
		if letter(text[j]) {
			return true
		}
	}
	return false
}
