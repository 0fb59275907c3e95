package eval_test

import (
	"fmt"

	"github.com/holdfast-ai/holdfast/guard/detect/eval"
)

// The threshold that one harmless text in five exceeds, and the attacks above it, with the interval that so few of them leave.
func ExampleThreshold() {
	harmless, attacks := []float64{-3, -2, -1, 0, 2}, []float64{1, 3, 4, -1}
	threshold := eval.Threshold(harmless, 0.2)
	caught := eval.Above(attacks, threshold)
	interval := eval.Wilson(caught, len(attacks))
	fmt.Printf("AUC %.2f; above %v are %d of %d attacks, 95 %% between %.2f and %.2f\n", eval.AUC(attacks, harmless), threshold, caught, len(attacks), interval[0], interval[1])
	// Output:
	// AUC 0.82; above 0 are 3 of 4 attacks, 95 % between 0.30 and 0.95
}
