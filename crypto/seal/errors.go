package seal

import (
	"errors"
	"fmt"
)

// Sentinels, one for each thing a caller does next. A failed read or write of the underlying file keeps its own error and
// is never one of these.
var (
	// ErrAuth means that the bytes are not what was sealed under this keyset and associated data: throw them away.
	// A wrong keyset, other associated data and an altered file cannot be told apart.
	ErrAuth = errors.New("seal: not authentic")
	// ErrTruncated means that the end of the file is missing. A cut inside a segment may be seen as [ErrAuth] instead.
	ErrTruncated = errors.New("seal: truncated")
	// ErrFormat means that the bytes are not in the sealed format, or a sealed directory contradicts itself.
	ErrFormat = errors.New("seal: malformed")
	// ErrCommitment means that the keyset is another one than the directory was sealed with.
	ErrCommitment = errors.New("seal: keyset does not match the commitment")
	// ErrKeyset means that the keyset cannot be used: it does not hold exactly one enabled key.
	ErrKeyset = errors.New("seal: unusable keyset")
	// ErrUnsupported means a keyset of a kind or size that this package does not read.
	ErrUnsupported = errors.New("seal: unsupported keyset")
	// ErrSource means that a directory cannot be sealed as it is: it holds something else than regular files, it is sealed
	// already, or it changed while it was read.
	ErrSource = errors.New("seal: cannot seal this source")
	// ErrTooLarge means a size past what the format can hold (2^32-1 segments) or past a limit of this package.
	ErrTooLarge = errors.New("seal: too large")
)

// A SegmentError says where a file failed. It unwraps to [ErrAuth] or [ErrTruncated].
type SegmentError struct {
	Segment int64 // counted from 0
	Err     error
}

// Error says which segment it is, and the sentinel.
func (e *SegmentError) Error() string { return fmt.Sprintf("%v: segment %d", e.Err, e.Segment) }

// Unwrap returns the sentinel.
func (e *SegmentError) Unwrap() error { return e.Err }
