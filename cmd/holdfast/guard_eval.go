package main

import (
	"fmt"
	"math"
	"strconv"

	"github.com/spf13/cobra"

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
			rows, err := readTexts(cmd.Context(), args, labelled)
			if err != nil {
				return err
			}
			scored, cost, measured, err := scoreTexts(cmd.Context(), c, rows)
			if err != nil {
				return err
			}
			if !measured {
				cost = math.NaN()
			}
			cases, size := make([]eval.Case, len(rows)), 0
			for i := range rows {
				cases[i] = eval.Case{Source: rows[i].source, Attack: rows[i].attack, Score: scored[i].Value}
				size += len(rows[i].text)
			}
			if scores != "" {
				if err := writeScores(scores, cases); err != nil {
					return err
				}
			}
			threshold := c.Model().Card().Benign.Threshold(rate)
			out := struct {
				eval.Report
				Model string      `json:"model"`
				Rate  float64     `json:"configured_fpr"`
				Bytes int         `json:"bytes"`
				Cost  eval.Number `json:"us_per_kib"` // of one core
			}{eval.NewReport(cases, threshold), fmt.Sprintf("sha256:%x", c.Model().Digest()), rate, size, eval.Number(cost)}
			p := out.Pooled
			return ui.result(out,
				fmt.Sprintf("%d rows, %d attacks, %.1f µs per KiB", p.N, p.Positives, out.Cost),
				fmt.Sprintf("AUC %.3f, recall %.3f at 1 %% and %.3f at 5 %% of harmless rows", p.AUC, p.Recall["0.01"].Recall, p.Recall["0.05"].Recall),
				fmt.Sprintf("at the threshold for %.3g: %.4f of harmless rows, %.3f of attacks", rate, p.FPR, p.Caught))
		},
	}
	cmd.Flags().StringVar(&model, "model", "", "model file to use instead of the built-in one")
	cmd.Flags().StringVar(&scores, "scores", "", "write the score of each row to this file, one a line")
	cmd.Flags().Float64Var(&rate, "rate", 0.01, "false-positive rate that the reported threshold is configured for")
	return cmd
}

// writeScores writes the score of each row, one a line, so that they can be compared with those of other detectors.
func writeScores(path string, cases []eval.Case) error {
	var lines []byte
	for _, c := range cases {
		lines = append(strconv.AppendFloat(lines, c.Score, 'g', -1, 64), '\n')
	}
	return replaceFile(path, lines)
}
