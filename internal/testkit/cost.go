package testkit

import (
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/internal/cputime"
)

const (
	leastCost = time.Millisecond // that one measurement takes, so that the steps of the clock do not show
	costTries = 3                // measurements of which the least counts: all that other programs can do is to add to one
	costTurns = 5                // times that a ratio is measured before it counts as too high
)

// CostsAtMost fails the test where what takes more than most times the processor time of than. Both run many times and must do the same
// each time. The machine may be shared: what counts is time of processors and not of a clock, and it is measured in turn.
func CostsAtMost(t testing.TB, name string, most float64, what, than func()) {
	t.Helper()
	ratio := Ratio(most, what, than)
	t.Logf("%s: %.1f times the cost", name, ratio)
	if ratio > most {
		t.Errorf("%s: %.1f times the cost, want at most %v times", name, ratio, most)
	}
}

// Ratio is how many times the processor time of than what takes. A ratio above most is measured again, and the lowest returned.
func Ratio(most float64, what, than func()) float64 {
	n, of := repeats(what), repeats(than)
	ratio := measure(what, than, n, of)
	for turn := 1; turn < costTurns && ratio > most; turn++ {
		ratio = min(ratio, measure(what, than, n, of))
	}
	return ratio
}

func measure(what, than func(), n, of int) float64 {
	a, b := cost(what, n), cost(than, of)
	for range costTries - 1 {
		a, b = min(a, cost(what, n)), min(b, cost(than, of))
	}
	return a / max(b, 1)
}

// repeats is how often f runs in one measurement. The first of them makes its tables.
func repeats(f func()) int {
	n := 1
	for n < 1<<20 && cost(f, n)*float64(n) < float64(leastCost) {
		n *= 2
	}
	return n
}

// cost is the processor time of one run of f, of n, in nanoseconds.
func cost(f func(), n int) float64 {
	from := cputime.Used()
	for range n {
		f()
	}
	return float64(cputime.Used()-from) / float64(n)
}
