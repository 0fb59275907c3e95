package detect

import (
	"bytes"
	"math/bits"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A reading is one way to read a text. Backends and models see through each of these disguises, so rules and model look at
// all of them; those that need a sign to be tried are tried only where it is there.
type reading uint8

const (
	asWritten  reading = iota
	joined             // spans without space between them, as some backends join them
	decoded            // codes replaced by what they say
	folded             // digits and signs that stand for letters, marks inside words
	unshuffled         // words whose inner letters change places put right
	rotated            // letters moved in the alphabet
	reversed           // backwards, or upside down
	mirrored           // each word backwards
	readings
)

// signsOfFolding is the number of words with such digits or marks from which they are a disguise: identifiers and units have
// them too.
const signsOfFolding = 2

// next prepares s.text for the next reading from k on that is to be looked at; it returns readings behind the last. Codes, digits and shuffled words are undone
// one after the other, and what comes out is looked at once.
func (r *Rules) next(s *scratch, k reading, spans []Span, base int) reading {
	for changed := false; k < readings; k++ {
		changed = r.read(s, k, spans, base) || changed
		if changed && k != decoded && k != folded {
			break
		}
	}
	return k
}

// sizeOf returns how many bytes the texts of spans have.
func sizeOf(spans []Span) (n int) {
	for _, sp := range spans {
		n += len(sp.Text)
	}
	return n
}

// further returns how much of the readings behind the first two the model looks at, in bytes, of a text of the given size whose normal form has n: twice as much.
// No harmless text that is known asks for more: of half as much again, one file in 500 did. Of invisible characters the normal form has nothing, and what they
// say is not longer than they are.
func further(n, size int) int {
	return 2*max(n, size) + furtherSlack
}

// furtherSlack is for short texts: two readings of a line cost nothing that matters, and each may be a space longer than the one before.
const furtherSlack = 48

// asks returns how much of s.text, which holds the reading k, and of those behind it the model would look at, in bytes: whether that is too much is known
// before any of it is.
func (r *Rules) asks(s *scratch, k reading, spans []Span) int {
	n := len(s.text.Norm)
	if k >= rotated {
		return n
	}
	all := n
	r.findTurns(s)
	s.places = around(s.places[:0], s.turns, n)
	for _, p := range s.places {
		all += p.end - p.start
	}
	for _, t := range s.turns {
		t.put(s.text.Norm)
	}
	if s.upside() || s.backwards(r, spans) {
		all += n
	}
	for _, t := range s.turns {
		t.back(s.text.Norm)
	}
	return all
}

// read prepares s.text for a reading of spans, whose first has index base. It reports false where the reading says nothing
// new. Readings are tried in order: the later ones change the text of those before.
func (r *Rules) read(s *scratch, k reading, spans []Span, base int) bool {
	ok := false
	s.looked, s.felt = s.looked && k == rotated, s.felt && k >= rotated
	switch k {
	case asWritten:
		s.join(spans, base, true)
		ok = true
	case joined:
		if ok = len(spans) > 1; ok {
			s.join(spans, base, false)
		}
	case decoded:
		hidden := s.text.Evidence.hides()
		ok = (hidden || slices.ContainsFunc(spans, func(sp Span) bool { return !plain(sp.Text) || apart(sp.Text) })) && s.joinDecoded(spans, base, hidden)
	case folded:
		twins := s.text.foldTwins()
		mended := r.vocabulary.mend(&s.text)
		ok = s.text.foldSigns() || mended || twins
	case unshuffled:
		ok = r.vocabulary.restore(s.text.Norm)
	case rotated:
		r.findTurns(s)
		for _, t := range s.turns {
			t.put(s.text.Norm)
		}
		ok = len(s.turns) > 0
	case reversed:
		upside := s.upside()
		if ok = upside || s.backwards(r, spans) && !wordwise(spans[0].Text); ok {
			for _, t := range s.turns {
				t.back(s.text.Norm)
			}
			if upside {
				s.text.upright()
			}
			s.text.reverse()
		}
	case mirrored:
		if ok = !s.upside() && wordwise(spans[0].Text) && s.backwards(r, spans); ok {
			for _, t := range s.turns {
				t.back(s.text.Norm)
			}
			reverseWords(s.text.Norm)
		}
	}
	s.used = max(s.used, len(s.text.Norm))
	return ok
}

// findTurns finds the blocks of s.text whose letters were moved; where there is none, rules that know words of ROT13 speak for the whole.
func (r *Rules) findTurns(s *scratch) {
	if !s.looked {
		s.turns, s.looked = turns(s.turns[:0], s.text.Norm), true
	}
	if len(s.turns) == 0 && r.rotated >= 0 && s.fired[r.rotated] {
		s.turns = append(s.turns, turn{end: int32(len(s.text.Norm)), shift: 13})
	}
}

// maxDecodings is how often codes are looked for in what codes said.
const maxDecodings = 2

// joinDecoded reads spans with their codes undone; hidden says whether invisible characters may be one.
func (s *scratch) joinDecoded(spans []Span, base int, hidden bool) bool {
	alone := len(spans) == 1 && !apart(spans[0].Text) // its codes are undone here
	found := 0
	if alone {
		if found = s.decoders[0].decode(spans[0].Text, hidden); found == 0 {
			return false // what s.text holds is that text
		}
	}
	s.text.Reset()
	s.ends = s.ends[:0]
	for i, sp := range spans {
		text := sp.Text
		closed := apart(text) && s.closed.closeUp(text)
		if closed {
			text = s.closed.out
			found++
		}
		for k := range maxDecodings {
			d := &s.decoders[k]
			if k == 0 && alone {
				text = d.out
				continue
			}
			if k > 0 && !hidden && plain(text) {
				break
			}
			if d.deep = k > 0; d.deep {
				d.was = s.decoders[k-1].said
			}
			n := d.decode(text, hidden)
			found += n
			text = d.out
			if n == 0 {
				break
			}
		}
		start := len(s.text.from)
		s.text.replaces = utf8.Valid(sp.Text)
		s.text.Append(text, 0)
		first, apart := mapper{from: s.decoders[0].from}, mapper{from: s.closed.from}
		for k := start; k < len(s.text.from); k++ { // back through the first decoding, which is as near as it gets
			at := first.original(int(s.text.from[k].orig))
			if closed {
				at = apart.original(at)
			}
			s.text.from[k].orig = int32(min(at, len(sp.Text)))
		}
		s.text.space()
		s.ends = append(s.ends, spanEnd{base + i, len(s.text.Norm), len(sp.Text)})
	}
	s.text.Evidence.Decoded = found
	return found > 0
}

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
func (t *Text) foldSigns() bool {
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
		foldInPlace(norm)
		return true
	}
	norm, k := t.rewrite()
	from := 0 // what is kept next begins here
	for start := 0; start < len(norm); {
		end, seen := signsOfWord(norm, start)
		next := min(end+1, len(norm))
		if seen != 0 {
			k = t.keep(norm, from, start, k)
			k = t.foldWord(norm, start, next, k, norm[start:end])
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

// foldInPlace reads signs as letters where there is no mark to take out.
func foldInPlace(norm []byte) {
	for start := 0; start < len(norm); {
		end, seen := signsOfWord(norm, start)
		if seen != 0 {
			word, before := norm[start:end], byte(0)
			for i, c := range word {
				if signs[c] != 0 {
					word[i] = letterFor(before, word[i:])
				}
				before = c
			}
		}
		start = end + 1
	}
}

// foldWord appends norm[start:next], which is a word and the space behind it, with its signs as letters and without marks inside it.
func (t *Text) foldWord(norm []byte, start, next, k int, word []byte) int {
	before := byte(0)
	for i := start; i < next; i++ {
		c := norm[i]
		if i > start && markup(c) && i-start+1 < len(word) {
			before = c
			continue
		}
		folded := c
		if i-start < len(word) {
			folded = letterFor(before, word[i-start:])
		}
		k = t.put(folded, i, k)
		before = c
	}
	return k
}

// rewrite empties t and returns the normal form that it had, and the first place of it for keep. Both share their memory: what is written never goes beyond
// what was read.
func (t *Text) rewrite() (norm []byte, k int) {
	norm = t.Norm
	t.old = append(t.old[:0], t.from...)
	t.from, t.Norm = t.from[:0], norm[:0]
	return norm, 0
}

// keep appends norm[i:j] with its offsets, of which old[k] or a later one holds at i.
func (t *Text) keep(norm []byte, i, j, k int) int {
	for i < j {
		for k+1 < len(t.old) && int(t.old[k+1].norm) <= i {
			k++
		}
		to := j
		if k+1 < len(t.old) {
			to = min(to, int(t.old[k+1].norm))
		}
		if len(t.old) > 0 {
			t.mark(int(t.old[k].orig) + i - int(t.old[k].norm))
		}
		t.Norm = append(t.Norm, norm[i:to]...)
		i = to
	}
	return k
}

// put appends c for what stood at norm[i], as keep does.
func (t *Text) put(c byte, i, k int) int {
	for k+1 < len(t.old) && int(t.old[k+1].norm) <= i {
		k++
	}
	if len(t.old) > 0 {
		t.mark(int(t.old[k].orig) + i - int(t.old[k].norm))
	}
	t.Norm = append(t.Norm, c)
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
	ahead, back := direction(s.text.Norm[:min(len(s.text.Norm), directionFirst)])
	if ahead <= back {
		ahead, back = direction(s.text.Norm[:min(len(s.text.Norm), directionSample)])
	}
	if back >= minDirection && back > 2*ahead {
		all := s.text.Norm[:min(len(s.text.Norm), directionAll)] // the rest must not deny it
		if ahead, back := direction(all); back > ahead && directionRate*back >= lettersIn(all) {
			return true
		}
	}
	return back >= ahead && fromTheEnd(spans[0].Text, spans[len(spans)-1].Text) && readable(s.text.Norm[:min(len(s.text.Norm), directionSample)])
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
	var count [4]int
	for i := 1; i < len(norm); i++ {
		count[directions[uint(norm[i-1]&31)<<5|uint(norm[i]&31)]&-(letterBit[norm[i-1]]&letterBit[norm[i]])]++
	}
	return count[1], count[2]
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
	case c == '.' && (len(head) < 2 || len(rest) > 0 && (letter(rest[0]) || rest[0] >= utf8.RuneSelf)) || c == '!' || c == '?' || c == '\u202e' || c == '।' || c == '॥' || c == '؟' || c == '۔' || c == '。' || c == '？' || c == '！' || unicode.In(c, unicode.M):
		return true
	}
	return wordwise(head) || endsInCapital(bytes.TrimRight(tail, " \n\t\"'"))
}

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
