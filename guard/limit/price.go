package limit

import (
	"math"
	"math/bits"
)

// A Price is what a million tokens cost, in millionths of some currency: 150,000 is 0.15 for a million tokens.
type Price struct {
	Prompt     int64 `json:"prompt" validate:"min=0"`
	Completion int64 `json:"completion" validate:"min=0"`
}

// Cost returns the cost of so many tokens, in millionths of the currency, rounded up. It never overflows: what is too much
// is the largest int64. Negative counts cost nothing.
func (p Price) Cost(prompt, completion int64) int64 {
	return add(part(prompt, p.Prompt), part(completion, p.Completion))
}

func part(tokens, price int64) int64 {
	if tokens <= 0 || price <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(tokens), uint64(price))
	lo, carry := bits.Add64(lo, 1_000_000-1, 0)
	if hi += carry; hi >= 1_000_000 {
		return math.MaxInt64
	}
	q, _ := bits.Div64(hi, lo, 1_000_000)
	return int64(min(q, math.MaxInt64))
}

func add(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
