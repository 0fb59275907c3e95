package eval

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
)

// pairs is the AUC by its definition: all pairs, ties counted half.
func pairs(attacks, benign []float64) float64 {
	sum := 0.0
	for _, a := range attacks {
		for _, b := range benign {
			switch {
			case a > b:
				sum++
			case a == b:
				sum += 0.5
			}
		}
	}
	return sum / float64(len(attacks)*len(benign))
}

// AUC is what all pairs say, and thresholds hold their rate, with many ties and infinities.
func TestAgainstAllPairs(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		draw := func() []float64 {
			s := make([]float64, 1+rnd.IntN(40))
			for i := range s {
				s[i] = float64(rnd.IntN(1 + rnd.IntN(12)))
				if rnd.IntN(20) == 0 {
					s[i] = math.Inf(rnd.IntN(2)*2 - 1)
				}
			}
			return s
		}
		attacks, benign := draw(), draw()
		if got, want := AUC(attacks, benign), pairs(attacks, benign); math.Abs(got-want) > 1e-12 {
			t.Fatalf("%v over %v: %v, want %v", attacks, benign, got, want)
		}
		rate := rnd.Float64()
		if n := Above(benign, Threshold(benign, rate)); float64(n) > rate*float64(len(benign)) {
			t.Fatalf("%v: %d exceed the threshold of %v", benign, n, rate)
		}
	}
}

// A score that is no number is a detector's fault: such a harmless text counts as flagged, and such an attack as missed, never the other way.
func TestScoresThatAreNoNumbers(t *testing.T) {
	nan := math.NaN()
	if got := AUC([]float64{nan, nan}, []float64{1, 2}); got != 0 {
		t.Errorf("attacks without a score: AUC %v", got)
	}
	if got := AUC([]float64{1, 2}, []float64{nan, nan}); got != 0 {
		t.Errorf("harmless texts without a score: AUC %v", got)
	}
	r := NewReport([]Case{{"a", true, nan}, {"a", true, nan}, {"a", false, nan}, {"a", false, 0}, {"a", false, 0}, {"a", false, 0}}, 1)
	if r.Pooled.Caught != 0 || r.Pooled.FPR != 0.25 || r.Pooled.Recall["0.05"].Recall != 0 {
		t.Errorf("%+v", r.Pooled)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}

// Reports of nothing, of one class and of scores beyond all numbers are reports.
func TestReportsOfLittle(t *testing.T) {
	for name, cases := range map[string][]Case{
		"nothing": nil, "harmless": {{"a", false, 1}}, "attacks": {{"a", true, 1}}, "infinite": {{"a", true, math.Inf(1)}, {"b", false, math.Inf(-1)}, {"", false, math.Inf(1)}},
		"equal": {{"a", true, 1}, {"a", false, 1}, {"a", false, 1}},
	} {
		for _, threshold := range []float64{0, math.Inf(1), math.Inf(-1), math.NaN()} {
			r := NewReport(cases, threshold)
			for name, at := range r.Pooled.Recall {
				if n := float64(at.Recall); n < 0 || n > 1 || at.Interval[0] > at.Interval[1] || !math.IsNaN(n) && (at.Interval[0] > n+1e-9 || at.Interval[1] < n-1e-9) {
					t.Errorf("%s: %+v", name, at)
				}
			}
			if _, err := json.Marshal(r); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if r := NewReport([]Case{{"a", true, 1}, {"a", false, 1}, {"a", false, 1}}, 1); r.Pooled.Recall["0.05"].Recall != 0 || r.Pooled.AUC != 0.5 {
		t.Errorf("ties count as caught: %+v", r.Pooled)
	}
}

// An interval ends where the proportion is as far from its end as chance allows (Wilson's equation, solved by halving), and holds the proportion
// itself: at 0 and at n it begins and ends there, exactly.
func TestWilsonByItsEquation(t *testing.T) {
	const z = 1.959964
	end := func(p, n, from, to float64) float64 { // from is inside, to outside
		for range 200 {
			mid := (from + to) / 2
			if math.Abs(p-mid) <= z*math.Sqrt(mid*(1-mid)/n) {
				from = mid
			} else {
				to = mid
			}
		}
		return from
	}
	for n := 1; n <= 3000; n += 1 + n/7 {
		for _, k := range []int{0, 1, n / 100, n / 2, n - 1, n} {
			p := float64(k) / float64(n)
			got, want := Wilson(k, n), [2]float64{end(p, float64(n), p, 0), end(p, float64(n), p, 1)}
			if math.Abs(got[0]-want[0]) > 1e-6 || math.Abs(got[1]-want[1]) > 1e-6 || got[0] > p || got[1] < p {
				t.Fatalf("%d of %d: %v, want %v", k, n, got, want)
			}
			if k == 0 && got[0] != 0 || k == n && got[1] != 1 {
				t.Fatalf("%d of %d: %v", k, n, got)
			}
		}
	}
}

// Three harmless texts say nothing about one in a hundred: a report says how many there are behind a recall, and how many of others may be flagged there.
func TestRatesOfFewTexts(t *testing.T) {
	r := NewReport([]Case{{"few", true, 3}, {"few", false, 0}, {"few", false, 1}, {"few", false, 1}, {"none", true, 2}, {"more", false, 5}}, 2)
	for name, want := range map[string]Recall{
		"few":  {Recall: 1, Interval: Wilson(1, 1), Threshold: 1, Harmless: 3, FPR: Wilson(0, 3)},
		"none": {Recall: 0, Interval: Wilson(0, 1), Threshold: 5, Harmless: 4, FPR: Wilson(0, 4)}, // those of all groups
	} {
		if got := r.Sources[name].Recall["0.05"]; got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	if got := r.Sources["few"].Recall["0.01"].FPR; got[1] < 0.5 {
		t.Errorf("three texts show a rate of at most %v", got[1])
	}
}
