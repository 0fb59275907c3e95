package sign

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"syscall"

	"github.com/holdfast-ai/holdfast/internal/ctxio"
	"github.com/holdfast-ai/holdfast/sign/digest"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// lstat describes a file of the source without following a link, where the source can do that.
func lstat(src fs.FS, name string) (fs.FileInfo, error) {
	fi, err := fs.Lstat(src, name)
	if err != nil {
		return nil, absent(src, name, err)
	}
	if !fi.Mode().IsRegular() {
		return nil, &FileError{name, ErrNotRegular, fi.Mode().Type()}
	}
	return fi, nil
}

// absent says why a file cannot be looked at or opened. What stands where it, or a directory above it, should be is a refusal and no
// fault of the source: whoever writes to the storage chose it, and trying again does not help.
func absent(src fs.FS, name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENAMETOOLONG) { // a name that cannot be is not there
		return in(name, ErrMissing)
	}
	if f, ok := src.(follow); ok {
		src = f.src // links that lead nowhere
	}
	parts := strings.Split(name, "/")
	for i := range parts {
		fi, err := fs.Lstat(src, strings.Join(parts[:i+1], "/"))
		if err != nil {
			break
		}
		if above := i+1 < len(parts); above && !fi.IsDir() || !above && !fi.Mode().IsRegular() {
			return &FileError{name, ErrNotRegular, fi.Mode().Type()}
		}
	}
	return in(name, err)
}

// openRegular opens a file of the source once. Opening a pipe waits for a writer and opening a device may do anything, so
// the name is looked at before; the open file is looked at again, because the name may be another file's by then.
// The size is that of the open file: everything that follows counts against it.
func openRegular(src fs.FS, name string) (fs.File, int64, error) {
	if _, err := lstat(src, name); err != nil {
		return nil, 0, err
	}
	f, err := src.Open(name)
	if err != nil {
		return nil, 0, absent(src, name, err)
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
	data, err := io.ReadAll(io.LimitReader(ctxio.Reader(ctx, f), limit+1))
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, in(name, err)
	}
	if int64(len(data)) > limit {
		return nil, &SizeError{name, int64(len(data)), limit}
	}
	return data, nil
}

// A voucher is a source that knows digests of its own, such as an OCI artifact. What is signed must be what was published, and nothing
// else vouches for it then. So VerifyFiles holds everything against the digests and, in the same pass, gives w the bytes of each file: the storage
// can change between two.
type voucher interface {
	VerifyFiles(ctx context.Context, workers int, w func(name string, size int64) io.Writer) error
}

// hashVouched is [hashFiles] for the bytes that a voucher vouches for.
func hashVouched(ctx context.Context, src fs.FS, v voucher, names []string, f form, e effort, report func(Progress)) ([]hashed, error) {
	out, sinks, t := make([]hashed, len(names)), make([]*sink, len(names)), tally{report: report}
	index := make(map[string]int, len(names))
	for i, name := range names {
		index[name] = i
		if fi, err := lstat(src, name); err == nil {
			t.total += fi.Size()
		}
	}
	err := v.VerifyFiles(ctx, e.workers, func(name string, size int64) io.Writer {
		i, ok := index[name]
		if !ok { // it is not signed
			return nil
		}
		if f.shardSize > 0 && shards(size, f.shardSize) > manifest.MaxResources {
			out[i].err = tooManyShards(name)
			return nil
		}
		sinks[i] = &sink{sum: digest.New(f.algorithm, f.shardSize), tally: &t}
		return sinks[i]
	})
	if err != nil {
		return nil, err
	}
	t.finish()
	for i, s := range sinks {
		switch {
		case out[i].err != nil:
		case s == nil:
			out[i].err = in(names[i], ErrMissing)
		default:
			out[i].sums, out[i].size = s.sum.Sums(), s.n
		}
	}
	return out, nil
}

// A sink hashes a file that is written to it.
type sink struct {
	sum   *digest.Stream
	n     int64
	tally *tally
}

func (s *sink) Write(b []byte) (int, error) {
	s.sum.Add(b)
	s.n += int64(len(b))
	s.tally.add(len(b))
	return len(b), nil
}
