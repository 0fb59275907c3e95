package seal

import (
	"context"
	"fmt"
	"io"
	"io/fs"
)

// CopyTo decrypts the file in parallel and writes its plaintext to w in order, and returns how many bytes it wrote. No more
// than two pieces (128 KiB, or a segment where that is larger) for each worker, and one, are decrypted ahead of w. Every
// byte that w gets belongs to this file at its place, but only nil means that it got all of them: publish what was written
// then and not before. w is never called twice at once, and not always from the same goroutine.
// Errors: those of [ReaderAt.ReadAllInto], and that of w.
func (r *ReaderAt) CopyTo(ctx context.Context, w io.Writer) (int64, error) {
	return r.copyFrom(ctx, 0, w)
}

// copyFrom is CopyTo for what follows the plaintext offset from.
func (r *ReaderAt) copyFrom(ctx context.Context, from int64, w io.Writer) (written int64, err error) {
	if err := r.failure(); err != nil || from >= r.size {
		return 0, err
	}
	batch, start := r.batch(), r.index(from)
	skip := from - r.plainStart(start) // in the first piece
	ring := make(staging, ringSize(r.options.workers))
	defer ring.clear()
	next := int64(0) // piece to write
	err = r.spread(ctx, start, func(first, count int64) error {
		wk := r.pool.get()
		defer r.pool.put(wk)
		return r.open(wk, first, count, ring.take((first-start)/batch, r.plainLen(first, count)))
	}, func(segments int64) error {
		for ; next*batch < segments; next++ {
			b := ring.get(next)[skip:]
			skip = 0
			n, err := w.Write(b)
			written += int64(n)
			if err == nil && n != len(b) {
				err = io.ErrShortWrite
			}
			if err != nil {
				return fmt.Errorf("seal: write: %w", err)
			}
		}
		return nil
	})
	return written, err
}

// failure is the error that ended this reader for good, or nil. One that was not made has no file, which is not an empty one.
func (r *ReaderAt) failure() error {
	if r == nil || r.cipher == nil {
		return fs.ErrClosed
	}
	if err := r.failed.Load(); err != nil {
		return *err
	}
	return nil
}
