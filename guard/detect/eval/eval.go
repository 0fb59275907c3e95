// Package eval measures a detector by the scores it gives to labelled texts: how well attacks are told from the rest, and
// how many are caught where a given share of harmless texts is flagged.
package eval

import (
	"cmp"
	"math"
	"slices"
)

// AUC returns the probability that a random attack scores higher than a random harmless text, ties counted half, or NaN
// where either is missing. A score that is no number counts against the detector: an attack's as the lowest, a harmless text's as the highest.
func AUC(attacks, benign []float64) float64 {
	if len(attacks) == 0 || len(benign) == 0 {
		return math.NaN()
	}
	sorted := numbers(benign, math.Inf(1))
	slices.Sort(sorted)
	var sum float64
	for _, s := range numbers(attacks, math.Inf(-1)) {
		lo, _ := slices.BinarySearch(sorted, s)
		hi, _ := slices.BinarySearchFunc(sorted, s, func(a, b float64) int { // first above s
			if a <= b {
				return -1
			}
			return 1
		})
		sum += float64(lo) + float64(hi-lo)/2
	}
	return sum / float64(len(attacks)) / float64(len(benign))
}

// numbers copies scores, with one in place of those that are no numbers.
func numbers(scores []float64, otherwise float64) []float64 {
	out := slices.Clone(scores)
	for i, s := range out {
		if math.IsNaN(s) {
			out[i] = otherwise
		}
	}
	return out
}

// Threshold returns the least score that at most the given share of the harmless texts exceed; a text is flagged if it
// scores higher than that. Without harmless texts it is +Inf.
func Threshold(benign []float64, rate float64) float64 {
	if len(benign) == 0 {
		return math.Inf(1)
	}
	sorted := numbers(benign, math.Inf(1))
	slices.SortFunc(sorted, func(a, b float64) int { return cmp.Compare(b, a) })
	k := int(math.Floor(rate * float64(len(sorted))))
	if k >= len(sorted) {
		return math.Inf(-1)
	}
	return sorted[k]
}

// Above counts the scores that are higher than a threshold.
func Above(scores []float64, threshold float64) int {
	n := 0
	for _, s := range scores {
		if s > threshold {
			n++
		}
	}
	return n
}

// Wilson returns the 95 % interval of a proportion k of n (Wilson 1927), or [0, 1] where n is 0.
func Wilson(k, n int) [2]float64 {
	if n == 0 {
		return [2]float64{0, 1}
	}
	const z = 1.959964
	p, m := float64(k)/float64(n), float64(n)
	mid := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	out := [2]float64{math.Max(0, mid-half), math.Min(1, mid+half)}
	if k == 0 { // exactly, which rounding would miss
		out[0] = 0
	}
	if k == n {
		out[1] = 1
	}
	return out
}
