package train

import (
	"math"

	"github.com/holdfast-ai/holdfast/guard/detect"
)

// sample is one window: the distinct features it has, its class and how much it weighs.
type sample struct {
	features []uint32
	meanings []uint32 // features that count more
	positive bool
	narrow   bool
	row      int32   // that it is of
	cost     float32 // C of its loss
}

// linear fits weights and a bias, the last weight, with the squared hinge loss and L2 regularisation over samples of length 1, whose features have
// one value and whose meanings have [detect.Strength] times that, by coordinate descent on the dual (Hsieh, Chang, Lin, Keerthi, Sundararajan: A dual
// coordinate descent method for large-scale linear SVM, 2008). What worth says of a feature divides the penalty of its weight. It is deterministic: one
// goroutine, a fixed order, no fused operations.
func linear(samples []sample, worth []float32, epochs int) []float32 {
	w := make([]float32, len(worth)+1)
	alpha := make([]float64, len(samples))
	norm := make([]float64, len(samples))
	order := make([]int32, len(samples))
	for i := range samples {
		order[i] = int32(i)
		norm[i] = samples[i].norm(worth)
	}
	state := uint64(1)
	for epoch := range epochs {
		for i := len(order) - 1; i > 0; i-- { // Fisher-Yates with a fixed generator
			state = state*6364136223846793005 + 1442695040888963407
			j := int((state >> 33) % uint64(i+1))
			order[i], order[j] = order[j], order[i]
		}
		var moved float64
		for _, i := range order {
			s := &samples[i]
			c := float64(s.cost)
			if c == 0 {
				continue
			}
			slope := float64(s.dot(w)*s.sign()) - 1 + alpha[i]/(2*c)
			d := math.Max(-slope/(norm[i]+1/(2*c)), -alpha[i])
			if d != 0 {
				moved += math.Abs(d) / c
				alpha[i] += d
				s.add(w, worth, float32(d)*s.sign())
			}
		}
		if epoch > 2 && moved/float64(len(order)) < 2e-3 {
			break
		}
	}
	return w
}

// worths says how much weights may grow: the root of how often, in log-odds, a feature is found on one side rather than on the other, so that
// many features that say nothing do not explain together what few features explain (compare Wang, Manning: Baselines and bigrams, 2012).
// The mean over the samples is 1.
func worths(samples []sample, size int) []float32 {
	const seenBefore = 1 // on both sides: what is rare proves little
	count := [2][]float64{make([]float64, size), make([]float64, size)}
	var all [2]float64
	for i := range samples {
		s := &samples[i]
		side := 0
		if s.positive {
			side = 1
		}
		all[side] += float64(s.cost)
		for _, f := range [][]uint32{s.features, s.meanings} {
			for _, k := range f {
				count[side][k] += float64(s.cost)
			}
		}
	}
	worth := make([]float32, size)
	usual := math.Log((all[1] + 2*seenBefore) / (all[0] + 2*seenBefore))
	for k := range worth {
		odds := math.Log((count[1][k]+seenBefore)/(count[0][k]+seenBefore)) - usual
		worth[k] = float32(math.Sqrt(math.Abs(odds)))
	}
	var sum float64
	for i := range samples {
		sum += samples[i].norm(worth) - 1
	}
	for k := range worth {
		worth[k] *= float32(float64(len(samples)) / sum)
	}
	return worth
}

func (s *sample) sign() float32 {
	if s.positive {
		return 1
	}
	return -1
}

// value is that of each feature: it makes the sample a vector of length 1.
func (s *sample) value() float32 {
	return float32(1 / math.Sqrt(float64(max(len(s.features)+detect.Strength*detect.Strength*len(s.meanings), 1))))
}

// norm returns the squared length of the sample, by the worth of its features, and of the bias.
func (s *sample) norm(worth []float32) float64 {
	v := s.value()
	return 1 + float64(v*v*(sumOf(worth, s.features)+float32(detect.Strength*detect.Strength*sumOf(worth, s.meanings))))
}

// dot returns the score of the sample.
func (s *sample) dot(w []float32) float32 {
	a := sumOf(w, s.features)
	b := sumOf(w, s.meanings)
	return float32((a+float32(detect.Strength*b))*s.value()) + w[len(w)-1]
}

func sumOf(w []float32, f []uint32) float32 {
	var a, b float32
	for len(f) >= 2 {
		a += w[f[0]]
		b += w[f[1]]
		f = f[2:]
	}
	for _, k := range f {
		a += w[k]
	}
	return a + b
}

func (s *sample) add(w, worth []float32, d float32) {
	w[len(w)-1] += d
	d *= s.value()
	for _, k := range s.features {
		w[k] += float32(d * worth[k])
	}
	d *= detect.Strength
	for _, k := range s.meanings {
		w[k] += float32(d * worth[k])
	}
}
