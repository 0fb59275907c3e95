package seal

import (
	"context"
	"errors"
	"io"
	"io/fs"
)

// File is an open file of an [FS]. ReadAt, ReadAllInto, CopyTo and ProvisionalStream are safe for concurrent use; Read,
// Seek and WriteTo share a position under a lock. Close it.
type File struct {
	r    Reader
	src  fs.File
	info fileInfo
	path string
}

var (
	_ fs.File     = (*File)(nil)
	_ io.ReaderAt = (*File)(nil)
	_ io.Seeker   = (*File)(nil)
	_ io.WriterTo = (*File)(nil)
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

// CopyTo is [ReaderAt.CopyTo].
func (f *File) CopyTo(ctx context.Context, w io.Writer) (int64, error) {
	n, err := f.r.CopyTo(ctx, w)
	return n, f.wrap(err)
}

// ProvisionalStream is [ReaderAt.ProvisionalStream].
func (f *File) ProvisionalStream(ctx context.Context, sink ProvisionalSink) error {
	return f.wrap(f.r.ProvisionalStream(ctx, sink))
}

// Read is [Reader.Read].
func (f *File) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	return n, f.wrap(err)
}

// WriteTo is [Reader.WriteTo].
func (f *File) WriteTo(w io.Writer) (int64, error) {
	n, err := f.r.WriteTo(w)
	return n, f.wrap(err)
}

// Seek is [Reader.Seek].
func (f *File) Seek(offset int64, whence int) (int64, error) {
	n, err := f.r.Seek(offset, whence)
	return n, f.wrap(err)
}

// Close closes the sealed file and clears what Read kept. The caller ends its own calls first.
func (f *File) Close() error {
	if err := f.r.Close(); err != nil {
		return f.wrap(err)
	}
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
