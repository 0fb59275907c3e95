package detect

import "math/bits"

// Digits and signs that stand for letters ("1gn0r3"), and marks inside words.

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

// foldSigns reads digits and signs inside words as letters and takes marks out of words, where they are a disguise.
// Bytes are replaced or dropped, never added.
func (v *vocabulary) foldSigns(t *Text) bool {
	if !v.disguised(t.Norm) {
		return false
	}
	v.foldWords(t)
	return true
}

// foldWords does so, word by word: letters are written over the signs that they stand for, and text moves up from the first mark that is dropped on.
func (v *vocabulary) foldWords(t *Text) {
	norm := t.Norm
	moves, from, k := false, 0, 0 // what is kept next begins at from
	for at, end := 0, 0; at < len(norm); at += 64 {
		for some := signSet.mask(norm[at:]); some != 0; some &= some - 1 {
			i := at + bits.TrailingZeros64(some)
			if i < end { // of the word before
				continue
			}
			var w signWord
			w, end = wordOfSign(norm, i)
			if w.number {
				continue
			}
			several := w.between && v.several(norm[w.start:end])
			before, read := byte(' '), byte(' ') // what stands in front as it was written, and as it is read
			if i > w.start {
				before, read = norm[i-1], norm[i-1]
			}
			for ; i < end; i++ {
				c := norm[i]
				switch {
				case maySign[c] == 0:
				case several && i+1 < end && letterBit[read]&letterBit[norm[i+1]] != 0:
					norm[i], t.unsettled = betweenWords, true
				case !markup(c):
					norm[i] = letterFor(before, norm[i:end])
				case i > w.start && i+1 < end:
					if !moves {
						moves = true
						norm, k = t.rewrite()
					}
					k = t.keep(norm, from, i, k)
					from = i + 1
				}
				t.changed += int(maySign[c] & isSign)
				before, read = c, c
				if !moves { // behind what was dropped, signs in front of others count as they were written: models were fitted so
					read = norm[i]
				}
			}
		}
	}
	if moves {
		t.keep(norm, from, len(norm), k)
	}
}

// A signWord is what is asked of a word with signs or marks.
type signWord struct {
	start   int
	number  bool // it has no letter, and signs that are not read as letters
	between bool // some may stand between letters
}

// wordOfSign returns the word whose first sign or mark is norm[i], and where it ends.
func wordOfSign(norm []byte, i int) (w signWord, end int) {
	letters, before := uint8(0), uint8(0)
	for w.start = i; w.start > 0 && norm[w.start-1] != ' '; w.start-- {
		letters |= letterBit[norm[w.start-1]]
	}
	if i > w.start {
		before = letterBit[norm[i-1]]
	}
	between, mark := uint8(0), uint8(0) // a sign or mark stands behind what may be a letter
	for end = i; end < len(norm) && norm[end] != ' '; end++ {
		l, s := letterBit[norm[end]], maySign[norm[end]]
		letters |= l
		between |= mark & l
		mark = before & (s | s>>1)
		before = l | s&isSign
	}
	w.number, w.between = letters == 0 && end-w.start > 2, between != 0
	return w, end
}

// inside reports whether word[i] stands between letters.
func inside(word []byte, i int) bool {
	return i > 0 && i+1 < len(word) && letterBit[word[i-1]]&letterBit[word[i+1]] != 0
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
