package detect

import (
	"math"
	"math/bits"
)

// A long text is judged by regions: what stands pages apart has nothing to do with one another, and rules that are weak signs each would add up over a manual
// or a licence. A region is two neighbouring cells, so that what is shorter than a cell stands whole in one, wherever it stands.

// cellBytes is the length of a cell, in bytes of a normal form. Of attacks and of harmless texts that are longer than two, less than that tells as well as all of it.
const cellBytes = 512

// A cell is what was seen in a stretch of a reading.
type cell struct {
	peaks [scales]peak // the highest windows that end there
	known familiarity
	rules uint64 // that fired there
}

// cellsOf returns empty cells for a normal form of n bytes.
func cellsOf(cells []cell, n int) []cell {
	cells = cells[:0]
	for range max(n-1, 0)/cellBytes + 1 {
		var c cell
		for k := range c.peaks {
			c.peaks[k].score = math.Inf(-1)
		}
		cells = append(cells, c)
	}
	return cells
}

// join is a cell that has what both have.
func (c cell) join(d cell) cell {
	for k, p := range d.peaks {
		if p.score > c.peaks[k].score {
			c.peaks[k] = p
		}
	}
	c.known.size, c.known.n = c.known.size+d.known.size, c.known.n+d.known.n
	c.rules |= d.rules
	return c
}

// A sight is what is seen in a reading.
type sight struct {
	Score         // of the region that looks most like an attack; its value lacks how much the model knows of the words
	fired  uint64 // rules, anywhere in the reading
	hidden bool   // letters were put back to read it so
}

// highest returns what is seen in cells of a reading that the model looked at so many blocks of, and the highest middle window of that region. It reports false
// where the model looked at nothing.
func (c *Classifier) highest(cells []cell, blocks int, trust Trust) (best sight, middle peak, ok bool) {
	most := math.Inf(-1)
	var fired uint64
	for i, here := range cells {
		fired |= here.rules
		if i+1 < len(cells) {
			here = here.join(cells[i+1])
		} else if i > 0 {
			continue
		}
		if math.IsInf(here.peaks[0].score, -1) {
			continue
		}
		one := Score{Blocks: blocks, Known: here.known.share(), Rules: here.rules}
		for k, p := range here.peaks {
			if math.IsInf(p.score, -1) { // a text begins with fewer blocks than are as wide
				p = here.peaks[k-1]
				here.peaks[k] = p
			}
			one.Windows[k] = p.score
		}
		one.Value = c.windows(&one) + c.worth(one.Rules, trust)
		if v := one.Value + c.model.card.Combine.Known*one.Known; v > most {
			most = v
			best.Score, middle, ok = one, here.peaks[1], true
		}
	}
	best.fired = fired
	return best, middle, ok
}

// worth is what rules add to a score.
func (c *Classifier) worth(rules uint64, trust Trust) (v float64) {
	for ; rules != 0; rules &= rules - 1 {
		v += c.weight[trust][bits.TrailingZeros64(rules)]
	}
	return v
}

// windows turns what the model saw in a region into log-odds, but for how much it knows.
func (c *Classifier) windows(s *Score) float64 {
	k := &c.model.card.Combine
	v := k.Bias + float64(k.Length*s.Length())
	for i, w := range s.Windows {
		v += float64(k.Windows[i] * w)
	}
	return v
}
