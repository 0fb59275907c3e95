package tensor

import (
	"fmt"
	"math"
	"slices"
)

// A Range bounds integers, both ends included.
type Range struct {
	Min int64 `json:"min"`
	Max int64 `json:"max"`
}

// A Span bounds real numbers, both ends included.
type Span struct {
	Min float64 `json:"min"`
	Max float64 `json:"max"`
}

func (s Span) holds(x float64) bool { return x >= s.Min && x <= s.Max } // false for NaN

// DefaultMaxBytes is the size, in bytes, up to which a tensor is accepted by a [Spec] without MaxBytes: beyond what one
// request carries in practice, and small enough that no sum of sizes overflows.
const DefaultMaxBytes = 1 << 30

// A Spec says what a model accepts for one input. The zero value accepts nothing. A Spec must not change while it is used;
// it is safe for concurrent use.
type Spec struct {
	Name    string  `json:"name,omitempty"`     // must equal the view's, unless empty
	DTypes  []DType `json:"dtypes"`             // allowed types; none = refuse
	Dims    []Range `json:"dims,omitempty"`     // of each dimension, so the rank is fixed; empty = scalars only
	AnyDims bool    `json:"any_dims,omitempty"` // instead of Dims: any shape of at most MaxRank dimensions within MaxElements

	MaxElements int64 `json:"max_elements"`        // product of the dimensions that are not 0; 0 = refuse every tensor
	MaxBytes    int64 `json:"max_bytes,omitempty"` // of the data; 0 = DefaultMaxBytes

	AbsMax       float64 `json:"abs_max,omitempty"`       // of floats: largest magnitude allowed; 0 = the largest finite value
	Values       *Span   `json:"values,omitempty"`        // of floats: range of the elements; costs several times what AbsMax does
	MaxDenormals float64 `json:"max_denormals,omitempty"` // of floats: largest share of denormal elements, 0 to 1; 0 = any. They slow arithmetic down
	Norms        *Span   `json:"norms,omitempty"`         // of floats: range of the L2 norm of each row (last dimension)
	Ints         *Range  `json:"ints,omitempty"`          // of integers: range of the elements, for example of token ids

	Strided bool `json:"strided,omitempty"` // accept views with Strides

	// InsecureAllowNonFinite accepts NaN and infinities. AbsMax, Values and Norms must be unset then.
	InsecureAllowNonFinite bool `json:"insecure_allow_non_finite,omitempty"`
}

// Validate reports whether the spec can accept anything. Errors unwrap to [ErrSpec].
func (s *Spec) Validate() error {
	if what := s.fault(); what != "" {
		return fmt.Errorf("%w: %s", ErrSpec, what)
	}
	return nil
}

func (s *Spec) fault() string {
	switch {
	case len(s.DTypes) == 0:
		return "no dtypes"
	case s.AnyDims && len(s.Dims) > 0:
		return "Dims and AnyDims"
	case len(s.Dims) > MaxRank:
		return "too many dimensions"
	case s.MaxElements <= 0:
		return "MaxElements"
	case s.MaxBytes < 0:
		return "MaxBytes"
	case !(s.AbsMax >= 0) || math.IsInf(s.AbsMax, 0):
		return "AbsMax"
	case !(s.MaxDenormals >= 0 && s.MaxDenormals <= 1):
		return "MaxDenormals"
	case s.Values != nil && !(s.Values.Min <= s.Values.Max):
		return "Values"
	case s.Norms != nil && !(s.Norms.Min <= s.Norms.Max):
		return "Norms"
	case s.Ints != nil && s.Ints.Max < s.Ints.Min:
		return "Ints"
	case s.InsecureAllowNonFinite && (s.AbsMax != 0 || s.Values != nil || s.Norms != nil):
		return "InsecureAllowNonFinite beside a limit of floats"
	}
	for _, d := range s.DTypes {
		if !d.valid() {
			return "dtype"
		}
	}
	for _, r := range s.Dims {
		if r.Min < 0 || r.Max < r.Min {
			return "dimension range"
		}
	}
	return ""
}

// Check compares v with the spec. Its cost is one pass over the elements (one more each for Values, MaxDenormals and
// Norms), and nothing is allocated where v is accepted.
// Errors: a [*Error]; [ErrSpec] for a spec that [Spec.Validate] refuses.
func (s *Spec) Check(v View) error {
	if err := s.Validate(); err != nil {
		return err
	}
	n, reason := s.shape(&v)
	if reason != "" {
		return &Error{Name: v.Name, Reason: reason, Index: -1}
	}
	if n == 0 {
		return nil
	}
	if reason, at := s.values(&v, n); reason != "" {
		return &Error{Name: v.Name, Reason: reason, Index: at}
	}
	return nil
}

// shape checks everything but the elements, in time that depends on the rank alone, and returns their number.
func (s *Spec) shape(v *View) (n int64, reason string) {
	if s.Name != "" && v.Name != s.Name {
		return 0, ReasonName
	}
	if !slices.Contains(s.DTypes, v.DType) {
		return 0, ReasonDType
	}
	if len(v.Shape) > MaxRank || !s.AnyDims && len(v.Shape) != len(s.Dims) {
		return 0, ReasonRank
	}
	x, reason := measure(v.Shape, v.DType.Size())
	if reason != "" {
		return 0, reason
	}
	for i, r := range s.Dims {
		if v.Shape[i] < r.Min || v.Shape[i] > r.Max {
			return 0, ReasonDimension
		}
	}
	limit := s.MaxBytes
	if limit == 0 {
		limit = DefaultMaxBytes
	}
	if x.product > s.MaxElements || x.bytes > limit || int64(len(v.Data)) > limit {
		return 0, ReasonLimit
	}
	if v.Strides == nil {
		if v.Offset != 0 {
			return 0, ReasonStrides
		}
		if v.DType != Bytes && x.bytes != int64(len(v.Data)) || v.DType == Bytes && x.elements == 0 && len(v.Data) > 0 {
			return 0, ReasonLength
		}
		return x.elements, ""
	}
	return x.elements, s.strides(v, x.elements)
}

// strides makes sure that a strided view stays inside its data.
func (s *Spec) strides(v *View, n int64) (reason string) {
	if !s.Strided || v.DType == Bytes {
		return ReasonStrides
	}
	if len(v.Strides) != len(v.Shape) {
		return ReasonRank
	}
	have := int64(len(v.Data) / v.DType.Size())
	if v.Offset < 0 || v.Offset > have {
		return ReasonStrides
	}
	if n == 0 {
		return ""
	}
	r, ok := reach(v.Shape, v.Strides)
	if !ok || r > have-v.Offset {
		return ReasonStrides
	}
	return ""
}
