//go:build long

package detect

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Text that a search breeds to be dear is bounded as what people thought of is: fragments of hostile texts are put together, cut and repeated by chance, and
// what costs more than what it came from is kept. The search is the same each time but for what the clock says.
func TestBredTextIsBounded(t *testing.T) {
	for _, kind := range []struct {
		name     string
		harmless [][]byte
		bound    float64
	}{
		{"documents", documents(t, bredSize, 64), 4.5},
		{"prose", [][]byte{prose(bredSize)}, 9},
	} {
		t.Run(kind.name, func(t *testing.T) { breed(t, kind.harmless, kind.bound) })
	}
}

const bredSize = 1 << 10

func breed(t *testing.T, harmless [][]byte, bound float64) {
	const (
		size  = bredSize
		breed = 90 * time.Second
	)
	c := newClassifier(t)
	turn := 0
	cost := func(text []byte, rounds int) float64 {
		least, of := time.Hour, time.Duration(0)
		for range rounds { // each with another document
			d := harmless[turn%len(harmless)]
			turn++
			what, than := time.Hour, time.Hour
			for range 2 {
				start := time.Now()
				c.Score(text, TrustUser)
				half := time.Now()
				c.Score(d, TrustUser)
				what, than = min(what, half.Sub(start)), min(than, time.Since(half))
			}
			least, of = min(least, what), of+than
		}
		return float64(least) * float64(rounds) / float64(of)
	}
	r := rand.New(rand.NewPCG(7, 11))
	var fragments [][]byte
	for _, text := range hostileTexts(96) {
		fragments = append(fragments, text)
	}
	slices.SortFunc(fragments, bytes.Compare)
	fill := func(gene []byte) []byte { return bytes.Repeat(gene, size/len(gene)+1)[:size] }
	piece := func() []byte {
		f := fragments[r.IntN(len(fragments))]
		from := r.IntN(len(f))
		return f[from:min(len(f), from+1+r.IntN(32))]
	}
	type one struct {
		gene []byte
		cost float64
	}
	var pool []one
	for _, f := range fragments {
		pool = append(pool, one{f, cost(fill(f), 10)})
	}
	for end := time.Now().Add(breed); time.Now().Before(end); {
		slices.SortFunc(pool, func(a, b one) int { return int(1000 * (b.cost - a.cost)) })
		pool = pool[:min(len(pool), 24)]
		gene := slices.Clone(pool[r.IntN(len(pool))].gene)
		for range 1 + r.IntN(3) {
			at := r.IntN(len(gene))
			to := min(len(gene), at+r.IntN(12))
			switch r.IntN(4) {
			case 0:
				gene = slices.Insert(gene, at, piece()...)
			case 1:
				gene = slices.Replace(gene, at, to, piece()...)
			case 2:
				gene = slices.Delete(gene, at, min(to, at+len(gene)-1))
			default:
				gene = slices.Insert(gene, at, pool[r.IntN(len(pool))].gene...)
			}
			gene = gene[:min(len(gene), 400)]
		}
		if k := cost(fill(gene), 8); k > pool[len(pool)-1].cost {
			if k = cost(fill(gene), 24); k > pool[len(pool)-1].cost {
				pool = append(pool, one{gene, k})
			}
		}
	}
	slices.SortFunc(pool, func(a, b one) int { return int(1000 * (b.cost - a.cost)) })
	for _, p := range pool[:5] {
		p.cost = cost(fill(p.gene), 60)
		t.Logf("%.2f times: %q", p.cost, p.gene)
		if p.cost > bound {
			t.Errorf("a bred text costs %.1f times what harmless text does: %q", p.cost, p.gene)
		}
	}
}
