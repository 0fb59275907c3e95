package sign

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"sync"
)

var (
	_ io.ReaderAt   = (*openFile)(nil)
	_ io.ReadSeeker = (*openFile)(nil)
)

// openFile is an open file: a private buffer whose content was verified as a whole.
type openFile struct {
	m    *Model
	name string

	off int64 // of Read

	mu   sync.Mutex // guards what follows
	data []byte
	seen int64 // length of the prefix that was handed out
	shut bool
}

func (f *openFile) fail(op string, err error) error {
	return &fs.PathError{Op: op, Path: f.name, Err: err}
}

// Stat gives the verified size.
func (f *openFile) Stat() (fs.FileInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.shut {
		return nil, f.fail("stat", fs.ErrClosed)
	}
	return info{name: path.Base(f.name), size: int64(len(f.data)), mode: 0o444}, nil
}

// Close lets go of the buffer.
func (f *openFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.shut {
		return f.fail("close", fs.ErrClosed)
	}
	f.shut, f.data = true, nil
	return nil
}

// readAt copies from offset off, which is not negative, and counts what the caller has seen.
func (f *openFile) readAt(b []byte, off int64) (n int, err error) {
	f.mu.Lock()
	data, shut := f.data, f.shut
	f.mu.Unlock()
	if shut {
		return 0, f.fail("read", fs.ErrClosed)
	}
	if off < int64(len(data)) {
		n = copy(b, data[off:])
	}
	if n < len(b) {
		err = io.EOF
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if end := off + int64(n); off <= f.seen && end >= f.seen {
		f.seen = end
		if end == int64(len(data)) {
			f.m.release(f.name)
		}
	}
	return n, err
}

// Read is not safe for concurrent use with itself and Seek.
func (f *openFile) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	n, err := f.readAt(b, f.off)
	f.off += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

// ReadAt is safe for concurrent use.
func (f *openFile) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, f.fail("read", errors.New("negative offset"))
	}
	return f.readAt(b, off)
}

func (f *openFile) Seek(offset int64, whence int) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.shut {
		return 0, f.fail("seek", fs.ErrClosed)
	}
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += f.off
	case io.SeekEnd:
		offset += int64(len(f.data))
	default:
		return 0, f.fail("seek", fs.ErrInvalid)
	}
	if offset < 0 {
		return 0, f.fail("seek", fs.ErrInvalid)
	}
	f.off = offset
	return offset, nil
}
