package eval

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func TestAUC(t *testing.T) {
	for _, c := range []struct {
		attacks, benign []float64
		want            float64
	}{
		{[]float64{2, 3}, []float64{0, 1}, 1},
		{[]float64{0, 1}, []float64{2, 3}, 0},
		{[]float64{1}, []float64{1}, 0.5},
		{[]float64{1, 3}, []float64{0, 2, 2, 4}, (1 + 3) / 8.0},
	} {
		if got := AUC(c.attacks, c.benign); got != c.want {
			t.Errorf("%v over %v: %v, want %v", c.attacks, c.benign, got, c.want)
		}
	}
	if !math.IsNaN(AUC(nil, []float64{1})) {
		t.Error("no attacks have an AUC")
	}
}

func TestThreshold(t *testing.T) {
	benign := make([]float64, 200)
	for i := range benign {
		benign[i] = float64(i)
	}
	for _, rate := range []float64{0, 0.01, 0.05, 0.5} {
		at := Threshold(benign, rate)
		if n := Above(benign, at); n != int(rate*200) {
			t.Errorf("rate %v: %d of 200 exceed %v", rate, n, at)
		}
	}
	tied := []float64{1, 1, 1, 1, 0}
	if n := Above(tied, Threshold(tied, 0.5)); n != 0 {
		t.Errorf("%d of the tied are flagged, more than the rate allows", n)
	}
	if !math.IsInf(Threshold(nil, 0.01), 1) {
		t.Error("without harmless texts something is flagged")
	}
}

func TestWilson(t *testing.T) {
	iv := Wilson(18, 339) // 3.4 to 8.2 %
	if math.Abs(iv[0]-0.034) > 5e-4 || math.Abs(iv[1]-0.082) > 5e-4 {
		t.Error(iv)
	}
	if iv := Wilson(0, 0); iv != [2]float64{0, 1} {
		t.Error(iv)
	}
}

// A source without harmless texts is measured against those of all sources, and its own rate is null, not 0.
func TestReport(t *testing.T) {
	cases := []Case{{"a", true, 3}, {"a", true, 1}, {"b", false, 2}, {"b", false, 0}}
	r := NewReport(cases, 2)
	a, b := r.Sources["a"], r.Sources["b"]
	if a.N != 2 || a.Positives != 2 || a.AUC != 0.75 || a.Caught != 0.5 || b.FPR != 0.5 {
		t.Errorf("%+v %+v", a, b)
	}
	out, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), `"fpr_at_threshold":null`) {
		t.Error(string(out))
	}
}

// Where nothing is harmless there is no rate to hold, and no recall at it: null, not 0.
func TestReportOfAttacksAlone(t *testing.T) {
	r := NewReport([]Case{{"a", true, 3}, {"a", true, 1}}, 2)
	at := r.Pooled.Recall["0.01"]
	if !math.IsNaN(float64(at.Recall)) || at.Interval != [2]float64{0, 1} || !math.IsNaN(float64(r.Pooled.PooledRecall["0.05"])) {
		t.Errorf("%+v", r.Pooled)
	}
	if r.Pooled.Caught != 0.5 {
		t.Errorf("%+v", r.Pooled)
	}
}
