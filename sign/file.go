package sign

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"

	"github.com/holdfast-ai/holdfast/internal/treefs"
)

var (
	_ fs.File       = (*File)(nil)
	_ io.ReaderAt   = (*File)(nil)
	_ io.ReadSeeker = (*File)(nil)
)

// A File is an open signed file. It returns verified bytes only, whatever happens to the source meanwhile: what no longer
// is what was signed gives [ErrMismatch]. The caller closes it.
//
// ReadAt is safe for concurrent use, and with Close; Read and Seek share a position and are for one goroutine.
type File struct {
	m    *Model
	name string
	off  int64 // of Read

	shut sync.RWMutex // held for writing by Close
	c    content      // nil once it is closed

	mu   sync.Mutex
	seen int64 // length of the prefix that was handed out
}

// OpenFile opens a signed file. What it costs depends on how the file was signed:
//
//   - A file of up to 256 KiB, or of a source without [io.ReaderAt], is read and verified before OpenFile returns, and
//     held in memory. In the latter case [WithMemoryLimit] applies.
//   - A larger file with one digest is read and verified as a whole when it is opened first; the bytes are not held. In the
//     same pass each 256 KiB get a MAC under a random key of this process (64 KiB for each GiB, kept with the Model), so later
//     reads cost a read of 256 KiB and a tenth of hashing it, and opening the file again costs nothing.
//   - Of a file signed in shards, nothing is read when it is opened. The first read of each shard reads and verifies that
//     shard, and then as above. Sign with shards of 1 to 64 MiB where files are read at random places. Where a tap wants to
//     see the file, it is read as a whole when it is opened.
//
// Verified chunks stay in the cache of [WithCache], which all open files of the Model share. ctx counts for the verification
// in OpenFile, within one chunk, and is not kept.
// Errors: those of [Model.ReadInto], and [ErrTooLarge].
func (m *Model) OpenFile(ctx context.Context, name string) (*File, error) {
	f, src, size, err := m.openName(name)
	if err != nil {
		return nil, err
	}
	at, random := src.(io.ReaderAt)
	if size <= chunk || !random {
		defer src.Close()
		data, err := m.readOpen(ctx, src, f, size, m.limit(), m.taps)
		if err != nil {
			return nil, err
		}
		return &File{m: m, name: name, c: &inMemory{data}}, nil
	}
	m.cache.open()
	c := &chunks{m: m, src: src, at: at}
	good := false
	defer func() {
		if !good { // also where a tap panics
			c.close()
		}
	}()
	if c.t, err = m.tableOf(ctx, f, src, size); err != nil {
		return nil, err
	}
	if err := m.notDenied(); err != nil { // meanwhile
		return nil, err
	}
	good = true
	return &File{m: m, name: name, c: c}, nil
}

func (f *File) fail(op string, err error) error {
	return &fs.PathError{Op: op, Path: f.name, Err: err}
}

// Stat gives the signed or verified size. Mode and time are not signed: every file is 0444 and has no time.
func (f *File) Stat() (fs.FileInfo, error) {
	f.shut.RLock()
	defer f.shut.RUnlock()
	if f.c == nil {
		return nil, f.fail("stat", fs.ErrClosed)
	}
	return treefs.FileInfo(f.name, f.c.size()), nil
}

// Close waits for reads that are going on, closes the file of the source and lets go of memory. Errors: [fs.ErrClosed], and
// the source's.
func (f *File) Close() error {
	f.shut.Lock()
	defer f.shut.Unlock()
	if f.c == nil {
		return f.fail("close", fs.ErrClosed)
	}
	err := f.c.close()
	f.c = nil
	return err
}

// Read reads on from the position, fewer than len(b) bytes where that is cheaper.
// Errors: [io.EOF] at the end, else a [*fs.PathError] around those of [Model.ReadInto].
func (f *File) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	n, err := f.readAt(b, f.off)
	f.off += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

// ReadAt reads len(b) bytes from offset off. The n bytes that it returns are good also where it returns an error.
// Errors: [io.EOF] where the file ends before, else a [*fs.PathError] around those of [Model.ReadInto].
func (f *File) ReadAt(b []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, f.fail("read", errors.New("negative offset"))
	}
	return f.readAt(b, off)
}

func (f *File) readAt(b []byte, off int64) (n int, err error) {
	f.shut.RLock()
	defer f.shut.RUnlock()
	if f.c == nil {
		return 0, f.fail("read", fs.ErrClosed)
	}
	size := f.c.size()
	if off < size {
		if n, err = f.c.readAt(b, off); err != nil {
			err = f.fail("read", err)
		}
	}
	if err == nil && n < len(b) {
		err = io.EOF
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if end := off + int64(n); off <= f.seen && end >= f.seen {
		f.seen = end
		if end == size {
			f.m.release(f.name)
		}
	}
	return n, err
}

// Seek moves the position of Read. Errors: [fs.ErrInvalid] for a position before the start, [fs.ErrClosed].
func (f *File) Seek(offset int64, whence int) (int64, error) {
	f.shut.RLock()
	defer f.shut.RUnlock()
	if f.c == nil {
		return 0, f.fail("seek", fs.ErrClosed)
	}
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += f.off
	case io.SeekEnd:
		offset += f.c.size()
	default:
		return 0, f.fail("seek", fs.ErrInvalid)
	}
	if offset < 0 {
		return 0, f.fail("seek", fs.ErrInvalid)
	}
	f.off = offset
	return offset, nil
}
