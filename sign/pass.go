package sign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/holdfast-ai/holdfast/sign/digest"
)

// chunk is how many bytes are read before they are hashed: small enough to stay in a core's L2 cache, large enough that
// calls do not count.
const chunk = 256 << 10

// An allReader is the one-pass seam of docs/DESIGN.md section 3: a file that fills the destination itself, perhaps in
// parallel, and tells how long the verified contiguous prefix is. Calls of watermark do not overlap, and bytes below it
// do not change any more.
type allReader interface {
	ReadAllInto(ctx context.Context, dst []byte, watermark func(contiguous int64)) error
}

// errLength means that a file was not as long as it was said to be.
var errLength = errors.New("sign: length differs")

var errPanicked = errors.New("sign: tap panicked")

// A pass carries the bytes of one file, in order, through the hash and the taps.
type pass struct {
	sum    *digest.Stream
	taps   []Tap
	tapErr error // of the first tap that refused; the hash goes on, so that altered bytes are reported as altered
	seen   func(n int)
}

func (p *pass) write(b []byte) {
	p.sum.Add(b)
	if p.tapErr == nil {
		for _, t := range p.taps {
			n, err := t.Write(b)
			if err == nil && n != len(b) {
				err = io.ErrShortWrite
			}
			if err != nil {
				p.tapErr = err
				break
			}
		}
	}
	if p.seen != nil {
		p.seen(len(b))
	}
}

// fill reads the whole of src into dst, which is exactly as long as src said it was.
func (p *pass) fill(ctx context.Context, src fs.File, dst []byte) error {
	a, ok := src.(allReader)
	if !ok {
		return p.read(ctx, src, int64(len(dst)), func(off int64, n int) []byte { return dst[off:][:n] })
	}
	var done int64
	var fault error
	var panicked any
	err := a.ReadAllInto(ctx, dst, func(mark int64) {
		defer func() { // a tap's; the goroutine may be one on which nobody could recover from it
			if p := recover(); p != nil {
				panicked, fault = p, errPanicked
			}
		}()
		if fault == nil && (mark < done || mark > int64(len(dst))) {
			fault = fmt.Errorf("sign: source's watermark went from %d to %d of %d", done, mark, len(dst))
		}
		for fault == nil && done < mark {
			if fault = ctx.Err(); fault != nil {
				return
			}
			n := min(mark-done, chunk)
			p.write(dst[done : done+n])
			done += n
		}
	})
	if panicked != nil {
		panic(panicked)
	}
	if err != nil {
		return err
	}
	if fault != nil {
		return fault
	}
	for ; done < int64(len(dst)); done += min(int64(len(dst))-done, chunk) {
		if err := ctx.Err(); err != nil {
			return err
		}
		p.write(dst[done:][:min(int64(len(dst))-done, chunk)])
	}
	fi, err := src.Stat()
	if err == nil && fi.Size() != int64(len(dst)) {
		err = errLength
	}
	return err
}

// read reads size bytes in chunks into the windows that it asks for, and makes sure that nothing follows.
func (p *pass) read(ctx context.Context, src fs.File, size int64, window func(off int64, n int) []byte) error {
	at, random := src.(io.ReaderAt)
	next := func(b []byte, off int64) (n int, err error) {
		if !random {
			return io.ReadFull(src, b)
		}
		n, err = at.ReadAt(b, off)
		if n == len(b) {
			err = nil
		} else if err == nil {
			err = io.ErrNoProgress
		}
		return n, err
	}
	for off := int64(0); off < size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		b := window(off, int(min(size-off, chunk)))
		if _, err := next(b, off); err == io.EOF || err == io.ErrUnexpectedEOF {
			return errLength
		} else if err != nil {
			return err
		}
		p.write(b)
		off += int64(len(b))
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	switch _, err := next(make([]byte, 1), size); err {
	case io.EOF:
		return nil
	case nil:
		return errLength
	default:
		return err
	}
}

// finish decides about the file: first whether its bytes are the signed ones, then what the taps say of them.
func (p *pass) finish(f *file) error {
	if err := f.check(p.sum.Sums()); err != nil {
		return err
	}
	for _, t := range p.taps {
		if p.tapErr == nil {
			p.tapErr = t.Finish()
		}
	}
	if p.tapErr != nil {
		return fmt.Errorf("%w (%q): %w", ErrTap, f.name, p.tapErr)
	}
	return nil
}

// verify fills dst from src and accepts it, or says why not.
func verify(ctx context.Context, src fs.File, f *file, dst []byte, taps []Tap) error {
	if n, known := f.Size(); known && n != int64(len(dst)) {
		return fault(f, errLength)
	}
	p := pass{sum: digest.New(f.Algorithm, f.ShardSize), taps: taps}
	if err := p.fill(ctx, src, dst); err != nil {
		return fault(f, err)
	}
	return p.finish(f)
}

// fault names the file in an error of reading it. A file that is shorter or longer than it said is not what was signed.
func fault(f *file, err error) error {
	if errors.Is(err, errLength) {
		return &MismatchError{Path: f.name, Want: f.Digest}
	}
	return in(f.name, err)
}
