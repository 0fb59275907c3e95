// Package ctxio has readers end with a context: storage may give one byte at a time, and never the last.
package ctxio

import (
	"context"
	"io"
)

// Reader reads r until ctx is done, and then returns its error. A read that is under way is not interrupted.
func Reader(ctx context.Context, r io.Reader) io.Reader { return reader{ctx, r} }

type reader struct {
	ctx context.Context // for the length of one reading
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
