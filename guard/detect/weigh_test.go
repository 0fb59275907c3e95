package detect

import (
	"slices"
	"testing"
)

// What runs here, assembly or not, does what plain Go does, to the last entry of the table; tables of other sizes go through plain Go.
func FuzzLook(f *testing.F) {
	for _, text := range hostileTexts(3000) {
		f.Add(text)
	}
	f.Add(prose(3000))
	f.Add([]byte("日本語のテキストは空白なしで書かれる。And not this one. ไทย 日x本"))
	const bits = 18
	weights := make([]int8, 1<<bits)
	for i := range weights {
		weights[i] = int8(uint32(i) * 2654435761 >> 8)
	}
	m := &Model{weights: weights, shift: 32 - bits}
	var x, y features
	var here, plain seenFilter
	f.Fuzz(func(t *testing.T, text []byte) {
		var n Text
		n.Append(text, 0)
		m.windows(nil, 0, &x, &here, cellsOf(nil, 0))
		m.windows(nil, 0, &y, &plain, cellsOf(nil, 0))
		for x.next(n.Norm) && y.next(n.Norm) {
			here.pass(1)
			plain.pass(1)
			here.block(&x, n.Norm)
			from := 0
			if y.flags&wide == 0 {
				plain.charactersGo(&y)
				from = 2 * y.last
			} else {
				y.characters(y.last)
			}
			y.finish(n.Norm)
			plain.visitGo(y.grams[from:y.n])
			if !slices.Equal(x.grams[:x.n], y.grams[:y.n]) || !slices.Equal(x.meanings.hashes(), y.meanings.hashes()) {
				t.Fatal("entries or meanings differ")
			}
			var got, want sum
			here.sum(x.grams[:], x.n, &got)
			plain.sumGo(y.grams[:], y.n, &want)
			if got != want {
				t.Fatalf("a block comes to %v, in Go to %v", got, want)
			}
		}
		if !slices.Equal(here.entry, plain.entry) {
			t.Fatal("the tables differ")
		}
	})
}

// The time of the table ends and begins again without a text that is judged otherwise, for tables of every size.
func TestTimeOfTheTable(t *testing.T) {
	for _, bits := range []int{minModelBits, 16, 18, maxModelBits} {
		m := &Model{weights: make([]int8, 1<<bits), shift: uint(32 - bits), card: ModelCard{Scale: 1}}
		for i := range m.weights {
			m.weights[i] = int8(i * 40503 >> 4)
		}
		texts := hostileTexts(2000)
		var x features
		var seen seenFilter
		m.windows(nil, 0, &x, &seen, cellsOf(nil, 0))
		for _, name := range []string{"almost rules", "leet", "everything", "Cyrillic"} {
			for before := range uint32(3 * wideBlocks) {
				seen.now = endOfTime - before*ticksPerBlock
				if checkWindows(t, m, &x, &seen, texts[name]); seen.now > endOfTime/2 {
					t.Errorf("%d bits: the time is %d", bits, seen.now)
				}
			}
		}
	}
}
