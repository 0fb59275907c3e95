package memory

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/holdfast-ai/holdfast/internal/memfd"
)

// NewFile makes a file in memory, has fill write its size bytes, and returns it once fill has returned nil: sealed, so that
// nobody can change it any more, and read-only. fill reads and verifies in one pass, for example sign.Model.ReadInto; until
// it returned, no other process can have the descriptor but one that may trace this one. It must not keep dst. After an
// error, of fill or the system, what was written is cleared and freed.
//
// The descriptor is closed on exec; [Engine] passes it on. Its memory goes with the last descriptor and mapping. It may be
// swapped out, which only a machine without swap, or with an encrypted one, prevents. name shows in /proc.
// Errors: [ErrUnsupported] (see [NewRegion] for what works everywhere), [ErrNoRoom], and fill's.
func NewFile(name string, size int64, fill func(dst []byte) error) (*os.File, error) {
	b, err := memfd.Create(name, size)
	if errors.Is(err, memfd.ErrUnsupported) {
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	if err != nil {
		return nil, err
	}
	defer b.Close() // also where fill panics
	if err := fill(b.Bytes()); err != nil {
		return nil, err
	}
	return b.Seal()
}

// FilePath is the path under which a child opens the i-th of [Engine].Files, counted from 0, and so do its own children that
// inherit the descriptor.
func FilePath(i int) string { return "/proc/self/fd/" + strconv.Itoa(3+i) }
