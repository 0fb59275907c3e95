package llama

import (
	"cmp"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
)

// ErrNumeric means that the model computed no finite scores: its weights are broken or were altered.
var ErrNumeric = errors.New("llama: logits are not finite")

// Sampling says how to choose the next token. Its zero value is greedy.
type Sampling struct {
	Temperature float64 // 0: the most likely token; else logits are divided by it
	TopP        float64 // keep the most likely tokens up to this total probability; 0 and 1 keep all
	Seed        uint64  // the same seed, model and prompt give the same text
}

// A Sampler draws tokens. It is not safe for concurrent use.
type Sampler struct {
	o     Sampling
	r     *rand.Rand
	p     []float64
	order []int32
}

// NewSampler makes a sampler for a vocabulary of n tokens.
func NewSampler(n int, o Sampling) *Sampler {
	return &Sampler{o: o, r: rand.New(rand.NewPCG(o.Seed, 0)), p: make([]float64, n), order: make([]int32, n)}
}

// Next returns a token for the logits, whose length must be the sampler's. It does not allocate. Errors: [ErrNumeric].
func (s *Sampler) Next(logits []float32) (int, error) {
	best := 0
	for i, v := range logits {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return 0, ErrNumeric
		}
		if v > logits[best] {
			best = i
		}
	}
	if s.o.Temperature <= 0 {
		return best, nil
	}
	var sum float64
	for i, v := range logits {
		s.p[i] = math.Exp(float64(v-logits[best]) / s.o.Temperature)
		s.order[i] = int32(i)
		sum += s.p[i]
	}
	keep := s.order
	if s.o.TopP > 0 && s.o.TopP < 1 {
		slices.SortFunc(keep, func(a, b int32) int { return cmp.Or(cmp.Compare(s.p[b], s.p[a]), cmp.Compare(a, b)) })
		var mass float64
		for i, id := range keep {
			if mass += s.p[id]; mass >= s.o.TopP*sum {
				keep, sum = keep[:i+1], mass
				break
			}
		}
	}
	u := s.r.Float64() * sum
	for _, id := range keep {
		if u -= s.p[id]; u < 0 {
			return int(id), nil
		}
	}
	return best, nil // rounding left a rest
}
