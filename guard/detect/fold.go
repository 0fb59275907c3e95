package detect

import (
	"sync"
	"unicode/utf8"
)

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
		case r >= 0x300 && r <= 0x36f || r >= 0x1ab0 && r <= 0x1aff || r >= 0x1dc0 && r <= 0x1dff || optional(r):
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
	case r == 0x3099 || r == 0x309a:
		return combining
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

// optional reports whether r is a mark that most people leave out, or that is part of another encoding of a letter: titles of Cyrillic, points of Hebrew, vowels, hamza and lengthening of
// Arabic, dots below Indic letters, rings of Thai and Lao.
func optional(r rune) bool {
	switch {
	case r < 0x591:
		return r >= 0x483 && r <= 0x489
	case r <= 0x5c7:
		return r != 0x5be && r != 0x5c0 && r != 0x5c3 && r != 0x5c6
	case r <= 0x6ed:
		return r >= 0x610 && r <= 0x61a || r == 0x640 || r >= 0x64b && r <= 0x65f || r == 0x670 || r >= 0x6d6 && r <= 0x6dc || r >= 0x6df && r <= 0x6e4 || r == 0x6e7 || r == 0x6e8 || r >= 0x6ea
	}
	return r == 0x93c || r == 0x9bc || r == 0xe4d || r == 0xecd
}

// upsideDown returns the letter that r is on its head, or 0.
func upsideDown(r rune) byte {
	switch r {
	case 'ɐ':
		return 'a'
	case 'ɔ':
		return 'c'
	case 'ǝ':
		return 'e'
	case 'ɟ':
		return 'f'
	case 'ɥ':
		return 'h'
	case 'ᴉ':
		return 'i'
	case 'ɾ':
		return 'j'
	case 'ʞ':
		return 'k'
	case 'ɯ':
		return 'm'
	case 'ɹ':
		return 'r'
	case 'ʇ':
		return 't'
	case 'ʌ':
		return 'v'
	case 'ʍ':
		return 'w'
	case 'ʎ':
		return 'y'
	}
	return 0
}

// foldLetter maps the compatibility forms of ASCII (a subset of Unicode NFKC) and accented Latin letters to lower-case
// ASCII, and returns other runes as they are.
func foldLetter(r rune) rune {
	switch {
	case r >= 0xc0 && r <= 0x17f:
		if c := latin[r-0xc0]; c != ' ' {
			return rune(c)
		}
	case r >= 0x180 && r <= 0x24f: // 'ǝ' is among them
		if c := latinB[r-0x180]; c != ' ' {
			return rune(c)
		}
	case r >= 0x1e00 && r <= 0x1eff:
		if c := latinMore[r-0x1e00]; c != ' ' {
			return rune(c)
		}
	case r >= 0x250 && r <= 0x2ff || r >= 0x1d00 && r <= 0x1dbf || r >= 0x2071 && r <= 0x209c || r >= 0xa730 && r <= 0xa7af:
		if c := raised(r); c != 0 {
			return rune(c)
		}
		if c := upsideDown(r); c != 0 {
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
	case r > 0x2800 && r <= 0x283f:
		if c := braille[r-0x2800]; c != ' ' {
			return rune(c)
		}
	case r == 0x107a5: // raised
		return 'q'
	case r == 0x2581: // the word mark of tokenizers, as in their special tokens
		return '_'
	case r == 0x2018 || r == 0x2019 || r == 0x2032:
		return '\''
	}
	return r
}

// braille has the letters by their dots; a blank is none.
const braille = " a b k l cif msp e h o r djg ntq     u v     x       z    w  y  "

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

// lookAlikes are letters of other scripts behind the Latin ones that they are drawn like, in lower case: Cyrillic, Greek, Armenian and
// others. In a word of Latin letters it does not matter what else they could be.
var lookAlikes = [...]string{
	"aаАαΑɑꓮ", "bВвΒЬьꓐ", "cсСϲϹⅽꓚ", "dԁժⅾꓓ", "eеЕεΕҽϵэёꓰ", "fϝƒꓝ", "gɡցꓖ", "hһНнΗհꓧ", "iіІιΙıɩⅰꓲ", "jјЈϳյꓙ", "kкКκΚꓗ", "lӏӀⅼꓡ", "mМмΜⅿꓟ", "nпПηΝոиИлꓠ",
	"oоОοΟօσӧꓳ", "pрРρΡꓑ", "qԛզ", "rгГяЯꓣ", "sѕЅꜱςꓢ", "tТтΤτեꓔ", "uυսμцꓴ", "vνѵⅴꓦ", "wԝѡωшШщաꓪ", "xхХχΧⅹꓫ", "yуУγΥүꓬ", "zΖᴢꓜ",
}

// cherokee has the Latin letters that those from U+13A0 on are drawn like; small ones stand elsewhere in the same order.
const cherokee = "drt  i   yaje      w   m   h y  g hz           b  r ws   vs   lc  p   kd   g        b"

// homoglyphs is a constant that takes time to work out: the letters by rune, up to the last that there is.
var homoglyphs = sync.OnceValue(func() *[lastTwin + 1]byte {
	t := new([lastTwin + 1]byte)
	for _, s := range lookAlikes {
		for _, r := range s[1:] {
			t[r] = s[0]
		}
	}
	for i, c := range []byte(cherokee) {
		if c == ' ' {
			continue
		}
		t[0x13a0+i] = c
		if i < 80 {
			t[0xab70+i] = c
		} else {
			t[0x13f8+i-80] = c
		}
	}
	return t
})

// lastTwin is the last of them, a small Cherokee letter.
const lastTwin = 0xabbf

// homoglyph returns the lower-case Latin letter that a Cyrillic, Greek or other letter is drawn like, or 0.
func homoglyph(r rune) byte {
	if r > lastTwin {
		return 0
	}
	return homoglyphs()[r]
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
