package gguf

import (
	"errors"
	"fmt"
)

// ErrFormat means that the bytes are no strict GGUF file. Every error of the format is a [*FormatError] that unwraps to it.
var ErrFormat = errors.New("gguf: malformed file")

// A FormatError says which rule a file breaks and where. It unwraps to [ErrFormat], and to [io.ErrUnexpectedEOF] where
// the header did not end within the bytes given.
type FormatError struct {
	Rule   string // one word or two, such as "key-duplicate"
	Offset int64  // in bytes from the start of the file
	Reason string
	Cause  error // io.ErrUnexpectedEOF or nil
}

// Error says what is malformed, where, and by which rule.
func (e *FormatError) Error() string {
	return fmt.Sprintf("%v: %s (byte %d, %s)", ErrFormat, e.Reason, e.Offset, e.Rule)
}

// Unwrap returns [ErrFormat] and the cause.
func (e *FormatError) Unwrap() []error {
	if e.Cause != nil {
		return []error{ErrFormat, e.Cause}
	}
	return []error{ErrFormat}
}
