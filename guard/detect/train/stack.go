package train

import (
	"math"
	"strings"

	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/detect/eval"
)

// stack fits how windows, rules and length combine, on what models saw in texts of unseen sources for which use reports true, and
// returns the combined scores of all rows.
func stack(rows []prepared, seen []detect.Score, ids []string, use func(*Row) bool) (detect.Combination, []float64) {
	c := detect.Combination{Rules: make(map[string]float64), Outside: make(map[string]float64)}
	fixed := len(seen[0].Windows) + 2 // as in vector
	width := fixed + len(ids)
	var x [][]float64
	var y, weight []float64
	count := make(map[string]float64)
	for i := range rows {
		if use(&rows[i].Row) {
			count[key(&rows[i].Row)]++
		}
	}
	var sum [2]float64
	for i := range rows {
		r := &rows[i].Row
		if !use(r) {
			continue
		}
		x = append(x, vector(&seen[i], width))
		y = append(y, float64(r.Label))
		w := math.Pow(count[key(r)], -0.5)
		if r.Kind == kindPadded {
			w *= 0.7 // rare in traffic, but no way around the detector
		}
		weight = append(weight, w)
		sum[r.Label] += w
	}
	for i := range weight {
		weight[i] /= sum[int(y[i])] * 2
	}
	beta := newtonLogistic(x, y, weight, width, fixed, func(k int) bool {
		return k >= fixed && k < width && asksForReading(ids[k-fixed])
	})
	c.Bias = beta[width]
	c.Windows, c.Length, c.Known = beta[:fixed-2], beta[fixed-2], beta[fixed-1]
	for k, id := range ids {
		c.Rules[id] = beta[fixed+k]
	}
	out := make([]float64, len(rows))
	for i := range rows {
		out[i] = beta[width]
		for k, v := range vector(&seen[i], width) {
			out[i] += float64(beta[k] * v)
		}
	}
	return c, out
}

// asksForReading reports whether a rule says nothing by itself: what asks for a reading is judged by what the reading says.
func asksForReading(id string) bool { return strings.HasPrefix(id, "obfuscation.") }

func vector(s *detect.Score, width int) []float64 {
	v := make([]float64, 0, width)
	v = append(v, s.Windows[:]...)
	v = append(v, s.Length(), s.Known)
	for k := range width - len(v) { // the rest are rules
		v = append(v, float64(s.Rules>>k&1))
	}
	return v
}

// Ridges of the combination. Some fifty weights are fitted on a few sources: what holds of all of them is in the windows. Rules are held to what a rule is worth:
// most fire in few sources, so that what one of them seems to be worth in these is chance.
const (
	ridgeWindows = 1e-4
	ridgeLength  = 1e-3
	ridgeKnown   = 2e-5 // it is below 0.3 nearly always, others go to ten
	ridgeRules   = 0.01
)

// usualRule is what a rule is worth until rows say otherwise, in log-odds: people wrote it because attacks have it. Of 0.3 to 0.6 each is as
// good; with 0 far fewer attacks of sources are found that nothing was fitted on.
const usualRule = 0.4

// ridgeOf is the ridge of weight k: in front of fixed as in vector, then rules up to width, then the bias.
func ridgeOf(k, width, fixed int) float64 {
	switch {
	case k < fixed-2, k == width:
		return ridgeWindows
	case k == fixed-2:
		return ridgeLength
	case k == fixed-1:
		return ridgeKnown
	}
	return ridgeRules
}

// newtonLogistic fits a small weighted logistic regression, one coordinate at a time. The last weight is the
// bias. Rule weights (those behind the fixed ones) are kept from 0 to 4: a rule is no evidence of innocence, and none decides
// alone. Those for which mute reports true are 0.
func newtonLogistic(x [][]float64, y, weight []float64, width, fixed int, mute func(k int) bool) []float64 {
	const sweeps = 100
	beta := make([]float64, width+1)
	score := make([]float64, len(x))
	value := func(i, k int) float64 {
		if k == width {
			return 1
		}
		return x[i][k]
	}
	for range sweeps {
		for k := range beta {
			if mute(k) {
				continue
			}
			ridge, middle := ridgeOf(k, width, fixed), 0.0
			if k >= fixed && k < width {
				middle = usualRule
			}
			g, h := float64(ridge*(beta[k]-middle)), ridge
			for i := range x {
				v := value(i, k)
				if v == 0 {
					continue
				}
				p := 1 / (1 + math.Exp(-score[i]))
				g += float64(weight[i] * (p - y[i]) * v)
				h += float64(weight[i] * p * (1 - p) * v * v)
			}
			next := beta[k] - g/h
			if k >= fixed && k < width {
				next = min(max(next, 0), 4)
			}
			d := next - beta[k]
			beta[k] = next
			for i := range x {
				score[i] += float64(d * value(i, k))
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
		case !leavable(rows[i].Source) || rows[i].Kind == kindPadded:
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
