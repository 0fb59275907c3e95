package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/detect/eval"
	"github.com/holdfast-ai/holdfast/guard/detect/train"
)

func newGuard(ui *ui) *cobra.Command {
	cmd := &cobra.Command{
		Use: "guard", Short: "Score texts for prompt injection, measure and train the detector", Args: cobra.ArbitraryArgs, RunE: group,
		Long: `Score texts for prompt injection, measure and train the detector.

Files are JSON lines {"text", "label", "source", "lang", "role"}; "-" is standard input. label is 1 or true for an attack, 0 or false
for harmless text, and only scan and calibrate take rows without one, calibrate as harmless; role is user (default), tool or
document; other fields are ignored, but train reads the kind too. No output holds any text.`,
	}
	cmd.AddCommand(newGuardScan(ui), newGuardEval(ui), newGuardCalibrate(ui), newGuardTrain(ui))
	return cmd
}

// classifier builds the detector, with the built-in model or that of a file of the operator's own making.
func classifier(model string) (*detect.Classifier, error) {
	m, err := detect.NewModel()
	if model != "" {
		var data []byte
		if data, err = readFile(model, 4<<20); err != nil {
			return nil, err
		}
		m, err = detect.ParseModel(data)
	}
	if err != nil {
		return nil, err
	}
	rules, err := detect.NewSignals()
	if err != nil {
		return nil, err
	}
	c, err := detect.NewClassifier(rules, m, map[detect.Trust]float64{}) // scores are all that is asked
	if err != nil {
		return nil, err
	}
	if ids := c.Unmatched(); ids != nil {
		return nil, fmt.Errorf("%w: trained beside other rules, it has weights for %q", detect.ErrModel, ids)
	}
	return c, nil
}

