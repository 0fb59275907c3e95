package detect

import "math/bits"

// Words of the rules with marks in them tell that marks are a disguise. READMEs and code have some in 25 words of each kilobyte, and hardly one of those is known.

// signsOfFolding is the number of words with marks in them from which they are a disguise: a text has such a word now and then.
const signsOfFolding = 2

// broken counts words of the rules with marks in them, and joined strings, as far as that matters.
func (v *vocabulary) broken(norm []byte) (n int) {
	seen := 1 // what is in front of it has been looked at
	for at := 0; at < len(norm) && n < signsOfFolding; at += 64 {
		b := breaksOf(norm, at)
		for some := b.behind; some != 0; some &= some - 1 {
			q := bits.TrailingZeros64(some)
			i := at + q
			if c := norm[i]; i < seen || b.ahead>>q&1 == 0 && !oddMark[c] {
				continue
			}
			if end, ok := b.unknown(v, q); ok {
				seen = end
				continue
			}
			m, joins := markInWord(norm, i)
			if m == 0 {
				continue
			}
			var w [maxShuffled]byte
			size, end := lettersAround(w[:0], norm, i, m)
			if joins || size > minShuffled && v.knows(w[:size]) {
				n++
			}
			seen = end
		}
	}
	return n
}

// breaks are 64 bytes of a normal form, from norm[at] on, with a bit for each.
type breaks struct {
	norm           []byte
	at             int
	marks, letters uint64
	behind         uint64 // marks behind a letter
	ahead          uint64 // a letter is next, or stands behind one or two marks, or may do so behind the 64 bytes
}

func breaksOf(norm []byte, at int) breaks {
	m, l := masks(breakSet, letterSet, norm[at:])
	behind := l << 1
	if at > 0 {
		behind |= uint64(letterBit[norm[at-1]])
	}
	const last = 7 << 61
	return breaks{norm: norm, at: at, marks: m, letters: l, behind: m & behind, ahead: l>>1 | m>>1&(l>>2|m>>2&(l>>3)) | last}
}

// unknown reports whether the word that the mark at bit q may break stands among the 64 bytes, with no odd mark in it, and is none that the rules know by its length,
// first letter and last letter, and where it ends.
func (b *breaks) unknown(v *vocabulary, q int) (end int, ok bool) {
	stop := q + bits.TrailingZeros64(^((b.letters | b.marks) >> q)) // behind its letters and the marks in and behind it
	if stop >= 64 {
		return 0, false
	}
	within := uint64(1)<<stop - 1
	last, first := bits.Len64(b.letters&within), bits.Len64(^b.letters&(1<<q-1))
	if last <= q || first == 0 && b.at > 0 && letterBit[b.norm[b.at-1]] != 0 {
		return 0, false
	}
	m := b.marks & within >> q
	if m&(m>>1)&(m>>2)&(m>>3) != 0 { // more than one mark has
		return 0, false
	}
	for ; m != 0; m &= m - 1 {
		if c := b.norm[b.at+q+bits.TrailingZeros64(m)]; oddMark[c] && (c != '-' || b.norm[b.at+stop-1] == '-') {
			return 0, false
		}
	}
	size := bits.OnesCount64(b.letters & within >> first)
	if size >= maxShuffled {
		return 0, false
	}
	known := size > minShuffled && v.shaped(b.norm[b.at+first], b.norm[b.at+last-1], size)
	return b.at + last, !known
}

// lettersAround appends the letters of the word with a mark of the given length at norm[i] to w, as far as there is room, and returns how many they
// are and where the word ends.
func lettersAround(w, norm []byte, i, mark int) (size, end int) {
	start := i
	for start > 0 && letterBit[norm[start-1]] != 0 && i-start < cap(w) {
		start--
	}
	w = append(w, norm[start:i]...)
	for end = i; mark > 0 && len(w) < cap(w); {
		for end += mark; end < len(norm) && letterBit[norm[end]] != 0 && len(w) < cap(w); end++ {
			w = append(w, norm[end])
		}
		mark = 0
		if end < len(norm) && letterBit[norm[end]] == 0 {
			mark, _ = markInWord(norm, end)
		}
	}
	return len(w), max(end, i+1)
}

// breakSet holds what may stand within a word: signs, and what begins characters that are not ASCII.
var breakSet = newByteSet(func(c byte) bool { return c > ' ' && !isWord(c) || c >= 0xc0 })

// knows reports whether w is a word of the rules.
func (v *vocabulary) knows(w []byte) bool {
	if !v.shaped(w[0], w[len(w)-1], len(w)) {
		return false
	}
	for k := letters(w) & v.mask; v.table[k] != ""; k = (k + 1) & v.mask {
		if v.table[k] == string(w) {
			return true
		}
	}
	return false
}
