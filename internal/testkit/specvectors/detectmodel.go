package main

import (
	"fmt"
	"math/bits"

	"github.com/holdfast-ai/holdfast/guard/detect"
)

// detectModelVectors are the payload of a detector's model file, and faults of one each.
func detectModelVectors() ([]vector, error) {
	card := detect.ModelCard{
		Number: 7, Date: "2026-11-26", Expires: "2027-01-31", Scale: 0.03125, Bias: -1.5, Benign: new(detect.Scores),
		Combine: detect.Combination{
			Bias: -2, Windows: []float64{0.5, 1, 0.25}, Length: -0.5, Known: 4,
			Rules: map[string]float64{"injection.override": 0.5}, Outside: map[string]float64{"injection.override": 0.25},
		},
		Sources: []detect.ModelSource{{Name: "one", Attacks: 2, Benign: 3, Licence: "CC0-1.0"}},
		Data:    hexOf(fill(32, 1)),
	}
	for i := range 5000 {
		card.Benign.Add(float64(i%100) / 16)
	}
	weights := make([]int8, 256)
	for i := range weights {
		weights[i] = int8(bits.Reverse8(uint8(i)))
	}
	good, err := detect.AppendModel(nil, card, weights)
	if err != nil {
		return nil, err
	}
	out := []vector{}
	for _, v := range []struct {
		name string
		file []byte
	}{
		{"of 256 weights", good}, {"another weight", flip(good, len(good)-1)}, {"a weight too few", good[:len(good)-1]}, {"a byte too many", append(good[:len(good):len(good)], 0)},
		{"of another version", flip(good, len("holdfast/detect-model/v"))}, {"a header that is longer than the file", flip(good, len("holdfast/detect-model/v2\n")+1)}, {"nothing", nil},
	} {
		result := map[string]any{"accepted": false}
		if m, err := detect.ParseModel(v.file); err == nil {
			c, digest := m.Card(), m.Digest()
			result = map[string]any{
				"accepted": true, "digest": hexOf(digest[:]), "number": c.Number, "expires": c.Expires, "bits": c.Bits, "scale": c.Scale, "bias": c.Bias,
				"windows": c.Combine.Windows, "rules": c.Combine.Rules, "harmless": c.Benign.N(), "first": weights[:8], "sum": total(weights),
			}
		} else if v.name == "of 256 weights" {
			return nil, fmt.Errorf("a good model is refused: %w", err)
		}
		out = append(out, vector{v.name, "detect-model", map[string]any{"payload": hexOf(v.file)}, result})
	}
	return out, nil
}

// flip returns a copy with the lowest bit of one byte changed.
func flip(b []byte, i int) []byte {
	b = append([]byte(nil), b...)
	b[i] ^= 1
	return b
}

func total(weights []int8) int {
	sum := 0
	for _, w := range weights {
		sum += int(w)
	}
	return sum
}
