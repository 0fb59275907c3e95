package oci

import (
	"errors"
	"fmt"
)

var (
	// ErrLayout: the directory, a manifest or a layer is malformed, or could be read in two ways.
	ErrLayout = errors.New("oci: malformed layout")
	// ErrDigest: a blob is not what its descriptor says; details in [*DigestError].
	ErrDigest = errors.New("oci: blob is not what its descriptor says")
	// ErrAmbiguous: the layout has several artifacts, and no ref says which one is meant. The message lists their tags and digests. It
	// unwraps to [ErrLayout]: who writes to the layout can add one.
	ErrAmbiguous error = ambiguous{}
	// ErrUnsupported: a well-known kind of artifact or layer that this version cannot read.
	ErrUnsupported = errors.New("oci: unsupported")
)

type ambiguous struct{}

func (ambiguous) Error() string { return "oci: the layout has several artifacts" }
func (ambiguous) Unwrap() error { return ErrLayout }

// A DigestError names the blob that differs from its descriptor. It unwraps to [ErrDigest].
type DigestError struct {
	Digest string // of the descriptor
	Reason string
}

// Error names the blob and the reason.
func (e *DigestError) Error() string {
	return fmt.Sprintf("%v (%s: %s)", ErrDigest, e.Digest, e.Reason)
}

// Unwrap returns [ErrDigest].
func (e *DigestError) Unwrap() error { return ErrDigest }

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrLayout, fmt.Sprintf(format, args...))
}

func unsupported(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUnsupported, fmt.Sprintf(format, args...))
}
