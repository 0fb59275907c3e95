package detect

import "math"

// Windows of three widths, in blocks: a sentence, a paragraph, a page of a small screen. The model is trained on the widest; the
// others find an attack that is shorter than its surroundings.
const (
	scales     = 3
	midBlocks  = 3
	wideBlocks = 6
)

var widths = [scales]int{1, midBlocks, wideBlocks}

// seenFilter is the memory of one scan: in which block each n-gram was seen last, beside its weight. The two are read and written
// together, and a table of both is one cache line for each n-gram where two tables are two.
type seenFilter struct {
	model *Model
	entry []uint32 // block<<8 | weight + 128
	now   uint32
}

// maxBlocks bounds the clock: with it the memory is made again.
const maxBlocks = 1<<24 - 1

// sum is what a block has: the weights of its n-grams that are new in the block, in a middle window and in a wide one.
type sum struct{ weight, n [scales]int32 }

// peak is the highest score of a width, and where its window is in the normal form.
type peak struct {
	score      float64
	start, end int
}

// windows finds the highest window score of each width, in log-odds of the linear model alone, and counts blocks. An n-gram
// counts once in a window; what a block in front of the window had too does not count, which is as near as one pass gets.
func (m *Model) windows(norm []byte, x *features, seen *seenFilter) (best [scales]peak, blocks int) {
	if seen.model != m {
		*seen = seenFilter{model: m, entry: make([]uint32, len(m.weights)), now: maxBlocks}
	}
	for k := range best {
		best[k].score = math.Inf(-1)
	}
	var ring [wideBlocks]sum
	var ends [wideBlocks + 1]int // of the blocks before, in the normal form
	if seen.now += wideBlocks; int(seen.now)+len(norm)/minBlock >= maxBlocks {
		seen.forget() // not among the blocks of a text
	}
	x.start()
	for x.block(norm) {
		if seen.now++; seen.now >= maxBlocks { // a text of 600 MB
			seen.forget()
		}
		ring[blocks%wideBlocks] = seen.block(x.hashes())
		blocks++
		ends[blocks%len(ends)] = x.end
		for k, width := range widths {
			if blocks < width && x.end < len(norm) {
				continue // the text goes on: a full window will hold this
			}
			var weight, n int32
			for j := max(0, blocks-width); j < blocks; j++ {
				r := &ring[j%wideBlocks]
				weight += r.weight[k]
				n += r.n[k]
			}
			if s := m.logOdds(weight, n); s > best[k].score {
				best[k] = peak{s, ends[max(0, blocks-width)%len(ends)], x.end}
			}
		}
	}
	if blocks == 0 {
		for k := range best {
			best[k].score = m.card.Bias
		}
	}
	return best, max(blocks, 1)
}

// forget makes the memory new.
func (s *seenFilter) forget() {
	for i, w := range s.model.weights {
		s.entry[i] = uint32(int(w) + 128)
	}
	s.now = wideBlocks
}

// block sums the weights of the n-grams of a block. No branch asks how long ago an n-gram was seen: the sums are taken by age.
func (s *seenFilter) block(grams []uint32) (out sum) {
	var ages [8]uint64 // by age, up to wideBlocks and what is older: number<<32 | sum of weights
	now, scale, entries := s.now<<8|0xff, uint64(len(s.entry)), s.entry
	for _, h := range grams {
		k := uint64(h) * scale >> 32
		if k >= uint64(len(entries)) {
			break // never
		}
		e := entries[k]
		entries[k] = now&^0xff | e&0xff
		age := int32((now - e) >> 8)
		age |= (wideBlocks - age) >> 31
		ages[age&7] += 1<<32 | uint64(e&0xff)
	}
	for k, width := range widths {
		for age := width; age < len(ages); age++ {
			n := int32(ages[age] >> 32)
			out.n[k] += n
			out.weight[k] += int32(uint32(ages[age])) - 128*n
		}
	}
	return out
}

func (m *Model) logOdds(sum, n int32) float64 {
	return float64(sum)*m.card.Scale/math.Sqrt(float64(max(n, 1))) + m.card.Bias
}
