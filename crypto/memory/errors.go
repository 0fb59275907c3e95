package memory

import (
	"errors"

	"github.com/holdfast-ai/holdfast/internal/memfd"
)

var (
	// ErrUnsupported means that the system does not have what was asked for, or forbids it. Nothing weaker was done instead.
	ErrUnsupported = errors.New("memory: not supported by this system")
	// ErrNoRoom means that the machine, or its memory group, has less memory than was asked for.
	ErrNoRoom = memfd.ErrNoRoom
	// ErrConfig means that what was asked for contradicts itself or cannot be granted safely.
	ErrConfig = errors.New("memory: configuration")
	// ErrUnenforced means that a measure around an engine cannot be enforced here; see [UnenforcedError].
	ErrUnenforced = errors.New("memory: cannot be enforced on this system")
)

// An UnenforcedError says which measures an engine would have run without. It unwraps to [ErrUnenforced].
type UnenforcedError struct {
	Missing Measure
}

// Error lists what is not enforced.
func (e *UnenforcedError) Error() string {
	return ErrUnenforced.Error() + ": " + e.Missing.String()
}

// Unwrap returns [ErrUnenforced].
func (e *UnenforcedError) Unwrap() error { return ErrUnenforced }
