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
	cost     float32 // C of its loss
}

// logistic fits a logistic regression with L2 regularisation over samples of length 1, whose features have one value and
// whose meanings have [detect.Strength] times that, by coordinate descent on the dual (Yu, Huang, Lin: Dual coordinate descent methods for logistic
// regression and maximum entropy models, 2011). It is deterministic: one goroutine, a fixed order, no fused operations.
// The last weight is the bias.
func logistic(samples []sample, size, epochs int) []float32 {
	w := make([]float32, size+1)
	alpha := make([]float64, len(samples))
	order := make([]int32, len(samples))
	for i := range samples {
		order[i] = int32(i)
		alpha[i] = math.Min(1e-3*float64(samples[i].cost), 1e-6)
		s := &samples[i]
		s.add(w, float32(alpha[i])*s.sign())
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
			b := float64(s.dot(w)) * float64(s.sign())
			next := newton(alpha[i], b, c)
			d := next - alpha[i]
			moved += math.Abs(d) / c
			if d != 0 {
				alpha[i] = next
				s.add(w, float32(d)*s.sign())
			}
		}
		if epoch > 2 && moved/float64(len(order)) < 2e-3 {
			break
		}
	}
	return w
}

// newton solves for the dual variable of one sample whose margin is b: the squared norm of a sample is 2, its features
// and the bias.
func newton(alpha, b, c float64) float64 {
	const norm = 2
	z := alpha
	for range 8 {
		z = math.Min(math.Max(z, 1e-12*c), c*(1-1e-12))
		g := float64(norm*(z-alpha)) + b + math.Log(z/(c-z))
		h := norm + c/(float64(z*(c-z)))
		step := g / h
		next := z - step
		switch { // stay inside: shrink towards the border that was crossed
		case next <= 0:
			next = z / 10
		case next >= c:
			next = c - (c-z)/10
		}
		if math.Abs(next-z) < 1e-6*c {
			return next
		}
		z = next
	}
	return z
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

func (s *sample) add(w []float32, d float32) {
	w[len(w)-1] += d
	d *= s.value()
	for _, k := range s.features {
		w[k] += d
	}
	d *= detect.Strength
	for _, k := range s.meanings {
		w[k] += d
	}
}
