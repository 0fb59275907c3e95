package seal

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"
)

// File is an open file of an [FS]. ReadAt and ReadAllInto are safe for concurrent use; Read and Seek share a position
// under a lock. Close it.
type File struct {
	r    *ReaderAt
	src  fs.File
	info fileInfo
	path string

	mu     sync.Mutex
	pos    int64
	at     int64  // plaintext offset of ahead
	ahead  []byte // the segment that Read is in
	closed bool
}

var (
	_ fs.File     = (*File)(nil)
	_ io.ReaderAt = (*File)(nil)
	_ io.Seeker   = (*File)(nil)
)

// Stat describes the file. Its size is authenticated.
func (f *File) Stat() (fs.FileInfo, error) { return f.info, nil }

// ReadAt is [ReaderAt.ReadAt].
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.r.ReadAt(p, off)
	return n, f.wrap(err)
}

// ReadAllInto is [ReaderAt.ReadAllInto].
func (f *File) ReadAllInto(ctx context.Context, dst []byte, watermark func(contiguous int64)) error {
	return f.wrap(f.r.ReadAllInto(ctx, dst, watermark))
}

// Read reads on from the file's position. It keeps the segment it is in, so that small reads decrypt it once.
func (f *File) Read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed:
		return 0, f.wrap(fs.ErrClosed)
	case len(p) == 0:
		return 0, nil
	case f.pos >= f.r.size:
		return 0, io.EOF
	}
	if f.pos < f.at || f.pos >= f.at+int64(len(f.ahead)) {
		i := f.r.index(f.pos)
		f.at = f.r.plainStart(i)
		f.ahead = grow(f.ahead, f.r.plainLen(i, 1))
		if n, err := f.r.ReadAt(f.ahead, f.at); n < len(f.ahead) {
			f.ahead = f.ahead[:0]
			return 0, f.wrap(err)
		}
	}
	n := copy(p, f.ahead[f.pos-f.at:])
	f.pos += int64(n)
	return n, nil
}

// Seek sets the position of the next Read.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += f.pos
	case io.SeekEnd:
		offset += f.r.size
	default:
		return 0, f.wrap(fs.ErrInvalid)
	}
	if offset < 0 {
		return 0, f.wrap(fs.ErrInvalid)
	}
	f.pos = offset
	return offset, nil
}

// Close closes the sealed file and clears what Read kept. The caller ends its own ReadAt and ReadAllInto calls first.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return f.wrap(fs.ErrClosed)
	}
	f.closed = true
	clear(f.ahead[:cap(f.ahead)])
	f.ahead = nil
	return f.src.Close()
}

// wrap names the file in an error. io.EOF stays bare, as readers compare it.
func (f *File) wrap(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return &fs.PathError{Op: "read", Path: f.path, Err: err}
}

// dir is an open directory.
type dir struct {
	info    fileInfo
	entries []fs.DirEntry
	next    int
}

func (d *dir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *dir) Close() error               { return nil }
func (d *dir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.name, Err: errors.New("is a directory")}
}

// ReadDir implements [fs.ReadDirFile].
func (d *dir) ReadDir(n int) ([]fs.DirEntry, error) {
	rest := d.entries[d.next:]
	if n > 0 {
		if len(rest) == 0 {
			return nil, io.EOF
		}
		rest = rest[:min(n, len(rest))]
	}
	d.next += len(rest)
	return append([]fs.DirEntry{}, rest...), nil
}
