package train

import (
	"slices"
	"testing"
)

// A long attack is learnt from its highest window; harmless rows, and attacks whose place is known, from all of theirs.
func TestPeaks(t *testing.T) {
	rows := []prepared{{Row: Row{Label: 1}}, {Row: Row{Label: 0}}, {Row: Row{Label: 1, Span: []int{3, 9}}}}
	window := func(row int32, feature uint32, positive bool) sample {
		return sample{features: []uint32{feature}, row: row, positive: positive}
	}
	samples := []sample{
		window(0, 0, true), window(0, 1, true), window(0, 2, false),
		window(1, 0, false), window(1, 1, false),
		window(2, 0, true), window(2, 1, false),
	}
	var got []uint32
	for _, s := range peaks(rows, samples, []float32{-1, 2, 1, 0}) {
		got = append(got, uint32(s.row)<<8|s.features[0])
	}
	if want := []uint32{1, 0x100, 0x101, 0x200, 0x201}; !slices.Equal(got, want) {
		t.Errorf("%#x are kept, want %#x", got, want)
	}
}

// What is found on both sides alike may weigh nothing, what is rare little, and the sides are told apart.
func TestLinear(t *testing.T) {
	var samples []sample
	for i := range 40 {
		s := sample{features: []uint32{0, 1 + uint32(i%2)}, positive: i%2 == 1, cost: 1}
		if i < 2 {
			s.features = append(s.features, 3+uint32(i))
		}
		samples = append(samples, s)
	}
	worth := worths(samples, 8)
	if worth[0] != 0 || worth[3] == 0 || worth[3] >= worth[1] {
		t.Errorf("worths are %v", worth)
	}
	w := linear(samples, worth, 20)
	if w[0] != 0 || w[1] >= 0 || w[2] <= 0 || w[3] >= 0 || w[4] <= 0 {
		t.Errorf("weights are %v", w)
	}
	for i := range samples {
		if s := &samples[i]; s.dot(w)*s.sign() < 0.5 {
			t.Errorf("sample %d scores %v", i, s.dot(w))
		}
	}
}
