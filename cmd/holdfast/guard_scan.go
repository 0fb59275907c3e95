package main

import (
	"fmt"
	"math"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/guard/detect"
)

func newGuardScan(ui *ui) *cobra.Command {
	var model string
	cmd := &cobra.Command{
		Use:   "scan FILE…",
		Short: "Say which rows look like attacks; exit 1 if one does",
		Long: "Say which rows look like attacks; exit 1 if one does. A row is flagged from the score on that 1 % of the harmless texts of the\n" +
			"model's card have.",
		Example: "  holdfast guard scan texts.jsonl",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := classifier(model)
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
			if math.IsInf(threshold, 1) {
				return fmt.Errorf("%w: the model's card counts too few harmless texts for a threshold: nothing would be flagged", errUsage)
			}
			rows, lines := 0, []string{}
			_, err = scoreFiles(cmd.Context(), c, args, unlabelled, func(_ *text, s *detect.Score) {
				if rows++; s.Value < threshold {
					return
				}
				f := flagged{Row: rows, Score: s.Value, PValue: benign.PValue(s.Value), Rules: []string{}, Start: s.Start, End: s.End}
				for k, id := range ids {
					if s.Rules>>k&1 == 1 {
						f.Rules = append(f.Rules, id)
					}
				}
				found = append(found, f)
				lines = append(lines, fmt.Sprintf("row %d  score %.2f  p %.4f  %v", f.Row, f.Score, f.PValue, f.Rules))
			})
			if err != nil {
				return err
			}
			lines = append(lines, fmt.Sprintf("%d of %d rows flagged", len(found), rows))
			doc := map[string]any{"rows": rows, "threshold": threshold, "flagged": found}
			if len(found) > 0 {
				return ui.refuse(fmt.Errorf("%w: %d rows look like attacks", errRefused, len(found)), doc, lines...)
			}
			return ui.result(doc, lines...)
		},
	}
	cmd.Flags().StringVar(&model, "model", "", "model file to use instead of the built-in one")
	return cmd
}
