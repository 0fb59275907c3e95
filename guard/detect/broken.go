package detect

import (
	"encoding/binary"
	"math/bits"
)

// Words of the rules with marks in them tell that marks are a disguise. READMEs and code have some in 25 words of each kilobyte, and hardly one of those is known.

// signsOfFolding is the number of words with marks in them from which they are a disguise: a text has such a word now and then.
const signsOfFolding = 2

// broken counts words of the rules with marks in them, and joined strings, as far as that matters.
func (v *vocabulary) broken(norm []byte) (n int) {
	seen := 1 // what is in front of it has been looked at
	for at := 0; at < len(norm) && n < signsOfFolding; at += 64 {
		b := breaks{norm: norm, at: at}
		for some := b.look(); some != 0; some &= some - 1 {
			q := bits.TrailingZeros64(some)
			i := at + q
			if i < seen {
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
	odd            uint64 // marks that break words otherwise than by standing between letters, see [markInWord]
}

// look returns where marks may break a word: behind a letter, and in front of one with no more than two others between them, or odd ones.
func (b *breaks) look() uint64 {
	m, l, odd := breakMasks(b.norm[b.at:])
	b.marks, b.letters, b.odd = m, l, odd
	behind := l << 1
	if b.at > 0 {
		behind |= uint64(letterBit[b.norm[b.at-1]])
	}
	const unseen = 7 << 61 // what is in front of those is not among the 64
	return m & behind & (l>>1 | m>>1&(l>>2|m>>2&(l>>3)) | odd | unseen)
}

// breakMasks tells marks, letters and odd marks of the first 64 bytes of a text from others.
func breakMasks(text []byte) (marks, letters, odd uint64) {
	some := ^uint64(0)
	if len(text) < 64 {
		var last [64]byte
		some = 1<<copy(last[:], text) - 1
		text = last[:]
	}
	marks, letters, odd = breaksIn((*[64]byte)(text))
	return marks & some, letters & some, odd & some
}

func breaksInGo(text *[64]byte) (marks, letters, odd uint64) {
	for i := 0; i < 64; i += 8 {
		x := binary.LittleEndian.Uint64(text[i:])
		l := lettersOf(x)
		digits := between(x&^high, '0', '9') &^ x
		visible := (x&^high + (0x7f-' ')*each | x) & high
		letters |= l >> 7 * gather >> 56 << i
		marks |= (visible &^ l &^ digits) >> 7 * gather >> 56 << i
	}
	for m := marks; m != 0; m &= m - 1 {
		i := bits.TrailingZeros64(m)
		odd |= uint64(oddSet.marks[text[i]]) << i
	}
	return marks, letters, odd
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
	for m &= b.odd >> q; m != 0; m &= m - 1 {
		if b.norm[b.at+q+bits.TrailingZeros64(m)] != '-' || b.norm[b.at+stop-1] == '-' {
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
