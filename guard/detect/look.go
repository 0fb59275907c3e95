package detect

import "math"

// What the model looks at of a text: its readings, as far as they are not more than twice the text.

// scoring is the state of one scan; it holds text and is cleared before it is pooled.
type scoring struct {
	*scratch
	features features
	seen     seenFilter
	findings []Finding
	sights   []sight // of the readings that the model looked at
	unseen   uint64  // rules that fired in others
	spent    int     // bytes of normal forms that the model looked at
}

// A place is what the model looks at of a normal form at once.
type place struct{ start, end int }

// bytesOf returns how many bytes places have.
func bytesOf(places []place) (n int) {
	for _, p := range places {
		n += p.end - p.start
	}
	return n
}

// unread is the score of a text of which something was not looked at: decoys hide nothing. It is above what [Scores] can tell apart.
const unread = 1000

// sizeOf returns how many bytes the texts of spans have.
func sizeOf(spans []Span) (n int) {
	for _, sp := range spans {
		n += len(sp.Text)
	}
	return n
}

// fullLook returns how much one look at a text of the given size is, in bytes, whose normal form has n; the model looks at twice as much and no more. No harmless text
// that is known asks for more: of half as much again, one file in 500 did. Of invisible characters the normal form has nothing, and what they say is not longer
// than they are.
func fullLook(n, size int) int { return max(n, size) + lookSlack }

// lookSlack is for short texts: two looks at a line cost nothing that matters, and each reading may be a space longer than the one before.
const lookSlack = 24

// score judges spans of one trust as one text.
func (c *Classifier) score(s *scoring, spans []Span, base int, findings []Finding) (Score, []Finding) {
	trust := min(spans[0].Trust, TrustOperator)
	clear(s.fired)
	s.sights, s.unseen, s.spent = s.sights[:0], 0, 0
	first, last := len(findings), spans[len(spans)-1].Text
	one, waits, cut := 0, false, false
	for k := asWritten; ; k++ {
		k = c.rules.next(s.scratch, k, spans, base)
		if k == asWritten {
			findings = evidence(s.scratch, findings)
			one = fullLook(len(s.text.Norm), sizeOf(spans))
		}
		if s.text.unsettled {
			spaces := waits && c.rules.asks(s.scratch, k, spans) > one
			if s.text.settle(spaces); !spaces { // letters stand elsewhere
				s.looked, s.felt = false, false
			}
		}
		if k < readings {
			s.cells = cellsOf(s.cells, len(s.text.Norm))
			findings = c.rules.words(s.scratch, trust, findings)
		}
		if k == asWritten && s.full.atOnce() && len(findings) > first && trust < TrustOperator { // nothing is undone
			s.unread(s.cells)
			cut = true
			break
		}
		if waits { // to see what is asked of the model, before it looks at any of it
			waits = false
			asked, full := 0, s.full.many()
			if k > joined && k < readings && !full {
				asked = c.rules.asks(s.scratch, k, spans)
				full = s.full.many()
			}
			cut = full || asked > 2*one
			if !full && asked <= one || trust == TrustOperator {
				s.places = append(s.places[:0], place{0, len(s.first.Norm)})
				c.look(s, &s.first, s.firstCells, last, trust, false)
			} else { // what is undone holds the rest of the text too
				s.unread(s.firstCells)
			}
		}
		if k == readings {
			break
		}
		if k <= joined {
			s.first.hold(&s.text)
			s.firstCells, s.cells = s.cells, s.firstCells
			s.spent, waits = 0, true // spans that are read both ways are looked at both ways
			continue
		}
		s.places = s.places[:0]
		if k == rotated {
			s.places = around(s.places, s.turns, len(s.text.Norm))
		} else if len(s.text.Norm) > 0 {
			s.places = append(s.places, place{0, len(s.text.Norm)})
		}
		if cut = cut || s.spent+bytesOf(s.places) > 2*one; cut {
			s.unread(s.cells)
			continue
		}
		c.look(s, &s.text, s.cells, last, trust, true)
	}
	align(findings[first:], spans, base)
	s.forget()
	s.features = features{}
	out := c.together(s.sights, s.unseen, trust)
	if out.Unread = cut; cut && trust < TrustOperator {
		out.Value, out.Start, out.End = unread, 0, len(last)
	}
	out.Start, out.End = whole(last, out.Start, out.End)
	return out, findings
}

// look has the model judge the places of a reading, beside the rules that fired in its cells.
func (c *Classifier) look(s *scoring, t *Text, cells []cell, last []byte, trust Trust, hidden bool) {
	blocks := 0
	s.spent += bytesOf(s.places)
	for _, p := range s.places {
		blocks += c.model.windows(t.Norm[p.start:p.end], p.start, &s.features, &s.seen, cells)
	}
	seen, middle, ok := c.highest(cells, blocks, trust)
	if !ok {
		s.unseen |= seen.fired
		return
	}
	seen.hidden = hidden
	seen.End = min(t.Original(max(middle.end-1, 0))+1, len(last))
	seen.Start = min(t.Original(middle.start), seen.End)
	s.sights = append(s.sights, seen)
}

// unread notes the rules of a reading that the model does not look at.
func (s *scoring) unread(cells []cell) {
	for _, here := range cells {
		s.unseen |= here.rules
	}
}

// together is the score of a text that was read in some ways: that of the reading that looks most like an attack, with rules that fired in others alone.
func (c *Classifier) together(sights []sight, fired uint64, trust Trust) Score {
	undone := 0.0
	for i := range sights {
		fired |= sights[i].fired
		if sights[i].hidden {
			undone = max(undone, sights[i].Known)
		}
	}
	out := sight{Score: Score{Value: math.Inf(-1), Rules: fired}}
	for _, s := range sights {
		s.Value += c.worth(fired&^s.fired, trust)
		s.Rules |= fired &^ s.fired
		if s.Value > out.Value {
			out = s
		}
	}
	if !out.hidden { // letters out of place are no language that the model knows little of
		out.Known = max(out.Known, undone)
	}
	out.Value += float64(c.model.card.Combine.Known * out.Known)
	return out.Score
}
