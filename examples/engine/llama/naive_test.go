package llama

import "math"

// naive is the oracle: the last logits of a whole sequence in float64, without a cache, written from the equations.
func naive(m *Model, seq []int) []float64 {
	mul := func(w []float32, x []float64) []float64 {
		out := make([]float64, len(w)/len(x))
		for i := range out {
			for j, v := range x {
				out[i] += float64(w[i*len(x)+j]) * v
			}
		}
		return out
	}
	norm := func(x []float64, w []float32) []float64 {
		var sum float64
		for _, v := range x {
			sum += v * v
		}
		out := make([]float64, len(x))
		for i, v := range x {
			out[i] = v / math.Sqrt(sum/float64(len(x))+m.Eps) * float64(w[i])
		}
		return out
	}
	rope := func(x []float64, pos int) []float64 {
		out := make([]float64, len(x))
		for i := range x {
			h, d := i/m.HeadDim, i%m.HeadDim
			pairIndex, partner, sign := d/2, i+1, -1.0
			if m.Interleaved {
				if d%2 == 1 {
					partner, sign = i-1, 1
				}
			} else {
				pairIndex, partner = d%(m.HeadDim/2), h*m.HeadDim+(d+m.HeadDim/2)%m.HeadDim
				if d >= m.HeadDim/2 {
					sign = 1
				}
			}
			angle := float64(pos) / math.Pow(m.Theta, float64(2*pairIndex)/float64(m.HeadDim))
			out[i] = x[i]*math.Cos(angle) + sign*x[partner]*math.Sin(angle)
		}
		return out
	}
	xs := make([][]float64, len(seq))
	for t, id := range seq {
		for _, v := range m.embed[id*m.Hidden : (id+1)*m.Hidden] {
			xs[t] = append(xs[t], float64(v))
		}
	}
	for l := range m.layers {
		w := &m.layers[l]
		var qs, ks, vs [][]float64
		for t, x := range xs {
			n := norm(x, w.attnNorm)
			qs, ks, vs = append(qs, rope(mul(w.q, n), t)), append(ks, rope(mul(w.k, n), t)), append(vs, mul(w.v, n))
		}
		for t, x := range xs {
			att := make([]float64, m.Heads*m.HeadDim)
			for h := range m.Heads {
				kv := h / (m.Heads / m.KVHeads)
				var p []float64
				var sum float64
				for u := range t + 1 {
					var s float64
					for d := range m.HeadDim {
						s += qs[t][h*m.HeadDim+d] * ks[u][kv*m.HeadDim+d]
					}
					p = append(p, math.Exp(s/math.Sqrt(float64(m.HeadDim))))
					sum += p[u]
				}
				for u := range p {
					for d := range m.HeadDim {
						att[h*m.HeadDim+d] += p[u] / sum * vs[u][kv*m.HeadDim+d]
					}
				}
			}
			next := mul(w.o, att)
			for i := range next {
				next[i] += x[i]
			}
			n := norm(next, w.ffnNorm)
			g, u := mul(w.gate, n), mul(w.up, n)
			for i := range g {
				g[i] = g[i] / (1 + math.Exp(-g[i])) * u[i]
			}
			for i, v := range mul(w.down, g) {
				next[i] += v
			}
			xs[t] = next
		}
	}
	return mul(m.head, norm(xs[len(xs)-1], m.norm))
}
