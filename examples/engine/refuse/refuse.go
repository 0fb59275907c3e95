// Package refuse holds the errors with which the engine refuses a model, shared by its packages.
package refuse

import (
	"errors"
	"fmt"
)

var (
	// ErrUnsupported means that the model is well-formed but of a kind this engine does not run: never run it approximately.
	// Detail is in an [*UnsupportedError].
	ErrUnsupported = errors.New("engine: unsupported model")
	// ErrFormat means that the model contradicts itself: a shape, a size, a missing tensor. Detail is in a [*FormatError].
	ErrFormat = errors.New("engine: malformed model")
)

// UnsupportedError names what is not supported. It unwraps to [ErrUnsupported].
type UnsupportedError struct {
	What string // for example "dtype", "rope_scaling", "tokenizer"
	Got  string // the value found, which is public: names and numbers of the configuration
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("%v: %s %s", ErrUnsupported, e.What, clip(e.Got))
}

// Unwrap returns [ErrUnsupported].
func (e *UnsupportedError) Unwrap() error { return ErrUnsupported }

// Unsupported returns an [*UnsupportedError].
func Unsupported(what, got string) error { return &UnsupportedError{What: what, Got: got} }

// FormatError names the place of a contradiction. It unwraps to [ErrFormat].
type FormatError struct {
	Where  string // a file, key or tensor name
	Reason string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%v: %s (%s)", ErrFormat, e.Reason, clip(e.Where))
}

// Unwrap returns [ErrFormat].
func (e *FormatError) Unwrap() error { return ErrFormat }

// Format returns a [*FormatError].
func Format(where, reason string) error { return &FormatError{Where: where, Reason: reason} }

// clip keeps an error short whatever the file says.
func clip(s string) string {
	if len(s) > 80 {
		return fmt.Sprintf("%q…", s[:80])
	}
	return fmt.Sprintf("%q", s)
}
