package main

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/detect/eval"
)

func newGuardCalibrate(ui *ui) *cobra.Command {
	var model, output string
	cmd := &cobra.Command{
		Use:     "calibrate FILE…",
		Short:   "Count scores of harmless rows and say which thresholds they need",
		Example: "  holdfast guard calibrate -o calibration.json harmless.jsonl",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := classifier(model)
			if err != nil {
				return err
			}
			counts, all, again := detect.NewCalibration(), new(detect.Scores), newRepeats()
			_, err = scoreFiles(cmd.Context(), c, args, unlabelled, func(row *text, s *detect.Score) {
				if row.attack {
					return
				}
				counts.Add(detect.Group{Route: row.route(), Lang: row.lang, Length: detect.LengthClass(len(row.text))}, s.Value)
				all.Add(s.Value)
				again.add(row)
			})
			if err != nil {
				return err
			}
			if all.N() == 0 {
				return fmt.Errorf("%w: the files hold no harmless rows", errUsage)
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
				t, err := counts.Threshold(detect.Group{}, rate)
				thresholds[strconv.FormatFloat(rate, 'g', -1, 64)] = eval.Number(t)
				if err != nil {
					lines = append(lines, fmt.Sprintf("%g of them: too few rows to say", rate))
					continue
				}
				lines = append(lines, fmt.Sprintf("%g of them: score of at least %.3f", rate, t))
			}
			if again.same > 0 {
				lines = append(lines, fmt.Sprintf("%d rows repeat the text of another, and count as often as they are there", again.same))
			}
			lines = append(lines, fmt.Sprintf("distance to the model's own harmless texts %.3f", distance))
			return ui.result(map[string]any{"n": all.N(), "thresholds": thresholds, "distance": distance, "moved": moved, "repeats": again.same}, lines...)
		},
	}
	cmd.Flags().StringVar(&model, "model", "", "model file to use instead of the built-in one")
	cmd.Flags().StringVarP(&output, "output", "o", "", "write the counts to this file: with a profile, the calibration of a guard policy")
	return cmd
}
