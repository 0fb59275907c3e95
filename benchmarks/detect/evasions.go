package main

import (
	"errors"

	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/detect/train"
)

// An evasion says what one disguise leaves of the attacks that are caught in clear.
type evasion struct {
	name            string
	caught, attacks int
	wrong, harmless int // harmless rows flagged in disguise
}

// evasionRows bounds the rows of each label that are disguised: evenly from all of dev, whose rows stand source by source.
const evasionRows = 400

// evasions disguises attacks of dev that the built-in model catches, and harmless rows that it passes. The model has seen the
// rows in clear: what is measured is the disguise.
func evasions(c *detect.Classifier, dev []train.Row, threshold float64) ([]evasion, error) {
	var rows [2][]*train.Row
	for i := range dev {
		r := &dev[i]
		flagged := c.Score([]byte(r.Text), r.Trust()).Value >= threshold
		if len(r.Text) < 2000 && r.Kind != "harmful-plain" && flagged == (r.Label == 1) {
			rows[r.Label] = append(rows[r.Label], r)
		}
	}
	for label, all := range rows {
		n := min(len(all), evasionRows)
		rows[label] = make([]*train.Row, n)
		for i := range n {
			rows[label][i] = all[i*len(all)/n]
		}
	}
	if len(rows[0]) == 0 || len(rows[1]) == 0 {
		return nil, errors.New("no rows to disguise")
	}
	random := train.NewRandom(7)
	var out []evasion
	for _, e := range train.Evasions() {
		v := evasion{name: e.Name, attacks: len(rows[1]), harmless: len(rows[0])}
		for label, of := range rows {
			for _, r := range of {
				if c.Score([]byte(e.Apply(r.Text, random)), r.Trust()).Value < threshold {
					continue
				}
				if label == 1 {
					v.caught++
				} else {
					v.wrong++
				}
			}
		}
		out = append(out, v)
	}
	return out, nil
}
