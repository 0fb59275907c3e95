package drift

import (
	"cmp"
	"fmt"
	"math"
)

// A Report compares a window with a baseline. Larger is further away.
type Report struct {
	Inputs int64 // of the window
	// Shift is the largest difference of a channel's means, in standard errors of the window's.
	Shift float64
	// PSI is the population stability index of the norms over ten groups of the baseline: below 0.1 is held stable, above
	// 0.25 shifted, by the custom of credit scoring. Small windows reach more by chance: one in a million exceeds Chance.
	PSI, Chance float64
	// KS is the largest distance of the two distributions of norms, and P the probability of one as large where nothing
	// changed (two-sample Kolmogorov-Smirnov, asymptotic; binning makes it too large rather than too small).
	KS, P float64
}

// Limits say which reports are alarms. A zero field takes the default.
type Limits struct {
	Shift float64 // default 6 standard errors
	PSI   float64 // default 0.25
	P     float64 // default 1e-6
}

// Drifted reports whether any figure is past its limit. One window in some 100,000 is by chance.
func (r Report) Drifted(l Limits) bool {
	return !(r.Shift <= cmp.Or(l.Shift, 6)) || !(r.PSI <= max(cmp.Or(l.PSI, 0.25), r.Chance)) || !(r.P >= cmp.Or(l.P, 1e-6))
}

// minInputs is the least that says something about a distribution.
const minInputs = 30

// Compare holds a window against a baseline. Errors: [ErrProfile] for profiles of other channels, or of less than 30 inputs.
func Compare(baseline, window *Profile) (Report, error) {
	for _, p := range []*Profile{baseline, window} {
		if err := p.Validate(); err != nil {
			return Report{}, err
		}
		if p.Inputs < minInputs {
			return Report{}, fmt.Errorf("%w: %d inputs, want at least %d", ErrProfile, p.Inputs, minInputs)
		}
	}
	if len(baseline.Channels) != len(window.Channels) {
		return Report{}, fmt.Errorf("%w: other channels", ErrProfile)
	}
	r := Report{Inputs: window.Inputs}
	nb, nw := float64(baseline.Inputs), float64(window.Inputs)
	for i, b := range baseline.Channels {
		w := window.Channels[i]
		// The standard error of the difference of two means; a constant channel must stay what it was.
		se := math.Sqrt(b.M2/(nb-1)*(1/nb+1/nw)) + 1e-9*math.Abs(b.Mean) + math.SmallestNonzeroFloat64
		r.Shift = max(r.Shift, math.Abs(w.Mean-b.Mean)/se)
	}
	r.PSI = psi(baseline, window)
	r.Chance = 45 * (1/nb + 1/nw) // by it PSI is distributed as chi-squared with 9 degrees of freedom, and 45 is its 1 - 1e-6 quantile
	cb, cw := 0.0, 0.0
	for i := range bins {
		cb += float64(baseline.Norms[i]) / nb
		cw += float64(window.Norms[i]) / nw
		r.KS = max(r.KS, math.Abs(cb-cw))
	}
	r.P = kolmogorov(r.KS * math.Sqrt(nb*nw/(nb+nw)))
	return r, nil
}

// psi sums (w - b) ln(w / b) over groups of bins that hold a tenth of the baseline each, half an input added to every group
// so that an empty one is not infinite.
func psi(b, w *Profile) float64 {
	var sum, nb, nw, kb, kw, done float64
	group := func() {
		x, y := (kb+0.5)/(nb+5), (kw+0.5)/(nw+5)
		sum += (y - x) * math.Log(y/x)
		kb, kw = 0, 0
	}
	nb, nw = float64(b.Inputs), float64(w.Inputs)
	for i := range bins {
		kb += float64(b.Norms[i])
		kw += float64(w.Norms[i])
		if done+kb >= nb/10 && kb > 0 {
			done = 0
			group()
		}
	}
	group()
	return sum
}

// kolmogorov is the probability that the Kolmogorov distribution exceeds x.
func kolmogorov(x float64) float64 {
	if x < 0.2 { // the series converges slowly there, and is 1 to twelve digits
		return 1
	}
	p, sign := 0.0, 1.0
	for k := 1.0; k <= 100; k++ {
		t := math.Exp(-2 * k * k * x * x)
		p += 2 * sign * t
		if t < 1e-16 {
			break
		}
		sign = -sign
	}
	return min(max(p, 0), 1)
}
