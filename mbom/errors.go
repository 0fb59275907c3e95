package mbom

import (
	"encoding/hex"
	"errors"
	"fmt"
)

var (
	// ErrPolicy: the model is not what the policy allows, or the policy is incomplete; details in [*PolicyError] or
	// [*ValueError].
	ErrPolicy = errors.New("mbom: refused by policy")
	// ErrFormat: a file that must be understood cannot be; details in [*FormatError].
	ErrFormat = errors.New("mbom: malformed file")
	// ErrMismatch: the bill of materials does not describe the signed files; details in [*MismatchError].
	ErrMismatch = errors.New("mbom: bill of materials does not match the model")
)

// A PolicyError names the field of the policy that refused. It unwraps to [ErrPolicy].
type PolicyError struct {
	Field string // of Policy or WeightPolicy
	Path  string // of the file; "" where the whole model is meant
	Want  string
	Got   string
}

// Error names the field of the policy and the file, what is wanted and what there is.
func (e *PolicyError) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("%v (%s: want %s, got %s)", ErrPolicy, e.Field, e.Want, e.Got)
	}
	return fmt.Sprintf("%v (%s: %q: want %s, got %s)", ErrPolicy, e.Field, e.Path, e.Want, e.Got)
}

// Unwrap returns [ErrPolicy].
func (e *PolicyError) Unwrap() error { return ErrPolicy }

// A FormatError names the file that could not be understood. It unwraps to [ErrFormat] and to the parser's error.
type FormatError struct {
	Path   string
	Reason string
	Cause  error // or nil
}

// Error names the file and what is malformed.
func (e *FormatError) Error() string {
	s := fmt.Sprintf("%v (%q: %s)", ErrFormat, e.Path, e.Reason)
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap returns [ErrFormat] and the cause.
func (e *FormatError) Unwrap() []error {
	if e.Cause == nil {
		return []error{ErrFormat}
	}
	return []error{ErrFormat, e.Cause}
}

// A MismatchError names a file that the bill of materials and the signature do not agree on. It unwraps to [ErrMismatch].
type MismatchError struct {
	Path string
	Want []byte // digest that was signed; nil where the file is not signed
	Got  []byte // digest in the bill; nil where the bill does not list the file
}

// Error names the file, and says whether it is listed, signed or other than signed.
func (e *MismatchError) Error() string {
	switch {
	case e.Got == nil:
		return fmt.Sprintf("%v (%q is signed and not listed)", ErrMismatch, e.Path)
	case e.Want == nil:
		return fmt.Sprintf("%v (%q is listed and not signed)", ErrMismatch, e.Path)
	}
	return fmt.Sprintf("%v (%q: signed sha256 %s, listed %s)", ErrMismatch, e.Path, hex.EncodeToString(e.Want), hex.EncodeToString(e.Got))
}

// Unwrap returns [ErrMismatch].
func (e *MismatchError) Unwrap() error { return ErrMismatch }

// A ValueError names an element of a tensor that the weight policy refuses, never its value. It unwraps to [ErrPolicy].
type ValueError struct {
	Path   string
	Tensor string
	Index  uint64 // of the element, in storage order; of a complex element, each part counts
	Field  string // of WeightPolicy: Finite or AbsMax
}

// Error names the file, the tensor and the element, and no value.
func (e *ValueError) Error() string {
	return fmt.Sprintf("%v (%s: %q: tensor %q, element %d)", ErrPolicy, e.Field, e.Path, e.Tensor, e.Index)
}

// Unwrap returns [ErrPolicy].
func (e *ValueError) Unwrap() error { return ErrPolicy }
