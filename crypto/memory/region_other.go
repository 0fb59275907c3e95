//go:build !linux

package memory

import "errors"

// newRegion takes the memory from Go's heap.
func newRegion(size int, o Options) (*Region, error) {
	err := errors.New("Linux only")
	if err := errors.Join(optional(o.Huge, "huge pages", err), optional(o.Lock, "lock", err)); err != nil {
		return nil, err
	}
	return &Region{data: make([]byte, size), free: func() error { return nil }}, nil
}
