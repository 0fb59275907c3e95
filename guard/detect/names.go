package detect

import "unicode/utf8"

// Long words and names in programs are made of the characters of base64, and what one in some hundred of them says has enough characters of some script to be a text: of another script each.

// likeName reports whether a run could be a word or a name: it has no digit, and a quarter of it are capitals at most. Of most texts the code has many of both.
func likeName(run []byte) bool {
	capitals := 0
	for _, c := range run {
		if c >= '0' && c <= '9' {
			return false
		}
		if c >= 'A' && c <= 'Z' {
			capitals++
		}
	}
	return capitals*4 <= len(run)
}

// oneScript reports whether p is still a text, as a [reader] sees it, where the characters of one script alone count beside ASCII: that which most are of.
func oneScript(p []byte) bool {
	var of [scripts]int // bytes
	letters, most := 0, 0
	for i := 0; i < len(p); {
		if p[i] < utf8.RuneSelf {
			letters += int(readableBit[p[i]])
			i++
			continue
		}
		r, n := utf8.DecodeRune(p[i:])
		if i += n; r != utf8.RuneError {
			k := scriptOf(r)
			of[k] += n
			most = max(most, of[k])
		}
	}
	return (len(p)-letters-most)*10 <= len(p)*3
}

// scripts is the number of groups of characters that texts are made of.
const scripts = 0x3000>>9 + 2

// scriptOf returns the group of a character: Latin letters, those of another alphabet or two, of East Asia, or others.
func scriptOf(r rune) int {
	switch {
	case r >= 0x1e00 && r < 0x1f00: // Latin letters with two accents
		return 0
	case r < 0x3000:
		return int(r >> 9)
	case r < 0xd800:
		return scripts - 2
	}
	return scripts - 1
}
