// Package memfd makes files that live in memory: written by this process alone through a mapping, then sealed, so that
// nobody can change, shorten or lengthen them any more, and handed on as a read-only descriptor.
//
// What it guards against is change. Whoever may trace this process, root above all, can open its descriptors under
// /proc/PID/fd and read them before and after they are sealed; pages may be swapped out and count to the memory group.
package memfd

import (
	"errors"
	"fmt"
	"os"
)

// ErrUnsupported means that the system has no sealed files in memory: it is not Linux, or a kernel before 3.17, or a policy
// forbids them. Read into memory of your own instead; the caller decides, nothing falls back to a disk.
var ErrUnsupported = errors.New("memfd: not supported by this system")

// ErrNoRoom means that the machine or its memory group has less memory than was asked for. Sizes of files come from a
// storage that is hostile until their bytes are verified, and Linux answers a request beyond its memory by killing processes,
// so it is asked before.
var ErrNoRoom = errors.New("memfd: not enough memory")

// A Buffer is a file in memory under construction. It belongs to one goroutine.
type Buffer struct {
	f    *os.File
	data []byte
}

// Create makes a file of size bytes and maps it. name shows under /proc/PID/fd, so it must not be secret; at most 249 bytes
// and no zero byte. All memory is allocated here: where it is missing there is an error now and no fault at a later write.
// The caller must [Buffer.Seal] or [Buffer.Close] it.
// Errors: [ErrUnsupported], [ErrNoRoom], and the system's.
func Create(name string, size int64) (*Buffer, error) {
	if size < 0 || int64(int(size)) != size {
		return nil, fmt.Errorf("%w: %d bytes cannot be mapped", ErrNoRoom, size)
	}
	f, err := create(name)
	if err != nil {
		return nil, err
	}
	data, err := Map(f, size)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Buffer{f, data}, nil
}

// Bytes is the content, zero at first. It must not be used after Seal or Close: that is a fault which kills the process.
func (b *Buffer) Bytes() []byte { return b.data }

// Seal ends writing and returns the file, opened read-only where /proc is mounted, its offset at 0. From then on nobody can
// write, shrink or grow it, nor take the seals off. The caller closes the file, and its memory goes with the last descriptor
// and mapping. After an error the content is cleared and freed, as by Close.
func (b *Buffer) Seal() (*os.File, error) {
	if b.f == nil {
		return nil, os.ErrClosed
	}
	f, err := b.seal()
	return f, errors.Join(err, b.Close())
}

// Close clears the content, where it was not sealed, and frees it. Closing twice is harmless.
func (b *Buffer) Close() error {
	if b.f == nil {
		return nil
	}
	clear(b.data)
	err := errors.Join(Unmap(b.data), b.f.Close())
	b.f, b.data = nil, nil
	return err
}
