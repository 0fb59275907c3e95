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

var errPanicked = errors.New("sign: source or tap panicked")

// A pass carries the bytes of one file, in order, through the hash and the taps.
type pass struct {
	sum    *digest.Stream
	taps   []Tap
	tapErr error // of the first tap that refused; the hash goes on, so that altered bytes are reported as altered
	pace   pacer
	keep   func(b []byte) // sees each window of read once it was hashed; or nil
}

func (p *pass) write(b []byte) {
	p.sum.Add(b)
	p.tap(b)
}

// tap shows bytes to the taps, until one of them refuses.
func (p *pass) tap(b []byte) {
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
}

// inOrder reads an open file from its start, or from off where at is set.
type inOrder struct {
	src fs.File
	at  io.ReaderAt // or nil
	off int64
}

// newInOrder reads an open file that nothing was read from yet. A file that fills destinations itself decrypts, or the like, a
// large piece for every small one that is read at an offset, and keeps that piece only for who reads on.
func newInOrder(src fs.File) inOrder {
	at, _ := src.(io.ReaderAt)
	if _, fills := src.(allReader); fills {
		at = nil
	}
	return inOrder{src: src, at: at}
}

// fill reads exactly len(b) bytes. errLength: the file ended before.
func (r *inOrder) fill(b []byte) error {
	n, err := r.next(b)
	r.off += int64(n)
	switch {
	case n == len(b):
		return nil
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return errLength
	case err == nil:
		return io.ErrNoProgress
	}
	return err
}

// nothingFollows makes sure that the file ends here. errLength: it does not.
func (r *inOrder) nothingFollows() error {
	var b [1]byte
	n, err := r.next(b[:])
	switch {
	case n > 0:
		return errLength
	case err == io.EOF:
		return nil
	case err == nil:
		return io.ErrNoProgress
	}
	return err
}

func (r *inOrder) next(b []byte) (int, error) {
	if r.at == nil {
		return io.ReadFull(r.src, b)
	}
	return r.at.ReadAt(b, r.off)
}

// fill reads the whole of src into dst, which is exactly as long as src said it was.
func (p *pass) fill(ctx context.Context, src fs.File, dst []byte) error {
	a, ok := src.(allReader)
	if !ok {
		in := newInOrder(src)
		if err := p.read(ctx, &in, int64(len(dst)), func(off int64, n int) []byte { return dst[off:][:n] }); err != nil {
			return err
		}
		return in.nothingFollows()
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

// read reads up to end, in chunks, into the windows that it asks for: of at most n bytes, and not empty.
func (p *pass) read(ctx context.Context, in *inOrder, end int64, window func(off int64, n int) []byte) error {
	for in.off < end {
		if err := ctx.Err(); err != nil {
			return err
		}
		b := window(in.off, int(min(end-in.off, chunk)))
		if err := in.fill(b); err != nil {
			return err
		}
		p.write(b)
		if p.keep != nil {
			p.keep(b)
		}
		p.pace.rest(ctx)
	}
	return ctx.Err()
}

// finish decides about the file: first whether its bytes are the signed ones, then what the taps say of them.
func (p *pass) finish(f *file) error {
	if err := f.check(p.sum.Sums()); err != nil {
		return err
	}
	return p.finishTaps(f)
}

func (p *pass) finishTaps(f *file) error {
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

// fault names the file in an error of reading it. A file that is shorter or longer than it said is not what was signed.
func fault(f *file, err error) error {
	if errors.Is(err, errLength) {
		return &MismatchError{Path: f.name, Want: f.Digest}
	}
	return in(f.name, err)
}
