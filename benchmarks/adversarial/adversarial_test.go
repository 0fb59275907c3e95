package main

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The attacks rest on the gradient: it is held against differences.
func TestGradient(t *testing.T) {
	n := newNetwork(7)
	r := rand.New(rand.NewPCG(1, 1))
	var x image
	for i := range x {
		x[i] = r.Float32()
	}
	loss := func(x *image) float64 {
		z, _ := n.logits(x)
		return -math.Log(float64(softmax(z)[3]))
	}
	g := n.gradient(&x, 3)
	for _, i := range []int{0, 5, 100, 399, 783} {
		a, b := x, x
		a[i] += 1e-2
		b[i] -= 1e-2
		if want := (loss(&a) - loss(&b)) / 2e-2; math.Abs(want-float64(g[i])) > 2e-3+0.05*math.Abs(want) {
			t.Errorf("pixel %d: %g, want %g", i, g[i], want)
		}
	}
}

func TestAttacksStayWithinTheirBounds(t *testing.T) {
	n := newNetwork(7)
	r := rand.New(rand.NewPCG(1, 1))
	var x image
	for i := range x {
		x[i] = r.Float32()
	}
	for name, a := range map[string]image{"pgd": n.pgd(&x, 3, 0.1, 10), "adaptive": n.adaptive(&x, 3, 0.1, 10)} {
		for i := range a {
			if a[i] < 0 || a[i] > 1 || math.Abs(float64(a[i]-x[i])) > 0.1+1.0/255 {
				t.Fatal(name, i, a[i], x[i])
			}
		}
		if n.margin(&a, 3) >= n.margin(&x, 3) {
			t.Error(name, "does not attack")
		}
	}
	if n.square(&x, n.class(&x), 0.3, 300, r, func(q image) image { return q }) == 0 {
		t.Error("a random network withstands 300 queries")
	}
}
