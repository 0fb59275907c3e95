package detect

import (
	"context"
	"sync"
	"unicode"
	"unicode/utf8"
)

// scratch is the state of one scan; it holds text and is cleared before it is pooled.
type scratch struct {
	text       Text
	first      Text  // what it was before anything is undone, for a model that waits to see how much there is
	at         []int // end of the latest match of each rule's steps so far, +1; 0 = none
	prev       []int // end of the latest match before that one: its word may belong to the next step ("your hidden instructions")
	fired      []bool
	here       uint64   // rules that are not looked for: they fired, in this cell if there are cells
	asked      []uint16 // by class: how many steps of the others ask for it
	cells      []cell   // of a reading, for a model to judge; nil where rules are all that is asked for
	firstCells []cell   // of first
	ends       []spanEnd
	used       int // of the memory of text, in bytes
	hits       hits
	turns      []turn // of the text, as it was read last
	looked     bool   // they are known
	back       bool   // what stands in the text goes from its end to its beginning
	felt       bool   // whether it does is known
	full       fullness
	places     []place // that are looked at of the text, as it was read last

	decoders [maxDecodings]decoder
	layers   [4]decoder // what stands before codes: colours of a terminal, letters that are set apart, rows of numbers, and pluses of a form
	under    []mapper   // back through those that there were, the outermost first
}

type spanEnd struct{ index, norm, size int } // size of the span's text, in bytes

// maxScratch is the largest buffer that is kept for the next scan, in bytes.
const maxScratch = 1 << 18

// Detect scans every span. Neighbouring spans of the same role and trust are read as one text, with and without space
// between them, since backends join them either way. It reports each rule once for each such text.
func (r *Rules) Detect(_ context.Context, v View, findings []Finding) ([]Finding, error) {
	s := r.pool.Get().(*scratch)
	for i := 0; i < len(v.Spans); {
		j := i + 1
		for j < len(v.Spans) && v.Spans[j].Role == v.Spans[i].Role && v.Spans[j].Trust == v.Spans[i].Trust {
			j++
		}
		findings = r.scan(s, v.Spans[i:j], i, findings)
		i = j
	}
	if s.small() {
		r.pool.Put(s)
	}
	return findings, nil
}

// scan reads spans, whose first has index base in the view.
func (r *Rules) scan(s *scratch, spans []Span, base int, findings []Finding) []Finding {
	clear(s.fired)
	r.begin(s, spans[0].Trust)
	first := len(findings)
	for k := r.next(s, 0, spans, base); k < readings; k = r.next(s, k+1, spans, base) {
		if k == asWritten {
			findings = evidence(s, findings)
		}
		s.text.settle(false)
		findings = r.words(s, spans[0].Trust, findings)
	}
	align(findings[first:], spans, base)
	s.forget()
	return findings
}

// begin looks for all rules again.
func (r *Rules) begin(s *scratch, trust Trust) {
	s.here = 0
	s.asked = append(s.asked[:0], r.asked[min(trust, TrustOperator)]...)
}

// fire notes that a rule fired: classes that no other asks for need not be looked at again.
func (r *Rules) fire(s *scratch, rule int) {
	s.here |= 1 << rule
	for _, class := range r.classes[rule] {
		s.asked[class]--
	}
}

// small reports whether s may be kept.
func (s *scratch) small() bool {
	n := max(cap(s.text.Norm), cap(s.first.Norm))
	for k := range s.layers {
		n = max(n, cap(s.layers[k].out))
	}
	for k := range s.decoders {
		n = max(n, cap(s.decoders[k].out))
	}
	return n <= maxScratch
}

// forget clears what the scan read.
func (s *scratch) forget() {
	clear(s.text.Norm[:min(s.used+lowerStep, cap(s.text.Norm))]) // many bytes at a time are written, and fewer kept
	s.used = 0
	clear(s.first.Norm)
	s.first.Norm = s.first.Norm[:0]
	for k := range s.decoders {
		s.decoders[k].forget()
	}
	for k := range s.layers {
		s.layers[k].forget()
	}
}

// join normalises spans to one text.
func (s *scratch) join(spans []Span, base int, spaced bool) {
	s.text.Reset()
	s.ends = s.ends[:0]
	for i, sp := range spans {
		s.text.Append(sp.Text, 0)
		if spaced {
			s.text.space()
		}
		s.ends = append(s.ends, spanEnd{base + i, len(s.text.Norm), len(sp.Text)})
	}
}

