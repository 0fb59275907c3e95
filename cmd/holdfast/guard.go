package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/guard/detect"
)

func newGuard(ui *ui) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "guard",
		Short: "Score texts for prompt injection, measure and train the detector",
		Long: `Score texts for prompt injection, measure and train the detector.

Files are JSON lines {"text", "label", "source", "lang", "role"}; "-" is standard input. label is 1 or true for an attack, 0 or false
for harmless text, and only scan and calibrate take rows without one, calibrate as harmless; role is user (default), tool or
document; other fields are ignored, but train reads the kind too. Rows are scored some at a time: files may be of any size, but
train keeps them all. No output holds any text.`,
		Args: cobra.ArbitraryArgs,
		RunE: group,
	}
	cmd.AddCommand(newGuardPolicy(ui), newGuardScan(ui), newGuardEval(ui), newGuardCalibrate(ui), newGuardTrain(ui))
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
