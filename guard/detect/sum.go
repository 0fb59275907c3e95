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

// seenFilter is the memory of one scan: in which block each n-gram was seen last.
type seenFilter struct {
	stamp []uint16
	now   uint16
}

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
	if len(seen.stamp) != len(m.weights) {
		seen.stamp, seen.now = make([]uint16, len(m.weights)), 0
	}
	for k := range best {
		best[k].score = math.Inf(-1)
	}
	var ring [wideBlocks]sum
	var ends [wideBlocks + 1]int // of the blocks before, in the normal form
	seen.skip(wideBlocks)
	x.start()
	for x.block(norm) {
		seen.skip(1)
		ring[blocks%wideBlocks] = m.block(x.hash, seen)
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

// skip moves the clock on by n blocks; before it wraps, everything is forgotten.
func (s *seenFilter) skip(n uint16) {
	if s.now > math.MaxUint16-n {
		clear(s.stamp)
		s.now = wideBlocks
	}
	s.now += n
}

// block sums the weights of the n-grams of a block.
func (m *Model) block(hash []uint32, seen *seenFilter) sum {
	var own, mid, wide, ownN, midN, wideN int32
	now := seen.now
	weights, stamps, shift := m.weights, seen.stamp, m.shift
	if len(stamps) < len(weights) {
		return sum{}
	}
	for _, h := range hash {
		k := h >> (shift & 31)
		age := now - stamps[k]
		if age == 0 {
			continue
		}
		stamps[k] = now
		w := int32(weights[k])
		own += w
		ownN++
		if age >= midBlocks {
			mid += w
			midN++
			if age >= wideBlocks {
				wide += w
				wideN++
			}
		}
	}
	return sum{[scales]int32{own, mid, wide}, [scales]int32{ownN, midN, wideN}}
}

func (m *Model) logOdds(sum, n int32) float64 {
	return float64(sum)*m.card.Scale/math.Sqrt(float64(max(n, 1))) + m.card.Bias
}