// words looks for the rules that did not fire yet; where there are cells, for all of them in each.
func (r *Rules) words(s *scratch, trust Trust, findings []Finding) []Finding {
	clear(s.at)
	clear(s.prev)
	trust = min(trust, TrustOperator)
	a, at, cell, norm := r.auto, state(0), -1, s.text.Norm
	for start := 0; start < len(norm); start += scanPiece {
		var n int
		at, n = a.scan(at, norm[start:min(start+scanPiece, len(norm))], &s.hits)
		if start+scanPiece >= len(norm) && at.ends() {
			s.hits[n] = hit{at, int32(len(norm) - start)}
			n++
		}
		for _, h := range s.hits[:n] {
			end := start + int(h.end)
			if k := (end - 1) / cellBytes; s.cells != nil && k != cell {
				cell = k
				r.begin(s, trust)
			}
			was := s.here
			findings = r.match(s, a.outs[a.number(h.state)], trust, end, findings)
			if s.cells != nil && s.here != was {
				s.cells[cell].rules = s.here
			}
		}
	}
	return findings
}

// match takes the patterns that end before end.
func (r *Rules) match(s *scratch, patterns []int32, trust Trust, end int, findings []Finding) []Finding {
	for _, p := range patterns {
		w := &r.patterns[p]
		if s.asked[w.class] == 0 {
			continue
		}
		start := end - int(w.length)
		if w.whole && !standsAlone(s.text.Norm, start, end) {
			continue
		}
		for _, st := range r.steps[w.class] {
			if !r.applies[st.rule][trust] || s.here>>st.rule&1 == 1 || !r.advance(s, st, start, end) {
				continue
			}
			r.fire(s, st.rule)
			if !s.fired[st.rule] && r.rules[st.rule].Severity > 0 {
				findings = append(findings, r.finding(s, st.rule, start, end))
			}
			s.fired[st.rule] = true
		}
	}
	return findings
}

// advance moves a rule on and reports whether it is complete.
func (r *Rules) advance(s *scratch, st step, start, end int) bool {
	slot := st.slot
	if st.k > 0 {
		before := s.at[slot-1] - 1
		if start < before {
			before = s.prev[slot-1] - 1
		}
		if before < 0 || start < before || start-before > r.rules[st.rule].Gap {
			return false
		}
	}
	if s.at[slot] != end+1 {
		s.prev[slot], s.at[slot] = s.at[slot], end+1
	}
	return st.last
}

func (r *Rules) finding(s *scratch, rule, start, end int) Finding {
	f := Finding{Rule: r.rules[rule].ID, Category: r.rules[rule].Category}
	f.Span, f.Start, f.End = s.locate(start, end)
	return f
}

// locate maps a range of the normalised text to the span where it ends.
func (s *scratch) locate(start, end int) (span, from, to int) {
	k := 0
	for k < len(s.ends)-1 && s.ends[k].norm < end {
		k++
	}
	e := s.ends[k] // readings that move text about point near what they found, never outside
	to = min(s.text.Original(end-1)+1, e.size)
	if k > 0 && start < s.ends[k-1].norm {
		return e.index, 0, to
	}
	return e.index, min(s.text.Original(start), to), to
}

// standsAlone reports whether norm[start:end] is no part of a longer word. Next to ASCII only ASCII goes on with a word:
// accents and look-alikes are folded by now, and what else stands there is a quotation mark, an emoji or another script.
func standsAlone(norm []byte, start, end int) bool {
	if start > 0 {
		if c := norm[start-1]; c < utf8.RuneSelf && word[c] {
			return false
		} else if c >= utf8.RuneSelf && norm[start] >= utf8.RuneSelf {
			if r, _ := utf8.DecodeLastRune(norm[:start]); inWord(r) {
				return false
			}
		}
	}
	if end < len(norm) {
		if c := norm[end]; c < utf8.RuneSelf && word[c] {
			return false
		} else if c >= utf8.RuneSelf && norm[end-1] >= utf8.RuneSelf {
			if r, _ := utf8.DecodeRune(norm[end:]); inWord(r) {
				return false
			}
		}
	}
	return true
}

func inWord(r rune) bool {
	switch {
	case r <= lastGlyph:
		return wordRunes()[r]
	case r >= 0x1f000 && r < 0x20000 || r >= 0x2010 && r < 0x2070 || r == utf8.RuneError: // emoji and punctuation
		return false
	case r >= 0x4e00 && r < 0xa000 || r >= 0xac00 && r <= 0xd7a3 || r >= firstCherokee && r <= lastCherokee || r >= 0x3041 && r <= 0x3096:
		return true
	}
	return unicode.In(r, unicode.L, unicode.M, unicode.N)
}

// wordRunes is a constant that takes time to work out.
var wordRunes = sync.OnceValue(func() *[lastGlyph + 1]bool {
	t := new([lastGlyph + 1]bool)
	for r := range t {
		t[r] = unicode.In(rune(r), unicode.L, unicode.M, unicode.N)
	}
	return t
})
