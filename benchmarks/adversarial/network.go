package main

import (
	"math"
	"math/rand/v2"
)

const hidden = 128

// network is a perceptron with one hidden layer of rectified units.
type network struct {
	w1 [hidden][pixels]float32
	b1 [hidden]float32
	w2 [classes][hidden]float32
	b2 [classes]float32
	r  *rand.Rand
}

func newNetwork(seed uint64) *network {
	n := &network{r: rand.New(rand.NewPCG(seed, 1))}
	for i := range n.w1 {
		for k := range n.w1[i] {
			n.w1[i][k] = float32(n.r.NormFloat64() * math.Sqrt(2.0/pixels))
		}
	}
	for i := range n.w2 {
		for k := range n.w2[i] {
			n.w2[i][k] = float32(n.r.NormFloat64() * math.Sqrt(2.0/hidden))
		}
	}
	return n
}

// logits also returns the hidden layer.
func (n *network) logits(x *image) (out [classes]float32, h [hidden]float32) {
	for i := range h {
		var s0, s1, s2, s3 float32
		w := &n.w1[i]
		for k := 0; k < pixels; k += 4 {
			s0 += w[k] * x[k]
			s1 += w[k+1] * x[k+1]
			s2 += w[k+2] * x[k+2]
			s3 += w[k+3] * x[k+3]
		}
		h[i] = max(n.b1[i]+s0+s1+(s2+s3), 0)
	}
	for i := range out {
		s := n.b2[i]
		for k, v := range h {
			s += n.w2[i][k] * v
		}
		out[i] = s
	}
	return out, h
}

func (n *network) class(x *image) int {
	out, _ := n.logits(x)
	best := 0
	for i, v := range out {
		if v > out[best] {
			best = i
		}
	}
	return best
}

// margin is how much the right class is ahead of the best other one.
func (n *network) margin(x *image, label int) float32 {
	out, _ := n.logits(x)
	other := float32(math.Inf(-1))
	for i, v := range out {
		if i != label {
			other = max(other, v)
		}
	}
	return out[label] - other
}

func softmax(z [classes]float32) (p [classes]float32) {
	top, sum := z[0], float32(0)
	for _, v := range z {
		top = max(top, v)
	}
	for i, v := range z {
		p[i] = float32(math.Exp(float64(v - top)))
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// gradient returns the gradient of the cross entropy by the image.
func (n *network) gradient(x *image, label int) (g image) {
	dh, _ := n.back(x, label)
	for i, d := range dh {
		if d != 0 {
			for k := range g {
				g[k] += d * n.w1[i][k]
			}
		}
	}
	return g
}

// back returns the gradient by the input of the hidden layer and by the logits.
func (n *network) back(x *image, label int) (dh [hidden]float32, dz [classes]float32) {
	z, h := n.logits(x)
	dz = softmax(z)
	dz[label]--
	for i := range dh {
		if h[i] <= 0 {
			continue
		}
		for c := range dz {
			dh[i] += dz[c] * n.w2[c][i]
		}
	}
	return dh, dz
}

// train runs stochastic gradient descent over the set, image by image.
func (n *network) train(s *set, epochs int) {
	order := make([]int, len(s.images))
	for i := range order {
		order[i] = i
	}
	for e := range epochs {
		rate := float32(0.01) / float32(1+e)
		n.r.Shuffle(len(order), func(i, k int) { order[i], order[k] = order[k], order[i] })
		for _, i := range order {
			n.step(&s.images[i], s.labels[i], rate)
		}
	}
}

func (n *network) step(x *image, label int, rate float32) {
	_, h := n.logits(x)
	dh, dz := n.back(x, label)
	for c, d := range dz {
		n.b2[c] -= rate * d
		for k, v := range h {
			n.w2[c][k] -= rate * d * v
		}
	}
	for i, d := range dh {
		if d == 0 {
			continue
		}
		n.b1[i] -= rate * d
		w := &n.w1[i]
		for k, v := range x {
			w[k] -= rate * d * v
		}
	}
}

func (n *network) accuracy(s *set) float64 {
	right := 0
	for i := range s.images {
		if n.class(&s.images[i]) == s.labels[i] {
			right++
		}
	}
	return float64(right) / float64(len(s.images))
}
