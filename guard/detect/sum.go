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

// peak is the highest score of a width, and the block where it ends.
type peak struct {
	score float64
	block int
}

// windows finds the highest window score of each width, in log-odds of the linear model alone. An n-gram counts once in a
// window.
func (m *Model) windows(x *features, seen *seenFilter) (best [scales]peak) {
	if len(seen.stamp) != len(m.weights) {
		seen.stamp, seen.now = make([]uint16, len(m.weights)), 0
	}
	for k := range best {
		best[k].score = math.Inf(-1)
	}
	var ring [wideBlocks]sum
	seen.skip(wideBlocks)
	from := 0
	for i, b := range x.blocks {
		seen.skip(1)
		ring[i%wideBlocks] = m.block(x.hash[from:b.hash], seen)
		from = b.hash
		for k, width := range widths {
			if i < min(width, len(x.blocks))-1 {
				continue // the text goes on: a wider window will hold this
			}
			// The first block of a window counts with all it has: for what a block before the window had too, that is as near as
			// it gets.
			var weight, n int32
			for j := max(0, i-width+1); j <= i; j++ {
				r := &ring[j%wideBlocks]
				weight += r.weight[k]
				n += r.n[k]
			}
			if s := m.logOdds(weight, n); s > best[k].score {
				best[k] = peak{s, i}
			}
		}
	}
	return best
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
