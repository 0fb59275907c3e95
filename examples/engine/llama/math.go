package llama

import "math"

// matmul sets dst to w·x, where w has len(dst) rows of len(x).
func matmul(dst, w, x []float32) {
	n := len(x)
	w = w[:len(dst)*n]
	for i := range dst {
		dst[i] = dot(w[i*n:(i+1)*n], x)
	}
}

// dot adds eight independent sums, so that an addition need not wait for the one before it.
func dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3, s4, s5, s6, s7 float32
	for len(a) >= 8 && len(b) >= 8 {
		s0 += a[0] * b[0]
		s1 += a[1] * b[1]
		s2 += a[2] * b[2]
		s3 += a[3] * b[3]
		s4 += a[4] * b[4]
		s5 += a[5] * b[5]
		s6 += a[6] * b[6]
		s7 += a[7] * b[7]
		a, b = a[8:], b[8:]
	}
	for i, v := range a {
		s0 += v * b[i]
	}
	return ((s0 + s4) + (s1 + s5)) + ((s2 + s6) + (s3 + s7))
}

// axpy adds p*x to dst.
func axpy(dst []float32, p float32, x []float32) {
	x = x[:len(dst)]
	for i, v := range x {
		dst[i] += p * v
	}
}

// rmsNorm sets dst to x scaled to a root mean square of one, times w.
func rmsNorm(dst, x, w []float32, eps float64) {
	scale := float32(1 / math.Sqrt(float64(dot(x, x))/float64(len(x))+eps))
	w, x = w[:len(dst)], x[:len(dst)]
	for i := range dst {
		dst[i] = w[i] * (x[i] * scale)
	}
}

// softmax turns scores into probabilities in place.
func softmax(x []float32) {
	top := x[0]
	for _, v := range x[1:] {
		top = max(top, v)
	}
	var sum float32
	for i, v := range x {
		x[i] = float32(math.Exp(float64(v - top)))
		sum += x[i]
	}
	for i := range x {
		x[i] /= sum
	}
}
