package detect

import (
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// plainBlocks reads a normal form one unit at a time, as the comment on features says it: the oracle of the fast reader.
func plainBlocks(norm []byte) (blocks [][]uint32, ends []int) {
	var gram, word, first, last, prev1, prev2 uint64
	var block []uint32
	wasWide, start := false, 0
	endWord := func() {
		if word == 0 {
			return
		}
		w := (word + first*mul2 + last*mul5) * mulWord
		w ^= w >> 29
		pair := w + prev1*mulPair
		block = append(block, uint32(w*mulTwo>>32), uint32(pair*mulTwo>>32), uint32((pair+prev2*mul4)*mul3>>32), uint32((w*mulPair+prev2)*mul5>>32))
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
		if gram = gram<<12 | u; isWide && wasWide {
			block = append(block, uint32(gram&(1<<24-1)*mul2>>32))
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
		block = append(block, uint32(gram&(1<<36-1)*mul3>>32), uint32(gram&(1<<48-1)*mul4>>32))
		i += size
		if i == len(norm) {
			endWord()
		}
		if n := i - start; i == len(norm) || n >= minBlock && endsBlock(c, n, norm[i:]) {
			blocks, ends = append(blocks, block), append(ends, i)
			block, start = nil, i
		}
	}
	return blocks, ends
}

// plainWindows is the oracle of Model.windows.
func plainWindows(m *Model, norm []byte) (best [scales]peak, n int) {
	blocks, ends := plainBlocks(norm)
	for k := range best {
		if best[k].score = math.Inf(-1); len(blocks) == 0 {
			best[k].score = m.card.Bias
		}
	}
	var sums []sum
	seen := make(map[uint32]int)
	for i, grams := range blocks {
		var s sum
		for _, h := range grams {
			h >>= m.shift
			at, ok := seen[h]
			seen[h] = i
			for k, width := range widths {
				if !ok || i-at >= width {
					s.weight[k] += int32(m.weights[h])
					s.n[k]++
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
			if v := m.logOdds(weight, n); v > best[k].score {
				best[k] = peak{v, start, ends[i]}
			}
		}
	}
	return best, max(len(blocks), 1)
}

func checkWindows(t *testing.T, m *Model, x *features, seen *seenFilter, text []byte) {
	t.Helper()
	var n Text
	n.Append(text, 0)
	blocks, ends := plainBlocks(n.Norm)
	x.start()
	for i, want := range blocks {
		if !x.block(n.Norm) || x.end != ends[i] {
			t.Fatalf("block %d of %d ends at %d, want %d: %q", i, len(blocks), x.end, ends[i], n.Norm)
		}
		got := slices.Sorted(slices.Values(x.hashes()))
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Fatalf("block %d has %d n-grams that are not the %d of the plain reader: %q", i, len(got), len(want), n.Norm)
		}
	}
	if x.block(n.Norm) {
		t.Fatalf("a block behind the last: %q", n.Norm)
	}
	best, k := m.windows(n.Norm, x, seen)
	if want, wantK := plainWindows(m, n.Norm); best != want || k != wantK {
		t.Fatalf("windows are %v of %d blocks, want %v of %d: %q", best, k, want, wantK, n.Norm)
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
