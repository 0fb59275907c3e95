package detect

import "bytes"

// Marks and signs between words ("forget.everything|above"), beside words with some inside.

// betweenWords stands in a normal form for such a mark until it is settled what is made of it. It is nothing that a normal form has.
const betweenWords = 0x01

// settle makes spaces of the marks between words, where the text is not looked at as it was written, or nothing: a text that is looked at both ways need not be
// read as it was twice, and what is read twice is found twice as often by chance.
func (t *Text) settle(spaces bool) {
	if !t.unsettled {
		return
	}
	t.unsettled = false
	norm, from, k := t.Norm, 0, 0
	if !spaces {
		norm, k = t.rewrite()
	}
	for {
		n := bytes.IndexByte(norm[from:], betweenWords)
		if n < 0 {
			break
		}
		if i := from + n; spaces {
			norm[i] = ' '
		} else {
			k = t.keep(norm, from, i, k)
		}
		from += n + 1
	}
	if !spaces {
		t.keep(norm, from, len(norm), k)
	}
}

// A token is what stands between two spaces of a normal form, but for spaces in what was taken out of it.
type token struct {
	start, end int
	looked     int // for where it begins, as far as this
	words      bool
}

// begin finds where the token with norm[i] begins, before text moves. What is looked at next is norm[next].
func (k *token) begin(norm []byte, i, next int) {
	if n := bytes.LastIndexByte(norm[k.looked:i], ' '); n >= 0 {
		k.start = k.looked + n + 1
	}
	k.looked = next
}

// several reports whether the token with something between letters at norm[i] is several words instead of a broken one. It is asked once of each.
func (k *token) several(v *vocabulary, norm []byte, i int) bool {
	k.begin(norm, i, i)
	if i >= k.end {
		for k.end = i; k.end < len(norm) && norm[k.end] != ' '; k.end++ {
		}
		k.words = v.several(norm[k.start:k.end])
	}
	return k.words
}

// longWord is more letters than words have.
const longWord = 20

// several reports whether marks and signs in a token stand between words, so that to take them out would hide those: together its letters are no word that the rules
// know, and some between two marks are, or they are more than those of a word.
func (v *vocabulary) several(token []byte) bool {
	var w [longWord]byte
	n, before := 0, byte(0)
	for i, c := range token {
		if letterBit[c] == 0 {
			if signs[c] == 0 {
				continue
			}
			c = letterFor(before, token[i:])
		}
		before = c
		if n == longWord {
			return true
		}
		w[n] = c
		n++
	}
	if v.holds(w[:n]) {
		return false
	}
	start := 0
	for i, c := range token {
		if letterBit[c] == 0 {
			if v.holds(token[start:i]) {
				return true
			}
			start = i + 1
		}
	}
	return v.holds(token[start:])
}

// twoWords reports whether a mark of n bytes at norm[i], between letters and with a space in it, stands between words: what goes on behind such marks is longer than a
// word, or the two are none together that the rules know and one of them is.
func (v *vocabulary) twoWords(norm []byte, i, n int) bool {
	var chain [maxShuffled]byte
	size, _ := lettersAround(chain[:0], norm, i, n)
	if size > longWord {
		return true
	}
	start, end := i, i+n
	for start > 0 && letterBit[norm[start-1]] != 0 {
		start--
	}
	for end < len(norm) && letterBit[norm[end]] != 0 {
		end++
	}
	left, right := norm[start:i], norm[i+n:end]
	both := chain[:min(len(left)+len(right), size)]
	return !v.holds(chain[:size]) && !v.holds(both) && (v.holds(left) || v.holds(right))
}

// holds reports whether w is a word of the rules that is long enough to say something.
func (v *vocabulary) holds(w []byte) bool { return len(w) >= minShuffled && v.knows(w) }
