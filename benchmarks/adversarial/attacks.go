package main

import (
	"math"
	"math/rand/v2"
)

func clamp(x, lo, hi float32) float32 { return min(max(x, lo), hi) }

// pgd is projected gradient ascent on the loss within eps of the image, in the largest norm; one step is FGSM.
func (n *network) pgd(x *image, label int, eps float32, steps int) image {
	a := *x
	rate := eps
	if steps > 1 {
		rate = 2.5 * eps / float32(steps)
	}
	for range steps {
		g := n.gradient(&a, label)
		for i := range a {
			step := rate
			if g[i] < 0 {
				step = -rate
			}
			a[i] = clamp(clamp(a[i]+step, x[i]-eps, x[i]+eps), 0, 1)
		}
	}
	return a
}

// adaptive is pgd by somebody who knows the checks: values stay on the grid of 8-bit pixels, and the mean and the norm of
// the image stay what they were, so that windows of inputs look as before.
func (n *network) adaptive(x *image, label int, eps float32, steps int) image {
	a := *x
	mean, square := moments(x)
	for range steps {
		g := n.gradient(&a, label)
		var sum float32 // changes without a mean
		for _, v := range g {
			sum += v
		}
		sum /= pixels
		for i := range a {
			step := float32(2.5) * eps / float32(steps)
			if g[i] < sum {
				step = -step
			}
			a[i] = clamp(clamp(a[i]+step, x[i]-eps, x[i]+eps), 0, 1)
		}
		m, s := moments(&a)
		scale := float32(math.Sqrt((square - mean*mean) / max(s-m*m, 1e-9)))
		for i := range a {
			v := (a[i]-float32(m))*scale + float32(mean)
			a[i] = float32(math.Round(float64(clamp(clamp(v, x[i]-eps, x[i]+eps), 0, 1)*255))) / 255
		}
	}
	return a
}

func moments(x *image) (mean, square float64) {
	for _, v := range x {
		mean += float64(v)
		square += float64(v) * float64(v)
	}
	return mean / pixels, square / pixels
}

func noisy(x *image, amount float32, r *rand.Rand) image {
	a := *x
	for i := range a {
		a[i] = clamp(a[i]+amount*(2*r.Float32()-1), 0, 1)
	}
	return a
}

// blurred is noise of low frequency: random values on a grid of 4 x 4, interpolated.
func blurred(x *image, amount float32, r *rand.Rand) image {
	var g [5][5]float32
	for i := range g {
		for k := range g[i] {
			g[i][k] = amount * (2*r.Float32() - 1)
		}
	}
	a := *x
	for i := range a {
		y, z := float32(i/side)*4/side, float32(i%side)*4/side
		r0, c0 := int(y), int(z)
		fy, fz := y-float32(r0), z-float32(c0)
		v := (g[r0][c0]*(1-fz)+g[r0][c0+1]*fz)*(1-fy) + (g[r0+1][c0]*(1-fz)+g[r0+1][c0+1]*fz)*fy
		a[i] = clamp(a[i]+v, 0, 1)
	}
	return a
}

// square is the Square attack (ECCV 2020), which needs scores alone: squares of random sign, smaller with time, are kept if
// the margin falls. ask sees every query before the model, and may change it. It returns the query that succeeded, or 0.
func (n *network) square(x *image, label int, eps float32, queries int, r *rand.Rand, ask func(image) image) int {
	best := *x
	for c := range side { // vertical stripes to begin with
		d := eps
		if r.IntN(2) == 0 {
			d = -eps
		}
		for row := range side {
			best[row*side+c] = clamp(x[row*side+c]+d, 0, 1)
		}
	}
	q := ask(best)
	margin := n.margin(&q, label)
	for i := 1; i <= queries; i++ {
		if margin < 0 {
			return i
		}
		share := 0.3 * math.Pow(0.5, math.Log2(1+20*float64(i)/float64(queries)))
		edge := max(1, int(math.Round(math.Sqrt(share*pixels))))
		top, left := r.IntN(side-edge+1), r.IntN(side-edge+1)
		d := eps
		if r.IntN(2) == 0 {
			d = -eps
		}
		next := best
		for row := top; row < top+edge; row++ {
			for c := left; c < left+edge; c++ {
				next[row*side+c] = clamp(x[row*side+c]+d, 0, 1)
			}
		}
		q := ask(next)
		if m := n.margin(&q, label); m < margin {
			best, margin = next, m
		}
	}
	return 0
}