func readRows(paths []string) ([]train.Row, error) {
	var rows []train.Row
	for _, p := range paths {
		f, err := os.Open(p)
		if err != nil {
			return nil, err
		}
		r, err := train.Read(f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		rows = append(rows, r...)
	}
	return rows, nil
}

func newGuardScan(ui *ui) *cobra.Command {
	var model string
	cmd := &cobra.Command{
		Use: "scan FILE…", Short: "Say which rows look like attacks; exit 1 if one does", Long: `Say which rows look like attacks; exit 1 if one does. A row is flagged from the score on
that 1 % of the harmless texts of the model's card have.`, Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := classifier(model)
			if err != nil {
				return err
			}
			rows, err := readTexts(cmd.Context(), args, unlabelled)
			if err != nil {
				return err
			}
			scores, _, _, err := scoreTexts(cmd.Context(), c, rows)
			if err != nil {
				return err
			}
			type flagged struct {
				Row    int      `json:"row"` // counted from 1 over all files
				Score  float64  `json:"score"`
				PValue float64  `json:"p_value"`
				Rules  []string `json:"rules"`
				Start  int      `json:"start"`
				End    int      `json:"end"`
			}
			found := []flagged{}
			benign, ids := c.Model().Card().Benign, c.Rules().WordRules()
			threshold := benign.Threshold(0.01)
			lines := []string{}
			for i, s := range scores {
				if s.Value < threshold {
					continue
				}
				f := flagged{Row: i + 1, Score: s.Value, PValue: benign.PValue(s.Value), Rules: []string{}, Start: s.Start, End: s.End}
				for k, id := range ids {
					if s.Rules>>k&1 == 1 {
						f.Rules = append(f.Rules, id)
					}
				}
				found = append(found, f)
				lines = append(lines, fmt.Sprintf("row %d  score %.2f  p %.4f  %v", f.Row, f.Score, f.PValue, f.Rules))
			}
			lines = append(lines, fmt.Sprintf("%d of %d rows flagged", len(found), len(rows)))
			if err := ui.result(map[string]any{"rows": len(rows), "threshold": threshold, "flagged": found}, lines...); err != nil {
				return err
			}
			if len(found) > 0 {
				return fmt.Errorf("%w: %d rows look like attacks", errRefused, len(found))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&model, "model", "", "model file to use instead of the built-in one")
	return cmd
}

func newGuardEval(ui *ui) *cobra.Command {
	var model, scores string
	var rate float64
	cmd := &cobra.Command{
		Use: "eval FILE…", Short: "Measure the detector on labelled rows", Args: cobra.MinimumNArgs(1),
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

func writeScores(path string, cases []eval.Case) error {
	var lines []byte
	for _, c := range cases {
		lines = append(strconv.AppendFloat(lines, c.Score, 'g', -1, 64), '\n')
	}
	return replaceFile(path, lines)
}

func newGuardCalibrate(ui *ui) *cobra.Command {
	var model, output string
	cmd := &cobra.Command{
		Use: "calibrate FILE…", Short: "Count scores of harmless rows and say which thresholds they need", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := classifier(model)
			if err != nil {
				return err
			}
			rows, err := readTexts(cmd.Context(), args, unlabelled)
			if err != nil {
				return err
			}
			rows = slices.DeleteFunc(rows, func(r text) bool { return r.attack })
			scores, _, _, err := scoreTexts(cmd.Context(), c, rows)
			if err != nil {
				return err
			}
			counts, all := detect.NewCalibration(), new(detect.Scores)
			for i := range rows {
				r, v := &rows[i], scores[i].Value
				counts.Add(detect.Group{Route: r.role, Lang: r.lang, Length: detect.LengthClass(len(r.text))}, v)
				all.Add(v)
			}
			of := c.Digest()
			data, err := json.Marshal(struct { // with a profile it is the calibration of a policy
				Detector string              `json:"detector"`
				Groups   *detect.Calibration `json:"groups"`
			}{hexOf(of), counts})
			if err != nil {
				return err
			}
			if output != "" {
				if err := replaceFile(output, append(data, '\n')); err != nil {
					return err
				}
			}
			distance, moved := c.Model().Card().Benign.Drift(all)
			lines := []string{fmt.Sprintf("%d harmless rows", all.N())}
			thresholds := map[string]eval.Number{}
			for _, rate := range []float64{0.001, 0.01, 0.05} {
				t := all.Threshold(rate)
				thresholds[strconv.FormatFloat(rate, 'g', -1, 64)] = eval.Number(t)
				lines = append(lines, fmt.Sprintf("%g of them: score of at least %.3f", rate, t))
			}
			lines = append(lines, fmt.Sprintf("distance to the model's own harmless texts %.3f", distance))
			return ui.result(map[string]any{"n": all.N(), "thresholds": thresholds, "distance": distance, "moved": moved}, lines...)
		},
	}
	cmd.Flags().StringVar(&model, "model", "", "model file to use instead of the built-in one")
	cmd.Flags().StringVarP(&output, "output", "o", "", "write the counts to this file: with a profile, the calibration of a guard policy")
	return cmd
}

func newGuardTrain(ui *ui) *cobra.Command {
	var output, date string
	var number uint64
	cmd := &cobra.Command{
		Use: "train -o MODEL FILE…", Short: "Train the detector's model; the same rows give the same file", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if output == "" {
				return fmt.Errorf("%w: -o is missing", errUsage)
			}
			rows, err := readRows(args)
			if err != nil {
				return err
			}
			n := len(rows)
			own, err := train.Generate(rows)
			if err != nil {
				return err
			}
			rows = append(rows, own...)
			file, unseen, err := interruptible(cmd.Context(), func() ([]byte, *train.Unseen, error) {
				return train.Model(rows, train.Defaults(), number, date)
			})
			if errors.Is(err, detect.ErrModel) {
				return fmt.Errorf("%w: these rows make no model, too few or of too few sources: %w", errUsage, err)
			}
			if err != nil {
				return err
			}
			if err := replaceFile(output, file); err != nil {
				return err
			}
			cases := make([]eval.Case, 0, n)
			for i := range rows[:n] {
				cases = append(cases, eval.Case{Source: rows[i].Source, Attack: rows[i].Label == 1, Score: unseen.Scores[i]})
			}
			m, err := detect.ParseModel(file)
			if err != nil {
				return err
			}
			report := eval.NewReport(cases, m.Card().Benign.Threshold(0.01))
			return ui.result(map[string]any{"model": fmt.Sprintf("sha256:%x", m.Digest()), "rows": len(rows), "left_out": report},
				fmt.Sprintf("%s: sha256:%x, %d rows", output, m.Digest(), len(rows)),
				fmt.Sprintf("sources left out: AUC %.3f, recall %.3f at 1 %% and %.3f at 5 %%", report.Pooled.AUC, report.Pooled.Recall["0.01"].Recall, report.Pooled.Recall["0.05"].Recall))
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "model file to write")
	cmd.Flags().StringVar(&date, "date", "2026-11-26", "day of the training data")
	cmd.Flags().Uint64Var(&number, "number", 1, "number of the release")
	return cmd
}

// interruptible runs f, which does not watch ctx, and leaves it alone when ctx ends.
func interruptible(ctx context.Context, f func() ([]byte, *train.Unseen, error)) ([]byte, *train.Unseen, error) {
	type result struct {
		file   []byte
		unseen *train.Unseen
		err    error
	}
	done := make(chan result, 1)
	go func() {
		file, unseen, err := f()
		done <- result{file, unseen, err}
	}()
	select {
	case r := <-done:
		return r.file, r.unseen, r.err
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
}
