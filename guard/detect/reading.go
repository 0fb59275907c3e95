package detect

import (
	"slices"
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
	rotated            // ROT13
	reversed           // backwards
	readings
)

// signsOfFolding is the number of words with such digits or marks from which they are a disguise: identifiers and units have
// them too.
const signsOfFolding = 2

// maxApart bounds what a text can ask for, in bytes. Of a longer one codes, digits and shuffled words are undone one after the other and
// what comes out is looked at once; and of that and of the text rotated and reversed the model looks at half as much again as the text
// has. What is cut is of texts rotated or reversed, whose sign is a finding already; the rules read all of it.
const maxApart = 8 << 10

// next prepares s.text for the next reading from k on that is to be looked at; it returns readings behind the last.
func (r *Rules) next(s *scratch, k reading, spans []Span, base int) reading {
	size := 0
	for _, sp := range spans {
		size += len(sp.Text)
	}
	long := size > maxApart
	for changed := false; k < readings; k++ {
		changed = r.read(s, k, spans, base) || changed
		if changed && (!long || k != decoded && k != folded) {
			break
		}
	}
	return k
}

// further returns how much of the readings behind the first two the model looks at, in bytes, of a text whose normal form has n.
func further(n int) int {
	if n > maxApart {
		return n + n/2
	}
	return maxApart * int(readings)
}

// read prepares s.text for a reading of spans, whose first has index base. It reports false where the reading says nothing
// new. Readings are tried in order: the later ones change the text of those before.
func (r *Rules) read(s *scratch, k reading, spans []Span, base int) bool {
	ok := false
	switch k {
	case asWritten:
		s.join(spans, base, true)
		ok = true
	case joined:
		if ok = len(spans) > 1; ok {
			s.join(spans, base, false)
		}
	case decoded:
		ok = slices.ContainsFunc(spans, func(sp Span) bool { return !plain(sp.Text) }) && s.joinDecoded(spans, base)
	case folded:
		ok = s.text.foldSigns()
	case unshuffled:
		ok = r.vocabulary.restore(s.text.Norm)
	case rotated:
		ok = r.rotated >= 0 && s.fired[r.rotated]
		if ok {
			s.text.rotate()
		}
	case reversed:
		ok = r.reversed >= 0 && s.fired[r.reversed]
		if ok {
			if s.rotated {
				s.text.rotate() // back
			}
			s.text.reverse()
		}
	}
	s.rotated = ok && k == rotated
	s.used = max(s.used, len(s.text.Norm))
	return ok
}

// maxDecodings is how often codes are looked for in what codes said.
const maxDecodings = 2

// joinDecoded reads spans with their codes undone.
func (s *scratch) joinDecoded(spans []Span, base int) bool {
	if len(spans) == 1 && s.decoders[0].decode(spans[0].Text) == 0 {
		return false // what s.text holds is that text
	}
	s.text.Reset()
	s.ends = s.ends[:0]
	found := 0
	for i, sp := range spans {
		text := sp.Text
		for k := range maxDecodings {
			d := &s.decoders[k]
			n := d.decode(text)
			found += n
			text = d.out
			if n == 0 {
				break
			}
		}
		start := len(s.text.from)
		s.text.Append(text, 0)
		for k := start; k < len(s.text.from); k++ { // back through the first decoding, which is as near as it gets
			s.text.from[k].orig = int32(min(s.decoders[0].original(int(s.text.from[k].orig)), len(sp.Text)))
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

const (
	isSign   = 1
	isMarkup = 2
)

// foldSigns reads digits and signs inside words as letters and takes marks out of words, where enough words have them.
// Bytes are replaced or dropped, never added.
func (t *Text) foldSigns() bool {
	n, norm := 0, t.Norm
	for at := 0; at < len(norm) && n < signsOfFolding; at += 8 {
		if p := norm[at:]; len(p) >= 8 && maySign[p[0]]|maySign[p[1]]|maySign[p[2]]|maySign[p[3]]|maySign[p[4]]|maySign[p[5]]|maySign[p[6]]|maySign[p[7]] == 0 {
			continue
		}
		for i, c := range norm[at:min(at+8, len(norm))] {
			if i += at; maySign[c] == 0 || i == 0 || i+1 >= len(norm) {
				continue
			}
			before, after := letter(norm[i-1]), letter(norm[i+1])
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
	t.old = append(t.old[:0], t.from...)
	t.from, t.Norm = t.from[:0], norm[:0]
	k := 0
	for start := 0; start < len(norm); {
		end, letters, seen := start, 0, uint8(0)
		for ; end < len(norm) && norm[end] != ' '; end++ {
			letters += int(letterBit[norm[end]])
			seen |= maySign[norm[end]]
		}
		next := min(end+1, len(norm))
		if seen == 0 || letters == 0 && end-start > 2 {
			k = t.keep(norm, start, next, k)
		} else {
			k = t.foldWord(norm, start, next, k, norm[start:end], seen&isMarkup != 0)
		}
		start = next
	}
	return true
}

// foldWord appends norm[start:next], which is a word and the space behind it, with its signs as letters and without marks inside it.
func (t *Text) foldWord(norm []byte, start, next, k int, word []byte, marks bool) int {
	c := letterFor(word, 0)
	k = t.keep(norm, start, start+1, k)
	t.Norm[len(t.Norm)-1] = c
	i := start + 1
	if !marks && (k+1 >= len(t.old) || int(t.old[k+1].norm) >= next) { // byte by byte behind the first
		for ; i < next; i++ {
			if c = norm[i]; signs[c] != 0 {
				c = letterFor(word, i-start)
			}
			t.Norm = append(t.Norm, c)
		}
	}
	for ; i < next; i++ {
		if c = norm[i]; markup(c) && i-start+1 < len(word) {
			continue
		}
		c = letterFor(word, i-start)
		k = t.keep(norm, i, i+1, k)
		t.Norm[len(t.Norm)-1] = c
	}
	return k
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

// letterFor returns the letter that word[i] stands for, or word[i].
func letterFor(word []byte, i int) byte {
	if i >= len(word) {
		return ' '
	}
	c := word[i]
	switch {
	case signs[c] == 0:
		return c
	case (c == '!' || c == '+') && i+2 >= len(word): // the end of a sentence
		return c
	case c == '1' && (i > 0 && word[i-1] == '1' || i+1 < len(word) && word[i+1] == '1'): // "a11", "wi11"
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

// rotate reads ROT13.
func (t *Text) rotate() {
	for i, c := range t.Norm {
		t.Norm[i] = rotations[c]
	}
}

var rotations = func() (t [256]byte) {
	for c := range 256 {
		if t[c] = byte(c); letter(byte(c)) {
			t[c] = 'a' + (byte(c)-'a'+13)%26
		}
	}
	return t
}()

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
