package detect

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Texts that are written from the end, as a whole or word by word, and letters that stand on their heads.

// signsOfTurning is the number of letters that stand on their heads from which all do, and shareOfTurning how many bytes of a text there may be to each, up to
// a line of them: tables of letters have some too.
const (
	signsOfTurning = 4
	shareOfTurning = 128
	lineOfTurning  = 24
)

// upside reports whether letters stand on their heads.
func (s *scratch) upside() bool {
	return s.text.Evidence.Turned >= min(max(signsOfTurning, len(s.text.Norm)/shareOfTurning), lineOfTurning)
}

// upright reads letters that others are drawn like upside down.
func (t *Text) upright() {
	for i, c := range t.Norm {
		if k := strings.IndexByte("bdnpqu", c); k >= 0 {
			t.Norm[i] = "gpudbn"[k] // "b" is "q", which is rare, and what an upside-down "g" was read as
		}
	}
}

// backwards reports whether spans may be written from the end: words that rules know are, pairs of letters stand the other way round, or sentences
// end where they should begin and pairs of letters do not deny it.
func (s *scratch) backwards(r *Rules, spans []Span) bool {
	if r.reversed >= 0 && s.fired[r.reversed] {
		return true
	}
	if !s.felt {
		s.felt, s.back = true, s.againstTheGrain(spans)
	}
	return s.back
}

// againstTheGrain asks the text alone.
func (s *scratch) againstTheGrain(spans []Span) bool {
	sample := s.text.Norm[:min(len(s.text.Norm), directionSample)]
	ahead, back := direction(sample[:min(len(sample), directionFirst)])
	if ahead <= back && len(sample) > directionFirst {
		more, moreBack := direction(sample[directionFirst-1:])
		ahead, back = ahead+more, back+moreBack
	}
	if back >= minDirection && back > 2*ahead {
		all := s.text.Norm[:min(len(s.text.Norm), directionAll)] // the rest must not deny it
		ahead, back := direction(all)
		if letters := lettersIn(all); back > ahead && directionRate*back >= letters && 2*pairsIn(all) >= letters {
			return true
		}
	}
	return back >= ahead && fromTheEnd(spans[0].Text, spans[len(spans)-1].Text) && readable(sample)
}

// pairsAhead are pairs of letters that many languages of Latin letters have far more often than their reverse.
const pairsAhead = "th he nd ng ou qu wh ch sh ck ly io ct nt nc mp ld gh pr wi be ns"

// directions has 1 for those and 2 for their reverse, by the lower bits of both letters.
var directions = func() (t [1 << 10]uint8) {
	for p := range strings.FieldsSeq(pairsAhead) {
		t[uint(p[0]&31)<<5|uint(p[1]&31)] = 1
		t[uint(p[1]&31)<<5|uint(p[0]&31)] = 2
	}
	return t
}()

// directionSample is what is looked at of a text for that, in bytes, and minDirection the least number of pairs that say something. Most texts
// tell by less.
const (
	directionFirst  = 48
	directionSample = 160
	minDirection    = 4
	directionAll    = 1024
	directionRate   = 28 // to so many letters there must be one: by chance there is one to 34
)

// direction counts pairs of letters that stand as usual, and those that do not.
func direction(norm []byte) (ahead, back int) {
	for at := 0; at < len(norm); at += 63 { // the last of 64 is the first of the next
		block := norm[at:min(at+64, len(norm))]
		if l := letterMask(block); l&(l<<1) == 0 { // as of most other scripts
			continue
		}
		before := byte(0)
		for _, c := range block {
			d := directions[uint(before&31)<<5|uint(c&31)] & -(letterBit[before] & letterBit[c])
			ahead, back = ahead+int(d&1), back+int(d>>1)
			before = c
		}
	}
	return ahead, back
}

// pairsIn counts ASCII letters behind one: of prose three in four are, and of letters that are set apart none.
func pairsIn(norm []byte) (n int) {
	before := uint8(0)
	for _, c := range norm {
		is := letterBit[c]
		n += int(before & is)
		before = is
	}
	return n
}

// lettersIn counts ASCII letters.
func lettersIn(norm []byte) (n int) {
	for _, c := range norm {
		n += int(letterBit[c])
	}
	return n
}

// fromTheEnd reports whether a text has at its beginning what should be at its end, a full stop or a mark of a script, or its first or last word
// ends with its capital.
func fromTheEnd(head, tail []byte) bool {
	head = bytes.TrimSpace(head)
	rest := bytes.TrimLeft(head, ".") // an ellipsis is one mark
	switch c, _ := utf8.DecodeRune(head); {
	case c == '.' && (len(head) < 2 || len(rest) > 0 && (letter(rest[0]) || rest[0] >= utf8.RuneSelf)) || c == '!' || c == '?' || c == '\u202e' || c == '।' || c == '॥' || c == '؟' || c == '۔' || c == '。' || c == '？' || c == '！' || c > lastUnmarked && unicode.In(c, unicode.M):
		return true
	}
	return wordwise(head) || endsInCapital(bytes.TrimRight(tail, " \n\t\"'"))
}

// lastUnmarked is the last rune in front of all marks, U+0300 and beyond.
const lastUnmarked = 0x2ff

// wordwise reports whether words may be written backwards one by one: the first ends with its capital.
func wordwise(head []byte) bool {
	head = bytes.TrimSpace(head)
	n := 0
	for n < len(head) && letter(head[n]) {
		n++
	}
	return endsInCapital(head[:n])
}

// minBackwards is the length of words whose last capital is no abbreviation's.
const minBackwards = 4

func endsInCapital(p []byte) bool {
	n := len(p)
	if n < minBackwards || p[n-1] < 'A' || p[n-1] > 'Z' {
		return false
	}
	for _, c := range p[n-minBackwards : n-1] {
		if c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

// reverseWords reads each word backwards.
func reverseWords(norm []byte) {
	for i := 0; i < len(norm); {
		start := i
		for i < len(norm) && letter(norm[i]) {
			i++
		}
		slices.Reverse(norm[start:i])
		i++
	}
}

// reverse reads backwards. Offsets then point to the text as a whole.
func (t *Text) reverse() {
	slices.Reverse(t.Norm)
	for i := 0; i < len(t.Norm); { // characters keep their bytes in order
		if t.Norm[i] < utf8.RuneSelf {
			i++
			continue
		}
		n := 1
		for i+n < len(t.Norm) && t.Norm[i+n-1]&0xc0 == 0x80 {
			n++
		}
		slices.Reverse(t.Norm[i : i+n])
		i += n
	}
	t.from = t.from[:0]
}
