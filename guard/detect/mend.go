package detect

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Words with something in them that readers skip: marks and emoji, strings put together by programs, letters said three times.

// mend takes marks out of words and letters that are repeated, where words that the rules know, or many letters, tell that it is a disguise.
func (v *vocabulary) mend(t *Text) bool {
	n := len(t.Norm)
	marks, squeeze := v.broken(t.Norm) >= signsOfFolding, stretched(t.Norm)
	stars := thickWith*bytes.Count(t.Norm, []byte{'*'}) > n
	lows := thickWith*bytes.Count(t.Norm, []byte{'_'}) > n && bytes.Count(t.Norm, []byte{'_'}) > 2*bytes.Count(t.Norm, []byte{' '})
	if !marks && !stars && !lows && squeeze == 0 {
		return false
	}
	norm, k := t.rewrite()
	from := 0 // what is kept next begins here
	found := finder{set: breakSet, text: norm}
	var token token
	for i := 0; i < len(norm); {
		if squeeze == 0 { // nothing but marks is asked for
			i = found.next(i)
		}
		for squeeze > 0 && i+1 < len(norm) && norm[i] != norm[i+1] && letterBit[norm[i]] != 0 { // nothing is asked of letters that are said once
			i++
		}
		if i == len(norm) {
			break
		}
		c, gone, instead := norm[i], 0, byte(0)
		switch {
		case c == ' ':
		case stars && c == '*':
			gone = 1
			if inside(norm, i) && token.several(v, norm, i) {
				instead = betweenWords
			}
		case lows && c == '_':
			gone, instead = 1, ' '
		case marks && i > 0 && letterBit[norm[i-1]] != 0 && letterBit[c] == 0:
			gone, _ = markInWord(norm, i)
			wide := gone > 1 && oddSet.marks[c] != 0 && bytes.IndexByte(norm[i:i+gone], ' ') >= 0 // strings that are joined, and the end of a line
			if wide && v.twoWords(norm, i, gone) || gone > 0 && !wide && token.several(v, norm, i) {
				instead = betweenWords
			}
		case squeeze > 0 && letterBit[c] != 0:
			next := i + 1
			for next < len(norm) && norm[next] == c {
				next++
			}
			said := next
			if n := next - i; n > 2 || squeeze > 1 {
				said = i + 1 + (n-1)/4*(squeeze-1) // of doubled letters four are two
			}
			if i, gone = said, next-said; gone == 0 {
				continue
			}
		}
		if gone == 0 {
			i++
			continue
		}
		if marks || stars {
			token.begin(norm, i, i+gone)
		}
		k = t.keep(norm, from, i, k)
		t.changed++
		if instead != 0 {
			k = t.put(instead, i, k)
			t.unsettled = t.unsettled || instead == betweenWords
		}
		i += gone
		from = i
	}
	t.keep(norm, from, len(norm), k)
	return true
}

// thickWith is how often a mark must stand in a text: once in so many bytes.
const thickWith = 12

// maxMark is the longest mark within a word, in bytes: three of ASCII, or the quotation marks and what joins two strings.
const maxMark = 5

// markInWord returns the length of a mark at norm[i:] behind a letter, if a letter follows it, and whether it joins two strings.
func markInWord(norm []byte, i int) (length int, joins bool) {
	c, n := norm[i], 0
	switch {
	case c == '"' || c == '\'':
		n = 1
		for n < maxMark && i+n < len(norm) && (norm[i+n] == ' ' || norm[i+n] == '+') {
			n++
		}
		if n > 1 && i+n < len(norm) && norm[i+n] == c {
			n, joins = n+1, true
		} else {
			n = 0
		}
	case c >= utf8.RuneSelf:
		r, size := utf8.DecodeRune(norm[i:])
		if inWord(r) {
			return 0, false
		}
		n = size
	case c == '-' && i+2 < len(norm) && norm[i+1] == ' ': // at the end of a line
		n = 2
	default:
		for n < maxMark-2 && i+n < len(norm) && norm[i+n] > ' ' && norm[i+n] < utf8.RuneSelf && !word[norm[i+n]] {
			n++
		}
	}
	if n == 0 || i+n >= len(norm) || letterBit[norm[i+n]] == 0 {
		return 0, false
	}
	return n, joins
}

// oddSet holds what marks begin with that go by other rules than the rest of them.
var oddSet = newByteSet(func(c byte) bool { return c == '"' || c == '\'' || c == '-' || c >= utf8.RuneSelf })

// What is looked at for repeated letters: some bytes every so many, and how many there must be that equal the one before.
const (
	stretchedSample = 16
	stretchedStride = 256
	stretchedLeast  = 5
)

// stretched reports whether letters are repeated: 1 if some are three times or more, 2 if all are.
func stretched(norm []byte) int {
	for i := 1; i+stretchedSample <= len(norm); i += stretchedStride {
		if doubled(norm[i-1:])+doubled(norm[i-1+8:]) < stretchedLeast {
			continue
		}
		triple := 0
		for k := i; k < i+stretchedSample; k++ {
			if k > 1 && norm[k] == norm[k-1] && norm[k] == norm[k-2] && letterBit[norm[k]] != 0 {
				triple++
			}
		}
		if triple >= 2 {
			return 1
		}
		return 2
	}
	return 0
}

// doubled counts letters among the eight bytes behind the first that equal the one before them.
func doubled(norm []byte) int {
	x, before := binary.LittleEndian.Uint64(norm[1:]), binary.LittleEndian.Uint64(norm)
	differ := x ^ before
	same := ^((differ&^high + 0x7f*each) | differ) & high
	return bits.OnesCount64(same & lettersOf(x))
}
