package detect

import (
	"math"
	"math/bits"
)

// Windows of three widths, in blocks: a sentence, a paragraph, a page of a small screen. The model is trained on the widest; the
// others find an attack that is shorter than its surroundings.
const (
	scales     = 3
	midBlocks  = 3
	wideBlocks = 6
)

var widths = [scales]int{1, midBlocks, wideBlocks}

// seenFilter is the memory of one scan: when each n-gram was seen last, beside its weight. The two are read together, and a table of
// both is one cache line for each n-gram where two tables are two. It outlives the scan: clearing it would cost more than a chat. What it
// tells is which of 2^18 hashes came up lately.
type seenFilter struct {
	model *Model
	entry []uint32 // time when the n-gram was seen last << weightBits | weight + 128
	now   uint32   // ticks
}

const (
	weightBits = 8
	maxWeight  = 1<<weightBits - 1
)

// A block takes ticksPerBlock ticks: of the age of an n-gram in ticks, the number of bits alone says in which widths it is new.
const ticksPerBlock = 3

// endOfTime is where the clock is set back.
const endOfTime = 1<<(32-weightBits) - 1 - wideBlocks*ticksPerBlock

// sum is what a block has: the weights of its n-grams that are new in the block, in a middle window and in a wide one.
type sum struct{ weight, n [scales]int32 }

// add adds what meanings sum up to: each is worth [Strength] n-grams, and its square in the length of the vector.
func (s *sum) add(m *sum) {
	for k := range m.n {
		s.weight[k] += Strength * m.weight[k]
		s.n[k] += Strength * Strength * m.n[k]
	}
}

// peak is the highest score of a width, and where its window is in the normal form.
type peak struct {
	score      float64
	start, end int
}

// windows finds the highest score of each width of the windows that end in each cell, of the linear model alone, and how much the model knows of the words there. It
// counts blocks. An n-gram counts once in a window; what a block in front of the window had too does not count, which is as near as one pass gets. The text
// begins at start in cells.
func (m *Model) windows(norm []byte, start int, x *features, seen *seenFilter, cells []cell) (blocks int) {
	if seen.model != m {
		*seen = seenFilter{model: m, entry: make([]uint32, len(m.weights))}
		for i, w := range m.weights {
			seen.entry[i] = uint32(int(w) + 128)
		}
	}
	var ring [8]sum              // of the last blocks: wideBlocks of them, and the one that is new
	var total sum                // of each width, over the last blocks
	var ends [wideBlocks + 1]int // of the blocks before, in the normal form
	seen.pass(wideBlocks)
	x.start()
	for x.next(norm) {
		seen.pass(1)
		seen.block(x, norm)
		here := &ring[blocks%len(ring)]
		seen.sum(x.grams[:], min(x.n, maxGrams), here)
		if means := &x.meanings; means.n > 0 {
			var meant sum
			seen.visit(means.hashes())
			seen.sum(means.grams[:], means.n, &meant)
			here.add(&meant)
		}
		to := &cells[(start+x.end-1)/cellBytes]
		to.known.add(x, blocks)
		for k, width := range widths {
			total.weight[k] += here.weight[k]
			total.n[k] += here.n[k]
			if blocks >= width {
				gone := &ring[(blocks-width)%len(ring)]
				total.weight[k] -= gone.weight[k]
				total.n[k] -= gone.n[k]
			}
		}
		blocks++
		ends[blocks%len(ends)] = x.end
		for k, width := range widths {
			if blocks < width && x.end < len(norm) {
				continue // the text goes on: a full window will hold this
			}
			if s := m.logOdds(total.weight[k], total.n[k]); s > to.peaks[k].score {
				to.peaks[k] = peak{s, start + ends[max(0, blocks-width)%len(ends)], start + x.end}
			}
		}
	}
	if blocks == 0 {
		for k := range cells[0].peaks {
			cells[0].peaks[k].score = m.card.Bias
		}
	}
	return max(blocks, 1)
}

// pass moves the clock on by n blocks, up to wideBlocks.
func (s *seenFilter) pass(n uint32) {
	if s.now > endOfTime { // all that was seen in the last wideBlocks stays as old as it is
		const now = wideBlocks * ticksPerBlock
		for i, e := range s.entry {
			age := min(s.now-e>>weightBits, now)
			s.entry[i] = (now-age)<<weightBits | e&maxWeight
		}
		s.now = now
	}
	s.now += n * ticksPerBlock
}

// block finishes the block of which x read the units. In place of the n-grams it leaves their entries as they were, [features.block] says in which order.
func (s *seenFilter) block(x *features, norm []byte) {
	seen := 2 * x.last
	if x.flags&wide != 0 { // the n-grams of characters may be words
		seen = 0
		x.characters(x.last)
	} else {
		s.characters(x)
	}
	x.finish(norm)
	s.visit(x.grams[seen:min(x.n, maxGrams)])
}

// visitGo enters the time for hashes of n-grams, and leaves entries as they were in place of them. Nothing here waits for what an entry says.
func (s *seenFilter) visitGo(grams []uint32) {
	entries, size, now := s.entry, uint64(len(s.entry)), s.now<<weightBits
	for i, h := range grams {
		k := uint64(h) * size >> 32
		if k >= uint64(len(entries)) {
			break // never
		}
		e := entries[k]
		grams[i] = e
		entries[k] = now + e&maxWeight
	}
}

// charactersGo does the same for the n-grams of three and four characters of a block.
func (s *seenFilter) charactersGo(x *features) {
	x.characters(x.last)
	s.visitGo(x.grams[:2*x.last])
}

// sumGo is what n entries come to, as they were before the block. Three sums travel in one word, one for each width: no branch asks which of them an n-gram counts in. A
// block has at most maxGrams n-grams of a byte each, so that no sum reaches the next.
func (s *seenFilter) sumGo(entries []uint32, n int, out *sum) {
	var weight, number uint64
	now := s.now<<weightBits | maxWeight
	for _, e := range entries[:n] {
		ones := counts[bits.LeadingZeros32(now-e)]
		weight += uint64(e&maxWeight) * ones
		number += ones
	}
	for k := range out.n {
		out.n[k] = int32(number >> (k * sumBits) & sumMask)
		out.weight[k] = int32(weight>>(k*sumBits)&sumMask) - 128*out.n[k]
	}
}

const (
	sumBits = 21
	sumMask = 1<<sumBits - 1
)

// counts has a one in each sum in which an n-gram counts, by the number of zeros in front of its age in ticks, shifted by weightBits.
var counts = func() (t [33]uint64) {
	for age := range wideBlocks + 1 {
		for k, width := range widths {
			if age >= width {
				t[bits.LeadingZeros32(uint32(age*ticksPerBlock)<<weightBits|1)] |= 1 << (k * sumBits)
			}
		}
	}
	for zeros := range bits.LeadingZeros32(wideBlocks * ticksPerBlock << weightBits) {
		t[zeros] = 1 | 1<<sumBits | 1<<(2*sumBits)
	}
	return t
}()

func (m *Model) logOdds(sum, n int32) float64 {
	return float64(sum)*m.card.Scale/math.Sqrt(float64(max(n, 1))) + m.card.Bias
}
