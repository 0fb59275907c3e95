package main

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/detect/eval"
)

func newGuardEval(ui *ui) *cobra.Command {
	var model, scores string
	var rate float64
	cmd := &cobra.Command{
		Use:     "eval FILE…",
		Short:   "Measure the detector on labelled rows",
		Example: "  holdfast guard eval --scores scores.txt labelled.jsonl",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !(rate > 0 && rate < 1) {
				return fmt.Errorf("%w: --rate is %v, want a share between 0 and 1", errUsage, rate)
			}
			c, err := classifier(model)
			if err != nil {
				return err
			}
			var cases []eval.Case
			size, again, names := 0, newRepeats(), make(map[string]string)
			cost, err := scoreFiles(cmd.Context(), c, args, labelled, func(row *text, s *detect.Score) {
				if _, ok := names[row.source]; !ok {
					names[row.source] = row.source // one string for all of its rows
				}
				cases = append(cases, eval.Case{Source: names[row.source], Attack: row.attack, Score: s.Value})
				size += len(row.text)
				again.add(row)
			})
			if err != nil {
				return err
			}
			if len(cases) == 0 {
				return fmt.Errorf("%w: the files hold no rows", errUsage)
			}
			if scores != "" {
				if err := writeScores(scores, cases); err != nil {
					return err
				}
			}
			threshold := c.Model().Card().Benign.Threshold(rate)
			out := struct {
				eval.Report
				Model         string      `json:"model"`
				Rate          float64     `json:"configured_fpr"`
				Bytes         int         `json:"bytes"`
				Cost          eval.Number `json:"us_per_kib"`     // of one core
				TrainedOn     []string    `json:"trained_on"`     // sources of these rows that the model's card lists: their figures are not of unseen texts
				Repeats       int         `json:"repeats"`        // rows whose text came before: intervals count them as others
				Contradicting int         `json:"contradictions"` // rows whose text came before with the other label
			}{
				eval.NewReport(cases, threshold), fmt.Sprintf("sha256:%x", c.Model().Digest()), rate, size, eval.Number(cost),
				trainedOn(c, names), again.same, again.other,
			}
			p := out.Pooled
			lines := []string{
				fmt.Sprintf("%d rows, %d attacks, %.1f µs per KiB", p.N, p.Positives, out.Cost),
				fmt.Sprintf("AUC %.3f, recall %.3f at 1 %% and %.3f at 5 %% of harmless rows", p.AUC, p.Recall["0.01"].Recall, p.Recall["0.05"].Recall),
				fmt.Sprintf("at the threshold for %.3g: %.4f of harmless rows, %.3f of attacks", rate, p.FPR, p.Caught),
			}
			if len(out.TrainedOn) > 0 {
				lines = append(lines, fmt.Sprintf("the model was trained on %q: figures of these are not of unseen texts", out.TrainedOn))
			}
			if again.same+again.other > 0 {
				lines = append(lines, fmt.Sprintf("%d rows repeat the text of another, %d of them with the other label", again.same+again.other, again.other))
			}
			return ui.result(out, lines...)
		},
	}
	cmd.Flags().StringVar(&model, "model", "", "model file to use instead of the built-in one")
	cmd.Flags().StringVar(&scores, "scores", "", "write the score of each row to this file, one a line")
	cmd.Flags().Float64Var(&rate, "rate", 0.01, "false-positive rate that the reported threshold is configured for")
	return cmd
}

// trainedOn lists the sources that the model's card names too.
func trainedOn(c *detect.Classifier, sources map[string]string) []string {
	out := []string{}
	for _, s := range c.Model().Card().Sources {
		if _, ok := sources[s.Name]; ok && !slices.Contains(out, s.Name) {
			out = append(out, s.Name)
		}
	}
	return out
}

// repeats counts rows whose text came before, by hashes of texts.
type repeats struct {
	seed        maphash.Seed
	seen        map[uint64]bool // the label that a text came with first
	same, other int
}

func newRepeats() *repeats {
	return &repeats{seed: maphash.MakeSeed(), seen: make(map[uint64]bool)}
}

func (r *repeats) add(row *text) {
	key := maphash.Bytes(r.seed, bytes.TrimSpace(row.text))
	switch attack, ok := r.seen[key]; {
	case !ok:
		r.seen[key] = row.attack
	case attack == row.attack:
		r.same++
	default:
		r.other++
	}
}

// writeScores writes the score of each row, one a line, so that they can be compared with those of other detectors.
func writeScores(path string, cases []eval.Case) error {
	var lines []byte
	for _, c := range cases {
		lines = append(strconv.AppendFloat(lines, c.Score, 'g', -1, 64), '\n')
	}
	return replaceFile(path, lines)
}
