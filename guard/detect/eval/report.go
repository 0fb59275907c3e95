package eval

import (
	"encoding/json"
	"math"
)

// A Case is one scored text.
type Case struct {
	Source string
	Attack bool
	Score  float64
}

// A Number is a measurement; what cannot be measured (no attacks, no harmless texts) is null in JSON.
type Number float64

// MarshalJSON writes null for what is not finite.
func (n Number) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(n)) || math.IsInf(float64(n), 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// A Recall is the share of attacks that score above the threshold where a given share of harmless texts does.
type Recall struct {
	Recall    Number     `json:"recall"`
	Interval  [2]float64 `json:"interval"` // 95 %, Wilson, over the attacks
	Threshold Number     `json:"threshold"`
	Harmless  int        `json:"harmless"`     // texts behind the threshold: where few are, the rate is not known
	FPR       [2]float64 `json:"fpr_interval"` // share of others that may exceed the threshold: 95 %, Wilson, over the harmless texts
}

// A Result measures one group of texts.
type Result struct {
	N         int    `json:"n"`
	Positives int    `json:"positives"`
	AUC       Number `json:"auc"`
	// Recall by share of harmless texts flagged. Where a group has no harmless texts of its own, those of all groups stand in,
	// and for AUC too.
	Recall map[string]Recall `json:"recall_at_fpr"`
	// The shares flagged at the configured threshold.
	FPR    Number `json:"fpr_at_threshold"`
	Caught Number `json:"recall_at_threshold"`
	// The shares flagged at the thresholds that flag 1 % and 5 % of all harmless texts.
	PooledFPR    map[string]Number `json:"fpr_at_pooled"`
	PooledRecall map[string]Number `json:"recall_at_pooled"`
}

// A Report measures a set of texts.
type Report struct {
	Threshold Number            `json:"threshold"` // configured: a text is flagged if it scores at least that
	Pooled    Result            `json:"pooled"`
	Sources   map[string]Result `json:"sources"`
}

var rates = map[string]float64{"0.01": 0.01, "0.05": 0.05}

// NewReport measures cases at a configured threshold. A score that is no number counts against the detector, as in [AUC].
func NewReport(cases []Case, threshold float64) Report {
	r := Report{Threshold: Number(threshold), Sources: make(map[string]Result)}
	by := make(map[string][]Case)
	for _, c := range cases {
		by[c.Source] = append(by[c.Source], c)
	}
	_, benign := split(cases)
	r.Pooled = measure(cases, benign, threshold)
	for source, c := range by {
		r.Sources[source] = measure(c, benign, threshold)
	}
	return r
}

func split(cases []Case) (attacks, benign []float64) {
	for _, c := range cases {
		if c.Attack {
			attacks = append(attacks, c.Score)
		} else {
			benign = append(benign, c.Score)
		}
	}
	return numbers(attacks, math.Inf(-1)), numbers(benign, math.Inf(1))
}

func measure(cases []Case, pooled []float64, threshold float64) Result {
	attacks, benign := split(cases)
	res := Result{
		N: len(cases), Positives: len(attacks), Recall: make(map[string]Recall),
		PooledFPR: make(map[string]Number), PooledRecall: make(map[string]Number),
	}
	own := benign
	if len(own) == 0 {
		own = pooled
	}
	res.AUC = Number(AUC(attacks, own))
	res.FPR, res.Caught = share(least(benign, threshold), len(benign)), share(least(attacks, threshold), len(attacks))
	for name, rate := range rates {
		t := Threshold(own, rate)
		k, n := Above(attacks, t), len(attacks)
		if len(own) == 0 {
			n = 0 // no rate without harmless texts
		}
		res.Recall[name] = Recall{share(k, n), Wilson(k, n), Number(t), len(own), Wilson(Above(own, t), len(own))}
		t = Threshold(pooled, rate)
		res.PooledFPR[name], res.PooledRecall[name] = share(Above(benign, t), len(benign)), share(Above(attacks, t), n)
	}
	return res
}

// least counts the scores that are at least t.
func least(scores []float64, t float64) int {
	n := 0
	for _, s := range scores {
		if s >= t {
			n++
		}
	}
	return n
}

func share(k, n int) Number {
	if n == 0 {
		return Number(math.NaN())
	}
	return Number(float64(k) / float64(n))
}
