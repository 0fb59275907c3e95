package detect

import "unicode/utf8"

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

// asks returns how much of s.text, which holds the reading k, and of those behind it the model would look at, in bytes: whether that is too much is known
// before any of it is.
func (r *Rules) asks(s *scratch, k reading, spans []Span) int {
	n := len(s.text.Norm)
	if k > rotated {
		return n
	}
	all := 0
	if k < rotated {
		r.findTurns(s)
		for _, t := range s.turns {
			t.put(s.text.Norm)
		}
		all = n
	}
	s.places = around(s.places[:0], s.turns, n)
	all += bytesOf(s.places)
	if s.upside() || s.backwards(r, spans) {
		all += n
		s.full.back = 1
	}
	if k < rotated {
		for _, t := range s.turns {
			t.back(s.text.Norm)
		}
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
		ok, s.full = true, fullness{}
		s.full.asWritten(&s.text, sizeOf(spans))
	case joined:
		if ok = len(spans) > 1; ok {
			s.join(spans, base, false)
		}
	case decoded:
		ok = s.joinDecoded(spans, base, s.text.Evidence.hides())
		s.text.changed = s.text.Evidence.Decoded
		s.full.note(&s.text, len(s.text.Norm))
	case folded:
		n := len(s.text.Norm)
		twins := s.text.foldTwins()
		s.full.note(&s.text, n)
		mended := r.vocabulary.mend(&s.text)
		s.full.note(&s.text, n)
		ok = r.vocabulary.foldSigns(&s.text) || mended || twins
		s.full.note(&s.text, n)
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

// joinDecoded reads spans with their codes undone; hidden says whether invisible characters may be one. Where there are none it leaves s.text as it is.
func (s *scratch) joinDecoded(spans []Span, base int, hidden bool) bool {
	found := 0
	for i, sp := range spans {
		text, n := s.undo(sp.Text, hidden)
		if n > 0 && found == 0 { // what is in front of it has none
			s.join(spans[:i], base, true)
		}
		if found += n; found == 0 {
			continue
		}
		start := len(s.text.from)
		s.text.replaces = utf8.Valid(sp.Text)
		s.text.Append(text, 0)
		first := mapper{from: s.decoders[0].from}
		for k := start; k < len(s.text.from); k++ { // back through the first decoding, which is as near as it gets
			at := first.original(int(s.text.from[k].orig))
			for m := len(s.under) - 1; m >= 0; m-- {
				at = s.under[m].original(at)
			}
			s.text.from[k].orig = int32(min(at, len(sp.Text)))
		}
		s.text.space()
		s.ends = append(s.ends, spanEnd{base + i, len(s.text.Norm), len(sp.Text)})
	}
	s.text.Evidence.Decoded = found
	return found > 0
}

// undo returns a text with what stands before codes taken off and codes undone, and how many of those there were. Each layer is taken off whether or not there is another:
// none shields the next.
func (s *scratch) undo(text []byte, hidden bool) (out []byte, found int) {
	s.under = s.under[:0]
	taken := func(d *decoder, n int) {
		text, found, s.under = d.out, found+n, append(s.under, mapper{from: d.from})
	}
	if d := &s.layers[0]; d.colours(text) {
		taken(d, 1)
	}
	if d := &s.layers[1]; apart(text) && d.closeUp(text) {
		taken(d, 1)
	}
	d := &s.layers[2]
	if n := d.rows(text); n > 0 {
		taken(d, n)
	}
	if d := &s.layers[3]; d.pluses(text) {
		taken(d, 0) // the escapes beside them count
	}
	for k := range s.decoders {
		d := &s.decoders[k]
		if d.deep = k > 0; d.deep {
			d.was = s.decoders[k-1].said
		}
		n := d.decode(text, hidden)
		if n == 0 {
			break
		}
		text = d.out
		found += n
	}
	return text, found
}
