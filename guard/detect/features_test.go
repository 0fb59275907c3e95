package detect

import (
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// plainBlocks reads a normal form one unit at a time, as the comment on features says it: the oracle of the fast reader.
func plainBlocks(norm []byte) (blocks, meanings [][]uint32, ends []int) {
	var gram, word, first, last, prev1, prev2 uint64
	var block []uint32
	wasWide, start := false, 0
	var ideographs, words [][]uint32 // what may be concepts, by the characters and words of the block
	plain := plainMeanings{known: builtinConcepts()}
	endWord := func() {
		if word == 0 {
			return
		}
		w := (word + first*mul2 + last*mul5) * mulWord
		w ^= w >> 29
		pair := w + prev1*mulPair
		three := []uint32{uint32(w * mulTwo >> 32), uint32(pair * mulTwo >> 32), uint32((pair + prev2*mul4) * mul3 >> 32)}
		block = append(append(block, three...), uint32((w*mulPair+prev2)*mul5>>32))
		words = append(words, three)
		prev1, prev2, word = w, prev1, 0
	}
	for i := 0; i < len(norm); {
		c := norm[i]
		r, size := utf8.DecodeRune(norm[i:])
		u := uint64(c)
		switch {
		case c >= utf8.RuneSelf:
			u = unit(r)
		case c >= '0' && c <= '9':
			u = '0'
		}
		isWide := r >= 0x0e00 && (r < 0x1100 || r >= 0x3040)
		gram = gram<<12 | u
		characters := []uint32{uint32(gram & (1<<36 - 1) * mul3 >> 32), uint32(gram & (1<<48 - 1) * mul4 >> 32)}
		block = append(block, characters...)
		if isWide && wasWide {
			pair := uint32(gram & (1<<24 - 1) * mul2 >> 32)
			block = append(block, pair)
			characters = append([]uint32{pair}, characters...)
		}
		if isWide {
			ideographs = append(ideographs, characters)
		}
		wasWide = isWide
		if !isWord(c) {
			endWord()
		} else if word == 0 {
			word, first, last = 1, u, u
		} else {
			m := last * mul4
			word += (m ^ m>>31) * mulPair
			last = u
		}
		i += size
		if i == len(norm) {
			endWord()
		}
		if n := i - start; i == len(norm) || n >= minBlock && endsBlock(c, n, norm[i:]) {
			blocks, ends = append(blocks, block), append(ends, i)
			meanings = append(meanings, plain.read(append(ideographs, words...)))
			block, start, ideographs, words = nil, i, nil, nil
		}
	}
	return blocks, meanings, ends
}

// plainMeanings is the oracle of meanings: it remembers all of the text.
type plainMeanings struct {
	known *concepts
	met   []struct {
		concept uint64
		at      int
	}
	now int
}

func (p *plainMeanings) read(candidates [][]uint32) (out []uint32) {
	add := func(v uint64) { v ^= v >> 31; out = append(out, uint32(v*mul5>>32)) }
	for _, c := range candidates {
		p.now++
		for _, h := range c {
			id, n := uint64(p.known.find(h)), len(p.met)
			if id == 0 || len(out)+4 > maxMeanings {
				continue
			}
			if n > 0 && p.met[n-1].concept == id && p.now-p.met[n-1].at <= 2 {
				p.met[n-1].at = p.now
				continue
			}
			add(id * mulPair)
			for back := 1; back <= 2 && back <= n && p.now-p.met[n-back].at <= nearConcepts; back++ {
				add((p.met[n-back].concept<<8 | id) * mulWord)
				if back == 2 {
					add((p.met[n-2].concept<<16 | p.met[n-1].concept<<8 | id) * mulTwo)
				}
			}
			p.met = append(p.met, struct {
				concept uint64
				at      int
			}{id, p.now})
		}
	}
	return out
}

// plainWindows is the oracle of Model.windows: the highest windows of each cell.
func plainWindows(m *Model, norm []byte) (best [][scales]peak, n int) {
	blocks, meanings, ends := plainBlocks(norm)
	best = make([][scales]peak, len(cellsOf(nil, len(norm))))
	for i := range best {
		for k := range best[i] {
			if best[i][k].score = math.Inf(-1); len(blocks) == 0 {
				best[i][k].score = m.card.Bias
			}
		}
	}
	var sums []sum
	seen := make(map[uint32]int)
	for i, grams := range blocks {
		var s sum
		for part, hashes := range [][]uint32{grams, meanings[i]} {
			times := []int32{1, Strength}[part]
			for _, h := range hashes {
				h >>= m.shift
				at, ok := seen[h]
				seen[h] = i
				for k, width := range widths {
					if !ok || i-at >= width {
						s.weight[k] += times * int32(m.weights[h])
						s.n[k] += times * times
					}
				}
			}
		}
		sums = append(sums, s)
		for k, width := range widths {
			if i+1 < width && i+1 < len(blocks) {
				continue
			}
			var weight, n int32
			from := max(0, i+1-width)
			for _, s := range sums[from:] {
				weight, n = weight+s.weight[k], n+s.n[k]
			}
			start := 0
			if from > 0 {
				start = ends[from-1]
			}
			to := &best[(ends[i]-1)/cellBytes][k]
			if v := m.logOdds(weight, n); v > to.score {
				*to = peak{v, start, ends[i]}
			}
		}
	}
	return best, max(len(blocks), 1)
}

func checkWindows(t *testing.T, m *Model, x *features, seen *seenFilter, text []byte) {
	t.Helper()
	var n Text
	n.Append(text, 0)
	blocks, meanings, ends := plainBlocks(n.Norm)
	x.start()
	for i, want := range blocks {
		if !x.block(n.Norm) || x.end != ends[i] {
			t.Fatalf("block %d of %d ends at %d, want %d: %q", i, len(blocks), x.end, ends[i], n.Norm)
		}
		got := slices.Sorted(slices.Values(x.hashes()))
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Fatalf("block %d has %d n-grams that are not the %d of the plain reader: %q", i, len(got), len(want), n.Norm)
		}
		if got := x.meanings.hashes(); !slices.Equal(got, meanings[i]) {
			t.Fatalf("block %d has %d meanings that are not the %d of the plain reader: %q", i, len(got), len(meanings[i]), n.Norm)
		}
	}
	if x.block(n.Norm) {
		t.Fatalf("a block behind the last: %q", n.Norm)
	}
	cells := cellsOf(nil, len(n.Norm))
	k := m.windows(n.Norm, 0, x, seen, cells)
	want, wantK := plainWindows(m, n.Norm)
	for i, w := range want {
		if cells[i].peaks != w || k != wantK {
			t.Fatalf("windows of cell %d are %v of %d blocks, want %v of %d: %q", i, cells[i].peaks, k, w, wantK, n.Norm)
		}
	}
}

// Two texts share a memory, and the second must not see the first.
func FuzzWindows(f *testing.F) {
	m, err := NewModel()
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range hostileTexts(2000) {
		f.Add(text)
	}
	for _, end := range ".!?:;\u0301" {
		f.Add([]byte(strings.Repeat("A sentence of more than forty bytes that ends"+string(end)+" And 5 more words.", 5)))
	}
	for _, text := range []string{"", "a", "é", "日本語のテキストは空白なしで書かれる。", "ไทย 日x本 日本", strings.Repeat("word ", 100), strings.Repeat("日", 300) + "x", strings.Repeat("a", 203) + " b", strings.Repeat("a", 204) + " b",
		strings.Repeat("a", 204) + "b c", strings.Repeat("é", 102) + "b", "Twelve words that come again. " + strings.Repeat("Twelve words that come again. ", 40)} {
		f.Add([]byte(text))
	}
	var x features
	var seen seenFilter
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<14 {
			return
		}
		checkWindows(t, m, &x, &seen, text)
		seen.now = max(seen.now, endOfTime-100) // the clock ends among these texts
		checkWindows(t, m, &x, &seen, text)
	})
}
