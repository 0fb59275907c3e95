package tensor

import (
	"fmt"
	"math"
	"slices"
)

// A Range bounds one dimension, both ends included.
type Range struct{ Min, Max int64 }

// A Spec says what a model accepts for one input. The zero value accepts nothing.
type Spec struct {
	Name    string  // must equal the view's, unless empty
	DTypes  []DType // allowed types; none = refuse
	Dims    []Range // of each dimension, so the rank is fixed; empty = scalars only
	AnyDims bool    // instead of Dims: any shape of at most MaxRank dimensions within MaxElements

	MaxElements int64   // 0 = refuse every tensor that has elements
	AbsMax      float64 // of floats: largest magnitude allowed; 0 = the largest finite value
	Strided     bool    // accept views with Strides other than dense row-major

	// InsecureAllowNonFinite accepts NaN and infinities. AbsMax must be 0 then.
	InsecureAllowNonFinite bool
}

// Validate reports whether the spec can accept anything. Errors unwrap to [ErrSpec].
func (s *Spec) Validate() error {
	switch {
	case len(s.DTypes) == 0:
		return fmt.Errorf("%w: no dtypes", ErrSpec)
	case s.AnyDims && len(s.Dims) > 0:
		return fmt.Errorf("%w: Dims and AnyDims", ErrSpec)
	case len(s.Dims) > MaxRank:
		return fmt.Errorf("%w: more than %d dimensions", ErrSpec, MaxRank)
	case s.MaxElements <= 0:
		return fmt.Errorf("%w: MaxElements", ErrSpec)
	case !(s.AbsMax >= 0) || math.IsInf(s.AbsMax, 0):
		return fmt.Errorf("%w: AbsMax", ErrSpec)
	case s.InsecureAllowNonFinite && s.AbsMax != 0:
		return fmt.Errorf("%w: AbsMax and InsecureAllowNonFinite", ErrSpec)
	}
	for _, d := range s.DTypes {
		if d.Size() == 0 {
			return fmt.Errorf("%w: dtype %d", ErrSpec, d)
		}
	}
	for _, r := range s.Dims {
		if r.Min < 0 || r.Max < r.Min {
			return fmt.Errorf("%w: dimension range", ErrSpec)
		}
	}
	return nil
}

// Check compares v with the spec. Its cost is one pass over the elements, and nothing is allocated where v is accepted.
// Errors: a [*Error]; [ErrSpec] for a spec that [Spec.Validate] refuses.
func (s *Spec) Check(v View) error {
	if err := s.Validate(); err != nil {
		return err
	}
	n, reason := s.shape(&v)
	if reason != "" {
		return &Error{Name: v.Name, Reason: reason, Index: -1}
	}
	if reason, at := s.values(&v, n); reason != "" {
		return &Error{Name: v.Name, Reason: reason, Index: at}
	}
	return nil
}

// shape checks everything but the elements, in time that depends on the rank alone, and returns their number.
func (s *Spec) shape(v *View) (n int64, reason string) {
	if s.Name != "" && v.Name != s.Name {
		return 0, "name"
	}
	if !slices.Contains(s.DTypes, v.DType) {
		return 0, "dtype"
	}
	if len(v.Shape) > MaxRank || !s.AnyDims && len(v.Shape) != len(s.Dims) {
		return 0, "rank"
	}
	for i, r := range s.Dims {
		if v.Shape[i] < r.Min || v.Shape[i] > r.Max {
			return 0, "dimension"
		}
	}
	n, ok := elements(v.Shape)
	if !ok || n > s.MaxElements {
		return 0, "size"
	}
	size := int64(v.DType.Size())
	if v.Strides == nil {
		if n > math.MaxInt64/size || n*size != int64(len(v.Data)) {
			return 0, "data length"
		}
		return n, ""
	}
	if !s.Strided {
		return 0, "strides"
	}
	if len(v.Strides) != len(v.Shape) {
		return 0, "strides"
	}
	reach, ok := extent(v.Shape, v.Strides)
	if !ok || reach > int64(len(v.Data))/size {
		return 0, "strides"
	}
	return n, ""
}

// values checks the elements.
func (s *Spec) values(v *View, n int64) (reason string, at int64) {
	if n == 0 {
		return "", -1
	}
	k, ok := kernelFor(v.DType, s.AbsMax)
	if !ok || s.InsecureAllowNonFinite && v.DType.Float() {
		return "", -1
	}
	if v.Strides == nil {
		if k.clean(v.Data) {
			return "", -1
		}
		return k.reason, k.first(v.Data)
	}
	return s.strided(v, k)
}

// strided walks the rows of a view; a row whose last stride is 1 is checked at full speed.
func (s *Spec) strided(v *View, k kernel) (reason string, at int64) {
	if len(v.Shape) == 0 {
		return k.row(v.Data, 0, 1, 1)
	}
	var idx [MaxRank]int64
	last := len(v.Shape) - 1
	for row := int64(0); ; row++ {
		off := int64(0)
		for i := range last {
			off += idx[i] * v.Strides[i]
		}
		if reason, at := k.row(v.Data, off, v.Strides[last], v.Shape[last]); reason != "" {
			return reason, row*v.Shape[last] + at
		}
		i := last - 1
		for ; i >= 0; i-- {
			if idx[i]++; idx[i] < v.Shape[i] {
				break
			}
			idx[i] = 0
		}
		if i < 0 {
			return "", -1
		}
	}
}
