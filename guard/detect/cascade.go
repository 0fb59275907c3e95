package detect

import (
	"context"
	"errors"
	"math"
)

// A Cascade is a classifier with a second detector behind it, which reads only what the classifier is not sure about: a neural model in the
// same process, say, that costs a thousand times as much. A model behind HTTP is package judge's, which asks no more than a share of all.
// It is immutable, and safe for concurrent use if the second detector is.
type Cascade struct {
	first     *Classifier
	second    Detector
	low, high float64
}

var errBand = errors.New("detect: a cascade needs two detectors and a band of scores from low to high")

// NewCascade puts second behind first. It reads views whose highest score, in log-odds, lies in [low, high): those below pass, and those
// above are for the first to report. The operator's own texts count for nothing.
func NewCascade(first *Classifier, second Detector, low, high float64) (*Cascade, error) {
	if first == nil || second == nil || !(low < high) { // nor NaN
		return nil, errBand
	}
	return &Cascade{first, second, low, high}, nil
}

// Detect reports what the classifier does and, where it is not sure, what the second detector does. An error is the second's: the check
// did not happen.
func (c *Cascade) Detect(ctx context.Context, v View, findings []Finding) ([]Finding, error) {
	findings, score := c.first.detectAt(v, findings, nil)
	if math.IsNaN(score) || score >= c.low && score < c.high {
		return c.second.Detect(ctx, v, findings)
	}
	return findings, nil
}

var _ Detector = (*Cascade)(nil)
