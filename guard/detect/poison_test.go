package detect

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// Whoever gets texts of his own counted as harmless moves a threshold no further than to where harmless texts themselves reach, as long as they are fewer than the rate
// asked for; and no calibration is so small that one of them is enough.
func TestPoisonedCalibrations(t *testing.T) {
	for _, rate := range []float64{0.01, 0.05} {
		for _, n := range []int{50, 99, 150, 500, 999, 1000, 2000, 20_000} {
			for _, share := range []float64{0, 0.3, 0.7, 0.95, 1.3} {
				rnd := rand.New(rand.NewPCG(uint64(n), 1))
				c, g, highest := NewCalibration(), Group{Route: "user", Length: "short"}, math.Inf(-1)
				for range n {
					v := rnd.NormFloat64()
					highest = max(highest, v)
					c.Add(g, v)
				}
				poison := int(share * rate * float64(n))
				for range poison {
					c.Add(g, 30)
				}
				th, err := c.Thresholds(rate)
				_, single := c.Threshold(g, rate)
				if few := float64(n+poison) < 10/rate; few != errors.Is(err, ErrCalibration) || few != errors.Is(single, ErrCalibration) {
					t.Errorf("rate %v, %d texts: %v, %v", rate, n, err, single)
				}
				if err != nil {
					continue
				}
				if at := th.At("", "short", "user"); (at > highest+2*scoreWidth) != (share > 1) {
					t.Errorf("rate %v, %d texts and %d poisoned: from %v, the highest harmless is %v", rate, n, poison, at, highest)
				}
			}
		}
	}
}

// A caller who chooses languages fills the groups, and takes no text of others out of the counts: past the bound they are counted by length, and a calibration
// that was kept and read again knows as many texts.
func TestGroupsBeyondTheBound(t *testing.T) {
	c := NewCalibration()
	for i := range maxGroups + 500 {
		c.Add(Group{Route: "user", Lang: fmt.Sprint("x", i), Length: "short"}, -3)
	}
	for range 5000 {
		c.Add(Group{Route: "tool", Lang: "en", Length: "long"}, 2)
	}
	c.Add(Group{Length: "of no class"}, 1)
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	back := NewCalibration()
	if err := json.Unmarshal(data, back); err != nil {
		t.Fatal(err)
	}
	if back.all.N() != c.all.N() || len(c.groups) > maxGroups {
		t.Errorf("%d texts of %d are kept, in %d groups", back.all.N(), c.all.N(), len(c.groups))
	}
	th, err := back.Thresholds(0.05)
	if err != nil {
		t.Fatal(err)
	}
	if at := th.At("en", "long", "tool"); at < 2 {
		t.Errorf("long texts are flagged from %v", at)
	}
}
