package detect

import "math/bits"

// Digits and signs that stand for letters ("1gn0r3"), and marks inside words.

// signsOfFolding is the number of words with such digits or marks from which they are a disguise: identifiers and units have
// them too.
const signsOfFolding = 2

// signs maps digits and signs to the letters they stand for inside words, and others to 0.
var signs = func() (t [256]byte) {
	const from, to = "013456789@$!|+2", "oieasgtbgasiltz"
	for i := range len(from) {
		t[from[i]] = to[i]
	}
	return t
}()

// maySign marks what is looked at twice.
var maySign = func() (t [256]uint8) {
	for c := range 256 {
		if signs[c] != 0 {
			t[c] = isSign
		}
		if markup(byte(c)) {
			t[c] = isMarkup
		}
	}
	return t
}()

var signSet = newByteSet(func(c byte) bool { return maySign[c] != 0 })

const (
	isSign   = 1
	isMarkup = 2
)

// foldSigns reads digits and signs inside words as letters and takes marks out of words, where enough words have them.
// Bytes are replaced or dropped, never added.
func (v *vocabulary) foldSigns(t *Text) bool {
	n, norm := 0, t.Norm
	for at := 0; at < len(norm) && n < signsOfFolding; at += 64 {
		for some := signSet.mask(norm[at:]); some != 0; some &= some - 1 {
			i := at + bits.TrailingZeros64(some)
			if i == 0 || i+1 >= len(norm) {
				continue
			}
			c, before, after := norm[i], letter(norm[i-1]), letter(norm[i+1])
			switch {
			case markup(c):
				if before && markupInWord(norm, i) {
					n++
				}
			case before && (after || signs[norm[i+1]] != 0), after && norm[i-1] == ' ':
				n++
			}
		}
	}
	if n < signsOfFolding {
		return false
	}
	if !containsMarkup(norm) {
		t.unsettled = v.foldInPlace(norm) || t.unsettled
		return true
	}
	norm, k := t.rewrite()
	from := 0 // what is kept next begins here
	for start := 0; start < len(norm); {
		end, seen := signsOfWord(norm, start)
		next := min(end+1, len(norm))
		if seen != 0 {
			k = t.keep(norm, from, start, k)
			k = t.foldWord(norm, start, next, k, norm[start:end], v.several(norm[start:end]))
			from = next
		}
		start = next
	}
	t.keep(norm, from, len(norm), k)
	return true
}

// signsOfWord returns where a word ends and what of signs and marks it has, if they are read as letters: not in numbers.
func signsOfWord(norm []byte, start int) (end int, seen uint8) {
	letters := 0
	for end = start; end < len(norm) && norm[end] != ' '; end++ {
		letters += int(letterBit[norm[end]])
		seen |= maySign[norm[end]]
	}
	if letters == 0 && end-start > 2 {
		seen = 0
	}
	return end, seen
}

func containsMarkup(norm []byte) bool {
	for _, c := range norm {
		if maySign[c] == isMarkup {
			return true
		}
	}
	return false
}

// foldInPlace reads signs as letters where there is no mark to take out, and reports whether some are between words.
func (v *vocabulary) foldInPlace(norm []byte) (between bool) {
	for start := 0; start < len(norm); {
		end, seen := signsOfWord(norm, start)
		if seen != 0 {
			word, before := norm[start:end], byte(0)
			several := v.several(word)
			for i, c := range word {
				switch {
				case signs[c] == 0:
				case several && inside(word, i):
					word[i], between = betweenWords, true
				default:
					word[i] = letterFor(before, word[i:])
				}
				before = c
			}
		}
		start = end + 1
	}
	return between
}

// inside reports whether word[i] stands between letters.
func inside(word []byte, i int) bool {
	return i > 0 && i+1 < len(word) && letterBit[word[i-1]]&letterBit[word[i+1]] != 0
}

// foldWord appends norm[start:next], which is a word and the space behind it, with its signs as letters and without marks inside it, or with [betweenWords] for those
// if they are several words.
func (t *Text) foldWord(norm []byte, start, next, k int, word []byte, several bool) int {
	before := byte(0)
	for i := start; i < next; i++ {
		c, folded := norm[i], norm[i]
		switch {
		case several && maySign[c] != 0 && inside(word, i-start):
			folded, t.unsettled = betweenWords, true
		case i > start && markup(c) && i-start+1 < len(word):
			before = c
			continue
		case i-start < len(word):
			folded = letterFor(before, word[i-start:])
		}
		k = t.put(folded, i, k)
		before = c
	}
	return k
}

// letterFor returns the letter that the first byte of rest, which is the end of a word, stands for behind another byte of the word, or that byte.
func letterFor(before byte, rest []byte) byte {
	c := rest[0]
	switch {
	case signs[c] == 0:
		return c
	case (c == '!' || c == '+') && len(rest) <= 2: // the end of a sentence
		return c
	case c == '1' && (before == '1' || len(rest) > 1 && rest[1] == '1'): // "a11", "wi11"
		return 'l'
	}
	return signs[c]
}

// markup reports whether c may stand inside a word unseen.
func markup(c byte) bool { return c == '*' || c == '~' || c == '`' || c == '^' }

func markupInWord(norm []byte, i int) bool {
	for i < len(norm) && markup(norm[i]) {
		i++
	}
	return i < len(norm) && letter(norm[i])
}
