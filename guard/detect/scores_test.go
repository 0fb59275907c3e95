package detect

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
)

// P-values are shares at both ends, fall with the score, and a threshold is the least score whose p-value is at most the rate.
func TestPValuesAtTheEnds(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		var s Scores
		for range rnd.IntN(3000) {
			v := rnd.NormFloat64() * 8
			switch rnd.IntN(50) {
			case 0:
				v = math.Inf(1 - 2*rnd.IntN(2))
			case 1:
				v = math.NaN()
			case 2:
				v = math.MaxFloat64
			}
			s.Add(v)
		}
		last := 1.0
		for v := -40.0; v <= 40; v += 0.25 {
			p := s.PValue(v)
			if !(p > 0 && p <= last) {
				t.Fatalf("%v of %d: %v after %v", v, s.N(), p, last)
			}
			last = p
		}
		if s.PValue(math.Inf(-1)) != 1 || !(s.PValue(math.Inf(1)) > 0) || s.PValue(math.NaN()) != s.PValue(math.Inf(1)) {
			t.Fatal("the ends")
		}
		for _, rate := range []float64{0, 1e-9, 0.001, 0.01, 0.05, 0.5, 1 - 1e-9, 1, math.NaN()} {
			at := s.Threshold(rate)
			if math.IsNaN(at) {
				t.Fatal(rate)
			}
			if !math.IsInf(at, 0) && (s.PValue(at) > rate || s.PValue(at-scoreWidth) <= rate) {
				t.Fatalf("rate %v: %v, p %v, below %v", rate, at, s.PValue(at), s.PValue(at-scoreWidth))
			}
			if rate == 0 && !math.IsInf(at, 1) || rate != rate && !math.IsInf(at, -1) {
				t.Fatalf("rate %v has the threshold %v", rate, at)
			}
		}
		data, err := json.Marshal(&s)
		var back Scores
		if err != nil || json.Unmarshal(data, &back) != nil || back != s {
			t.Fatal(err)
		}
	}
}

// Counts that are added beyond what a counter holds are refused where they come from outside.
func TestCountsDoNotOverflow(t *testing.T) {
	var s Scores
	if err := json.Unmarshal([]byte(`[[0,1099511627776],[2047,1099511627776]]`), &s); err != nil {
		t.Fatal(err)
	}
	c := NewCalibration()
	for i := range maxGroups {
		g := Group{Route: string(rune('a' + i%26)), Lang: string(rune('a' + i/26))}
		c.groups[g] = &s
		c.all.Merge(&s)
	}
	if c.all.N() != maxGroups<<41 {
		t.Error("a count has overflown:", c.all.N())
	}
	if p := c.all.PValue(0); p < 0.49 || p > 0.51 {
		t.Error(p)
	}
}
