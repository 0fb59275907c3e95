package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/detect/eval"
	"github.com/holdfast-ai/holdfast/guard/detect/train"
)

func newGuardTrain(ui *ui) *cobra.Command {
	var output, date string
	var number uint64
	cmd := &cobra.Command{
		Use:     "train -o MODEL FILE…",
		Short:   "Train the detector's model; the same rows give the same file",
		Example: "  holdfast guard train -o model.bin labelled.jsonl",
		Args:    cobra.MinimumNArgs(1),
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
			if errors.Is(err, detect.ErrModel) || errors.Is(err, train.ErrData) {
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
				if !unseen.Left(i) {
					continue
				}
				cases = append(cases, eval.Case{Source: rows[i].Source, Attack: rows[i].Label == 1, Score: unseen.Scores[i]})
			}
			m, err := detect.ParseModel(file)
			if err != nil {
				return err
			}
			report := eval.NewReport(cases, m.Card().Benign.Threshold(0.01))
			return ui.result(map[string]any{"model": fmt.Sprintf("sha256:%x", m.Digest()), "rows": len(rows), "left_out": report, "never_left_out": n - len(cases)},
				fmt.Sprintf("%s: sha256:%x, %d rows", output, m.Digest(), len(rows)),
				fmt.Sprintf("sources left out: AUC %.3f, recall %.3f at 1 %% and %.3f at 5 %%", report.Pooled.AUC, report.Pooled.Recall["0.01"].Recall, report.Pooled.Recall["0.05"].Recall),
				fmt.Sprintf("%d rows are of other sources, which nothing is measured on", n-len(cases)))
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "model file to write (required)")
	cmd.Flags().StringVar(&date, "date", "2026-11-26", "day of the training data")
	cmd.Flags().Uint64Var(&number, "number", 1, "number of the release")
	return cmd
}

// readRows reads rows to train from, with their kinds.
func readRows(paths []string) ([]train.Row, error) {
	var rows []train.Row
	for _, p := range paths {
		f := os.Stdin
		if p != "-" {
			var err error
			if f, err = os.Open(p); err != nil {
				return nil, err
			}
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
