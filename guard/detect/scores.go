package detect

import (
	"encoding/json"
	"errors"
	"math"
)

// Scores counts scores of harmless texts, in bins of equal width. It holds no text and its memory is bounded; two can
// be added. The zero value is empty. It is not safe for concurrent use.
type Scores struct {
	n    uint64
	bins [scoreBins]uint64
}

// Scores are log-odds; what is outside this range is far beyond any threshold.
const (
	scoreBins  = 2048
	scoreWidth = 1.0 / 32
	scoreLeast = -32.0
)

func bin(score float64) int {
	if math.IsNaN(score) {
		return scoreBins - 1 // a score that cannot be compared counts as the highest
	}
	return int(min(max(math.Floor((score-scoreLeast)/scoreWidth), 0), scoreBins-1))
}

// Add counts one score.
func (s *Scores) Add(score float64) {
	s.n++
	s.bins[bin(score)]++
}

// Merge adds the counts of another.
func (s *Scores) Merge(other *Scores) {
	s.n += other.n
	for i, k := range other.bins {
		s.bins[i] += k
	}
}

// N returns the number of scores.
func (s *Scores) N() uint64 { return s.n }

// PValue returns the share of harmless texts that score at least as high, the text itself counted among them: if harmless
// traffic is like that which was counted, a p-value of at most r turns up with probability of at most r (conformal
// prediction; Vovk, Gammerman, Shafer 2005). Nothing counted gives 1.
func (s *Scores) PValue(score float64) float64 {
	above := uint64(0)
	for i := bin(score); i < scoreBins; i++ {
		above += s.bins[i]
	}
	return float64(above+1) / float64(s.n+1)
}

// Threshold returns the least score whose p-value is at most rate; a text is flagged if it scores at least that. Where
// too few texts were counted to say, it is +Inf: 1/rate - 1 are needed. A rate that is no number flags everything.
func (s *Scores) Threshold(rate float64) float64 {
	above := uint64(0)
	for i := scoreBins - 1; i >= 0; i-- {
		above += s.bins[i]
		if float64(above+1) > rate*float64(s.n+1) {
			if i == scoreBins-1 {
				return math.Inf(1)
			}
			return scoreLeast + float64(i+1)*scoreWidth
		}
	}
	return math.Inf(-1)
}

// Drift measures how far the scores of now have moved from those of the calibration: the largest difference of the two
// distributions (Kolmogorov-Smirnov, 0 to 1) and whether chance explains it, at a level of 0.1 %. Attacks among the traffic move
// it too: it says that thresholds should be looked at, not why.
func (s *Scores) Drift(now *Scores) (distance float64, moved bool) {
	if s.n == 0 || now.n == 0 {
		return 0, false
	}
	var a, b uint64
	for i := range scoreBins {
		a += s.bins[i]
		b += now.bins[i]
		distance = max(distance, math.Abs(float64(a)/float64(s.n)-float64(b)/float64(now.n)))
	}
	const level = 1.95 // sqrt(-ln(0.001/2)/2)
	n, m := float64(s.n), float64(now.n)
	return distance, distance > level*math.Sqrt((n+m)/(n*m))
}

var errScores = errors.New("detect: counts of scores are out of range")

// MarshalJSON writes the bins that are not empty as pairs of number and count.
func (s *Scores) MarshalJSON() ([]byte, error) {
	pairs := [][2]uint64{}
	for i, k := range s.bins {
		if k > 0 {
			pairs = append(pairs, [2]uint64{uint64(i), k})
		}
	}
	return json.Marshal(pairs)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Scores) UnmarshalJSON(data []byte) error {
	var pairs [][]uint64 // an array of Go's would take lists of any length
	if err := json.Unmarshal(data, &pairs); err != nil {
		return errScores
	}
	*s = Scores{}
	last := -1
	for _, p := range pairs {
		if len(p) != 2 || p[0] >= scoreBins || int(p[0]) <= last || p[1] == 0 || p[1] > 1<<40 {
			return errScores
		}
		last = int(p[0])
		s.bins[last] = p[1]
		s.n += p[1]
	}
	return nil
}
