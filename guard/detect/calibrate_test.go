package detect

import (
	"encoding/json"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
)

func TestScoresKeepTheirRate(t *testing.T) {
	var s Scores
	for i := range 10_000 {
		s.Add(float64(i%997) / 100)
	}
	for _, rate := range []float64{0.001, 0.01, 0.05, 0.5} {
		at, n := s.Threshold(rate), 0
		for i := range 10_000 {
			if float64(i%997)/100 >= at {
				n++
			}
		}
		if float64(n) > rate*10_000 || float64(n) < rate*10_000-80 { // a bin holds 30 to 40
			t.Errorf("rate %v: %d of 10000 are flagged at %v", rate, n, at)
		}
		if p := s.PValue(at); p > rate {
			t.Errorf("rate %v: the threshold has the p-value %v", rate, p)
		}
	}
	var few Scores
	for range 50 {
		few.Add(0)
	}
	if at := few.Threshold(0.01); !math.IsInf(at, 1) {
		t.Errorf("50 texts are enough for 1 %%: %v", at)
	}
	if new(Scores).PValue(5) != 1 {
		t.Error("nothing counted, and yet a p-value")
	}
	if s.Add(math.NaN()); s.PValue(math.Inf(1)) > 2.0/10_001+1e-9 {
		t.Error("a score that is no number does not count as the highest")
	}
}

func TestDrift(t *testing.T) {
	var a, b, moved Scores
	for i := range 5000 {
		v := float64(i%100) / 10
		a.Add(v)
		b.Add(v)
		moved.Add(v + 1)
	}
	if d, yes := a.Drift(&b); d != 0 || yes {
		t.Error(d, yes)
	}
	if d, yes := a.Drift(&moved); d < 0.09 || !yes {
		t.Error(d, yes)
	}
}

func TestCalibrationByGroup(t *testing.T) {
	c := NewCalibration()
	quiet, loud, rare := Group{Route: "chat"}, Group{Route: "docs", Length: LengthClass(10_000)}, Group{Lang: "fi"}
	for i := range 2000 {
		c.Add(quiet, float64(i%10)/10)
		c.Add(loud, 3+float64(i%10)/10)
	}
	c.Add(rare, 0)
	at := func(g Group) float64 {
		v, err := c.Threshold(g, 0.01)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if at(quiet) > 1 || at(loud) < 3.9 || at(rare) < 3.8 {
		t.Error(at(quiet), at(loud), at(rare))
	}
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	back := NewCalibration()
	if err := json.Unmarshal(data, back); err != nil {
		t.Fatal(err)
	}
	if again, err := back.Threshold(loud, 0.01); err != nil || again != at(loud) {
		t.Error(again, err)
	}
	for _, rate := range []float64{0, 1, -1, math.NaN()} {
		if v, err := c.Threshold(quiet, rate); !errors.Is(err, ErrCalibration) || !math.IsInf(v, 1) {
			t.Error(rate, v, err)
		}
	}
	if _, err := NewCalibration().Threshold(quiet, 0.01); !errors.Is(err, ErrCalibration) {
		t.Error("an empty calibration has a threshold:", err)
	}
	for _, bad := range []string{`[{"group":{},"scores":[[1,1]]},{"group":{},"scores":[[1,1]]}]`, `[{"group":{}}]`, `[{"group":{},"scores":[[2,1],[1,1]]}]`, `[{"group":{},"scores":[[4000,1]]}]`} {
		if err := json.Unmarshal([]byte(bad), NewCalibration()); err == nil {
			t.Error("accepted", bad)
		}
	}
}

func TestProfiles(t *testing.T) {
	for p, want := range map[Profile]bool{Monitor: false, Balanced: true, Strict: true} {
		if rate, blocks, err := p.Rate(); blocks != want || err != nil || rate <= 0 {
			t.Error(p, rate, blocks, err)
		}
	}
	if rate, blocks, err := Profile("").Rate(); !errors.Is(err, ErrCalibration) || rate != 0 || !blocks {
		t.Error("the zero profile is one:", rate, blocks, err)
	}
}

// Thresholds are those of the narrowest group that has enough texts to say.
func TestThresholds(t *testing.T) {
	c := NewCalibration()
	add := func(g Group, n int, score float64) {
		for range n {
			c.Add(g, score)
		}
	}
	add(Group{"chat", "en", "short"}, 1000, 1)
	add(Group{"chat", "de", "short"}, 1000, 3)
	add(Group{"chat", "fr", "short"}, 10, 9) // too few to say
	add(Group{"tool", "en", "long"}, 1000, 5)
	h, err := c.Thresholds(0.01)
	if err != nil {
		t.Fatal(err)
	}
	at := func(lang, length string, routes ...string) float64 { return math.Floor(h.At(lang, length, routes...)) }
	for name, c := range map[string]struct{ got, want float64 }{
		"its own": {at("en", "short", "chat"), 1}, "another language": {at("de", "short", "chat"), 3}, "one of few": {at("fr", "short", "chat"), 3},
		"no language": {at("", "short", "chat"), 3}, "second name of the route": {at("en", "long", "elsewhere", "tool"), 5}, "no route": {at("en", "long", "elsewhere"), 5},
		"no length": {at("en", "medium", "chat"), 5},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
	for _, rate := range []float64{0, 1, math.NaN()} {
		if _, err := c.Thresholds(rate); !errors.Is(err, ErrCalibration) {
			t.Errorf("%v: %v", rate, err)
		}
	}
	if _, err := NewCalibration().Thresholds(0.01); !errors.Is(err, ErrCalibration) {
		t.Error(err)
	}
}

// A calibration of a few bytes for each group does not become 16 KiB for each before they are counted, lists of counts are
// pairs, and no group can be made one whose texts are never flagged.
func TestHostileCalibrations(t *testing.T) {
	many := "[" + strings.Repeat(`{"group":{},"scores":[]},`, 100_000) + `{"group":{},"scores":[]}]`
	for name, text := range map[string]string{
		"many groups": many, "three numbers": `[{"group":{},"scores":[[1,2,3]]}]`, "one number": `[{"group":{},"scores":[[1]]}]`, "null": `[{"group":{},"scores":null}]`,
		"negative": `[{"group":{},"scores":[[-1,2]]}]`, "not a number": `[{"group":{},"scores":[["NaN",2]]}]`, "fraction": `[{"group":{},"scores":[[1,2.5]]}]`,
		"too many texts": `[{"group":{},"scores":[[1,18446744073709551615]]}]`,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := new(Calibration).UnmarshalJSON([]byte(text))
		runtime.ReadMemStats(&after)
		if mib := (after.TotalAlloc - before.TotalAlloc) >> 20; !errors.Is(err, ErrCalibration) || mib > 200 {
			t.Errorf("%s: %v, %d MiB", name, err, mib)
		}
	}
	c := NewCalibration()
	for range 100_000 {
		c.Add(Group{Route: "user", Length: "short"}, 0)
	}
	for range 1500 {
		c.Add(Group{Route: "tool", Length: "short"}, math.Inf(1))
	}
	if th, err := c.Thresholds(0.05); !errors.Is(err, ErrCalibration) {
		t.Errorf("%v: texts of a tool are flagged from %v", err, th.At("", "short", "tool"))
	}
}
