package tensor

// values checks the elements, of which there is at least one.
func (s *Spec) values(v *View, n int64) (reason string, at int64) {
	if v.DType == Bytes {
		return byteStrings(v.Data, n), -1
	}
	if k, ok := s.kernel(v.DType); ok {
		if at := first(v, n, &k); at >= 0 {
			return k.reason, at
		}
	}
	if !v.DType.Float() {
		return "", -1
	}
	if s.Values != nil {
		if at := s.outside(v, n); at >= 0 {
			return ReasonRange, at
		}
	}
	if s.MaxDenormals > 0 && float64(denormals(v, n)) > s.MaxDenormals*float64(n) {
		return ReasonDenormal, -1
	}
	if s.Norms != nil {
		if at := s.abnormal(v, n); at >= 0 {
			return ReasonNorm, at
		}
	}
	return "", -1
}

// kernel returns the bit check that elements of type d need; false where every bit pattern is fine.
func (s *Spec) kernel(d DType) (kernel, bool) {
	switch {
	case d == Bool:
		return boolKernel(), true
	case d.Float():
		return floatKernel(d, s.AbsMax), !s.InsecureAllowNonFinite
	case s.Ints != nil:
		return intKernel(d, *s.Ints), true
	}
	return kernel{}, false
}

// first returns the row-major index of the first element that k refuses, or -1.
func first(v *View, n int64, k *kernel) int64 {
	if v.Strides == nil {
		if k.clean(v.Data) {
			return -1
		}
		return k.first(v.Data)
	}
	for r := rowsOf(v, n); r.next(); {
		if r.stride == 1 {
			b := v.Data[r.off*int64(k.size) : (r.off+r.len)*int64(k.size)]
			if k.clean(b) {
				continue
			}
			return r.index + k.first(b)
		}
		for i := range r.len {
			if k.lane(element(v.Data[(r.off+i*r.stride)*int64(k.size):], k.size)) {
				return r.index + i
			}
		}
	}
	return -1
}

// rows walks the rows (last dimension) of a view in row-major order.
type rows struct {
	v      *View
	n      int64 // elements in all
	idx    [MaxRank]int64
	index  int64 // of the row's first element, row-major
	off    int64 // of the row's first element, in elements of Data
	len    int64
	stride int64
}

func rowsOf(v *View, n int64) rows {
	r := rows{v: v, n: n, len: 1, stride: 1}
	if last := len(v.Shape) - 1; last >= 0 {
		r.len = v.Shape[last]
		if v.Strides != nil {
			r.stride = v.Strides[last]
		}
	}
	r.index = -r.len
	return r
}

func (r *rows) next() bool {
	first := r.index < 0
	if r.index += r.len; r.index >= r.n {
		return false
	}
	if r.v.Strides == nil {
		r.off = r.index
		return true
	}
	r.off = r.v.Offset
	outer := len(r.v.Shape) - 1
	for i := outer - 1; i >= 0 && !first; i-- {
		if r.idx[i]++; r.idx[i] < r.v.Shape[i] {
			break
		}
		r.idx[i] = 0
	}
	for i := range outer {
		r.off += r.idx[i] * r.v.Strides[i]
	}
	return true
}

// byteStrings makes sure that n strings, each behind its length, fill b exactly.
func byteStrings(b []byte, n int64) (reason string) {
	for ; n > 0; n-- {
		if len(b) < 4 {
			return ReasonBytes
		}
		size := element(b, 4)
		if size > uint64(len(b)-4) {
			return ReasonBytes
		}
		b = b[4+size:]
	}
	if len(b) > 0 {
		return ReasonBytes
	}
	return ""
}
