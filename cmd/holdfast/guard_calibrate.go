package main

import (
	"encoding/json"
	"fmt"
	"slices"
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
