package manifest

import (
	"errors"
	"fmt"
)

var (
	// ErrFormat means that the bytes are not a well-formed signature: throw them away.
	ErrFormat = errors.New("malformed model signature")
	// ErrUnsupported means a well-known form that this version cannot verify, such as shards or keyless signing.
	ErrUnsupported = errors.New("unsupported model signature")
)

// A FormatError says which part of a bundle or manifest was refused and why. It unwraps to [ErrFormat] or
// [ErrUnsupported], and to the parser's error where there is one.
type FormatError struct {
	Field  string // path of the offending value, such as "predicate.resources[3].name"
	Reason string // what is wrong with it
	Kind   error  // ErrFormat or ErrUnsupported
	Cause  error  // error of a lower layer, or nil
}

// Error names the field and what is malformed.
func (e *FormatError) Error() string {
	s := fmt.Sprintf("sign: %v: %s: %s", e.Kind, e.Field, e.Reason)
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap returns the kind and the cause.
func (e *FormatError) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

func malformed(field, reason string, args ...any) error {
	return &FormatError{Field: field, Reason: fmt.Sprintf(reason, args...), Kind: ErrFormat}
}

func unsupported(field, reason string, args ...any) error {
	return &FormatError{Field: field, Reason: fmt.Sprintf(reason, args...), Kind: ErrUnsupported}
}
