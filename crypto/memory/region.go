package memory

import (
	"fmt"
	"os"

	"github.com/holdfast-ai/holdfast/internal/memfd"
)

// A Need says how a property of memory is asked for.
type Need int

const (
	// Off does not ask.
	Off Need = iota
	// Try takes it where the system gives it; [Facts] tell.
	Try
	// Require fails with [ErrUnsupported] without it.
	Require
)

// Options say what memory should be like. The zero value is ordinary pages that may be swapped out.
type Options struct {
	// Huge asks for pages of 2 MiB or what the processor has: from the reserved pool if it holds enough, else by advice to
	// the kernel, which gives them when the pages are first written. Filling fresh memory then costs a fraction.
	Huge Need
	// Lock keeps the memory out of swap. It takes all pages at once, and RLIMIT_MEMLOCK bounds it for whoever lacks
	// CAP_IPC_LOCK; 8 MiB is a common limit.
	Lock Need
}

// Facts say what memory is like.
type Facts struct {
	OffHeap  bool // not on Go's heap: never scanned or copied, and given back to the system by Close
	NoDump   bool // not in core dumps of this process
	Locked   bool // never swapped out
	Huge     bool // huge pages: advised, or reserved
	Reserved bool // huge pages of the reserved pool; not swapped out either
}

// A Region is memory for plaintext of any size, off Go's heap where the system is Linux. The collector neither scans nor
// copies it, and Close clears it and gives it back at once. It starts at a page boundary, at one of 2 MiB with huge pages.
type Region struct {
	data  []byte
	facts Facts
	free  func() error
}

// NewRegion returns size bytes, all zero. The caller must Close it; no cleanup does, because memory that others still
// point into must not vanish.
// Errors: [ErrNoRoom], [ErrUnsupported], and the system's.
func NewRegion(size int64, o Options) (*Region, error) {
	if size < 0 || int64(int(size)) != size {
		return nil, fmt.Errorf("%w: a region of %d bytes", ErrConfig, size)
	}
	if err := memfd.Room(size); err != nil {
		return nil, err
	}
	return newRegion(int(size), o)
}

// Bytes is the memory. It must not be touched after Close: that is a fault which kills the process.
func (r *Region) Bytes() []byte { return r.data }

// Facts says what was obtained.
func (r *Region) Facts() Facts { return r.facts }

// Close clears the memory and frees it. A second call gives [os.ErrClosed].
func (r *Region) Close() error {
	if r.free == nil {
		return os.ErrClosed
	}
	clear(r.data)
	free := r.free
	r.data, r.free = nil, nil
	return free()
}

// optional turns the failure of something that was merely tried into none.
func optional(n Need, what string, err error) error {
	if err == nil || n != Require {
		return nil
	}
	return fmt.Errorf("%w: %s: %w", ErrUnsupported, what, err)
}
