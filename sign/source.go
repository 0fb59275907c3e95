package sign

import (
	"context"
	"errors"
	"io"
	"io/fs"
)

// lstat describes a file of the source without following a link, where the source can do that.
func lstat(src fs.FS, name string) (fs.FileInfo, error) {
	fi, err := fs.Lstat(src, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, in(name, ErrMissing)
	}
	if err != nil {
		return nil, in(name, err)
	}
	if !fi.Mode().IsRegular() {
		return nil, &FileError{name, ErrNotRegular, fi.Mode().Type()}
	}
	return fi, nil
}

// openRegular opens a file of the source once. Opening a pipe waits for a writer and opening a device may do anything, so
// the name is looked at before; the open file is looked at again, because the name may be another file's by then.
// The size is that of the open file: everything that follows counts against it.
func openRegular(src fs.FS, name string) (fs.File, int64, error) {
	if _, err := lstat(src, name); err != nil {
		return nil, 0, err
	}
	f, err := src.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, in(name, ErrMissing)
	}
	if err != nil {
		return nil, 0, in(name, err)
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = &FileError{name, ErrNotRegular, fi.Mode().Type()}
	} else if err == nil && fi.Size() < 0 {
		err = in(name, ErrNotRegular)
	} else if err != nil {
		err = in(name, err)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, fi.Size(), nil
}

// readBounded reads a file that nothing vouches for, up to limit bytes.
func readBounded(ctx context.Context, src fs.FS, name string, limit int64) ([]byte, error) {
	f, size, err := openRegular(src, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > limit {
		return nil, &SizeError{name, size, limit}
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, in(name, err)
	}
	if int64(len(data)) > limit {
		return nil, &SizeError{name, int64(len(data)), limit}
	}
	return data, ctx.Err()
}

// verifySource has a source that knows digests of its own, such as an OCI artifact, hold its content against them. What is
// signed must be what was published, and nothing else vouches for it then.
func verifySource(ctx context.Context, src fs.FS) error {
	v, ok := src.(interface{ Verify(context.Context) error })
	if !ok {
		return nil
	}
	return v.Verify(ctx)
}
