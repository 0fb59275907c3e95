package train

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/holdfast-ai/holdfast/guard/detect"
)

// Unseen is what models that were trained without the source of a row say about it.
type Unseen struct {
	Scores []float64 // of each row, combined as all of them teach: the model's figures are of these. Those of rows that are not [Unseen.Left] mean nothing

	rows []prepared
	seen []detect.Score
	ids  []string
}

// Left reports whether row i is of a source that was left out, and its score one of a model that had not seen it. All models were trained on the others.
func (u *Unseen) Left(i int) bool { return leavable(u.rows[i].Source) }

// Crossed holds scores whose combination was fitted without the sources that its models were trained without: what a model
// says about sources that nothing of it has seen.
type Crossed struct {
	Sources []string
	Scores  []float64 // of all rows; compare those of Sources with thresholds of the others
}

// Crossed fits the combination again for each group of sources that is left out together.
func (u *Unseen) Crossed() []Crossed {
	var out []Crossed
	for _, fold := range folds {
		_, scores := stack(u.rows, u.seen, u.ids, func(r *Row) bool { return leavable(r.Source) && !slices.Contains(fold, r.Source) })
		out = append(out, Crossed{fold, scores})
	}
	return out
}

// Model trains a model on rows: first with whole sources left out, to learn how window scores and rules combine and how
// harmless texts of unseen sources score, then on everything. It returns the model file and the scores that rows got from
// models that were trained without their source.
// Errors unwrap to [ErrData] where the rows or the options make no model, or to [detect.ErrModel].
func Model(rows []Row, o Options, number uint64, date string) (file []byte, unseen *Unseen, err error) {
	if err := usable(rows, o); err != nil {
		return nil, nil, err
	}
	all := prepare(rows, o.Bits)
	seen, err := leaveOut(all, o)
	if err != nil {
		return nil, nil, err
	}
	rules, err := detect.NewSignals()
	if err != nil {
		return nil, nil, err
	}
	combine, scores := stack(all, seen, rules.WordRules(), func(r *Row) bool { return leavable(r.Source) })
	unseen = &Unseen{Scores: scores, rows: all, seen: seen, ids: rules.WordRules()}
	benign := new(detect.Scores)
	for i := range rows {
		if rows[i].Label == 0 && leavable(rows[i].Source) && rows[i].Kind != kindPadded {
			benign.Add(scores[i])
		}
	}
	w := fit(all, o, func(*Row) bool { return true })
	weights, scale := quantise(w[:len(w)-1])
	card := detect.ModelCard{
		Number: number, Date: date, Scale: scale, Bias: float64(w[len(w)-1]), Combine: combine,
		Sources: sources(rows), Data: digest(rows), Benign: benign, Scorecard: scorecard(rows, scores),
	}
	file, err = detect.AppendModel(nil, card, weights)
	return file, unseen, err
}

// maxBits is the largest table that a model file may have; one of the right size is a matter of the card's checks.
const maxBits = 20

// usable refuses what would make no numbers: the combination is learnt from attacks and harmless rows of sources that are left out.
func usable(rows []Row, o Options) error {
	if o.Bits < 1 || o.Bits > maxBits || !(o.C > 0) || o.Epochs < 1 || math.IsNaN(o.Balance) {
		return fmt.Errorf("%w: options", ErrData)
	}
	var left [2]int
	for i := range rows {
		if r := &rows[i]; leavable(r.Source) && r.Kind != kindPadded {
			left[r.Label&1]++
		}
	}
	if left[0] == 0 || left[1] == 0 {
		return fmt.Errorf("%w: %d attacks and %d harmless rows of sources that can be left out", ErrData, left[1], left[0])
	}
	return nil
}

// quantise rounds weights to signed bytes. A few large weights are cut off, so that the many small ones keep their shape.
func quantise(w []float32) ([]int8, float64) {
	sorted := make([]float64, len(w))
	for i, x := range w {
		sorted[i] = math.Abs(float64(x))
	}
	slices.Sort(sorted)
	scale := max(sorted[len(sorted)-1-len(sorted)/2000]/127, 1e-9)
	out := make([]int8, len(w))
	for i, x := range w {
		out[i] = int8(min(max(math.RoundToEven(float64(x)/scale), -127), 127))
	}
	return out, scale
}

// sources lists where rows come from.
func sources(rows []Row) []detect.ModelSource {
	by := make(map[string]detect.ModelSource)
	for _, r := range rows {
		s := by[r.Source+"\x00"+r.Lic]
		s.Name, s.Licence = r.Source, r.Lic
		if r.Label == 1 {
			s.Attacks++
		} else {
			s.Benign++
		}
		by[r.Source+"\x00"+r.Lic] = s
	}
	var out []detect.ModelSource
	for _, k := range slices.Sorted(maps.Keys(by)) {
		out = append(out, by[k])
	}
	return out
}

// digest identifies the training rows and their order.
func digest(rows []Row) string {
	h := sha256.New()
	for _, r := range rows {
		fmt.Fprintf(h, "%q %d %q %q %q %v\n", r.Text, r.Label, r.Source, r.Kind, r.Role, r.Span)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}
