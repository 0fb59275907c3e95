package train

import (
	"context"
	"math"

	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/detect/eval"
)

// ruleHits returns the ids of the built-in rules and which of them fire on each row, as bits.
func ruleHits(rows []Row) ([]string, []uint64, error) {
	rules, err := detect.NewRules()
	if err != nil {
		return nil, nil, err
	}
	ids := rules.WordRules()
	at := make(map[string]int)
	for i, id := range ids {
		at[id] = i
	}
	out := make([]uint64, len(rows))
	for i := range rows {
		trust := detect.TrustUser
		if rows[i].Outside() {
			trust = detect.TrustNone
		}
		found, err := rules.Detect(context.Background(), detect.View{Spans: []detect.Span{{Trust: trust, Text: []byte(rows[i].Text)}}}, nil)
		if err != nil {
			return nil, nil, err
		}
		for _, f := range found {
			if k, ok := at[f.Rule]; ok {
				out[i] |= 1 << k
			}
		}
	}
	return ids, out, nil
}

// stack fits how window scores, rules and length combine, on scores of unseen sources, and returns the combined scores.
func stack(rows []prepared, windows []float64, ids []string, fired []uint64) (detect.Combination, []float64) {
	c := detect.Combination{Rules: make(map[string]float64), Outside: make(map[string]float64)}
	width := 2 + len(ids)
	var x [][]float64
	var y, weight []float64
	count := make(map[string]float64)
	for i := range rows {
		if leavable(rows[i].Source) {
			count[key(&rows[i].Row)]++
		}
	}
	var sum [2]float64
	for i := range rows {
		r := &rows[i].Row
		if !leavable(r.Source) {
			continue
		}
		x = append(x, vector(&rows[i], windows[i], fired[i], width))
		y = append(y, float64(r.Label))
		w := math.Pow(count[key(r)], -0.5)
		weight = append(weight, w)
		sum[r.Label] += w
	}
	for i := range weight {
		weight[i] /= sum[int(y[i])] * 2
	}
	beta := newtonLogistic(x, y, weight, width)
	c.Bias, c.Window, c.Length = beta[width], beta[0], beta[1]
	for k, id := range ids {
		c.Rules[id] = beta[2+k]
	}
	out := make([]float64, len(rows))
	for i := range rows {
		out[i] = beta[width]
		for k, v := range vector(&rows[i], windows[i], fired[i], width) {
			out[i] += float64(beta[k] * v)
		}
	}
	return c, out
}

func vector(p *prepared, window float64, fired uint64, width int) []float64 {
	v := make([]float64, width)
	v[0] = window
	v[1] = math.Log2(float64(len(p.samples)))
	for k := range width - 2 {
		if fired>>k&1 == 1 {
			v[2+k] = 1
		}
	}
	return v
}

// newtonLogistic fits a small weighted logistic regression by gradient steps of fixed length, with a light ridge. Rule
// weights (from the third on) are kept from 0 to 4: a rule is no evidence of innocence, and none decides alone.
func newtonLogistic(x [][]float64, y, weight []float64, width int) []float64 {
	const ridge, rate, steps = 1e-4, 2.0, 1500
	beta := make([]float64, width+1)
	beta[0] = 1
	grad := make([]float64, width+1)
	for range steps {
		clear(grad)
		for i, v := range x {
			s := beta[width]
			for k, a := range v {
				s += float64(a * beta[k])
			}
			d := weight[i] * (1/(1+math.Exp(-s)) - y[i])
			for k, a := range v {
				grad[k] += float64(d * a)
			}
			grad[width] += d
		}
		for k := range beta {
			g := grad[k]
			if k < width {
				g += float64(ridge * beta[k])
			}
			beta[k] -= float64(rate * g)
			if k >= 2 && k < width {
				beta[k] = min(max(beta[k], 0), 4)
			}
		}
	}
	return beta
}

// scorecard sums up scores of unseen sources.
func scorecard(rows []Row, scores []float64) map[string]float64 {
	var attacks, benign []float64
	for i := range rows {
		switch {
		case !leavable(rows[i].Source):
		case rows[i].Label == 1:
			attacks = append(attacks, scores[i])
		default:
			benign = append(benign, scores[i])
		}
	}
	round := func(v float64) float64 { return math.Round(v*1e4) / 1e4 }
	recall := func(rate float64) float64 {
		return round(float64(eval.Above(attacks, eval.Threshold(benign, rate))) / float64(max(len(attacks), 1)))
	}
	return map[string]float64{
		"unseen_auc": round(eval.AUC(attacks, benign)), "unseen_recall_at_0.01": recall(0.01), "unseen_recall_at_0.05": recall(0.05),
	}
}
