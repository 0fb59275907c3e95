package seal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/tink-crypto/tink-go/v2/keyset"
)

// A ReaderAt reads the plaintext of one sealed file at any offset. It is safe for concurrent use where its source is.
// Every caller gets only bytes whose segment was authenticated, and once a segment fails, every later call fails too.
type ReaderAt struct {
	stream
	src     io.ReaderAt
	mem     []byte // the whole file, where the source is PrivateBytes
	options options
	pool    *workerPool
	failed  atomic.Pointer[error]
}

var _ io.ReaderAt = (*ReaderAt)(nil)

// NewReaderAt opens a sealed file of size bytes under the one enabled key of h and the associated data it was sealed with.
// It reads and authenticates the first and the last segment, so that a cut or extended file is refused here and
// [ReaderAt.Size] can be trusted. src is kept and not closed; its size must not change.
// Errors: [ErrKeyset], [ErrUnsupported], [ErrTooLarge], [ErrFormat], [ErrTruncated], [ErrAuth], and those of src.
func NewReaderAt(src io.ReaderAt, size int64, h *keyset.Handle, ad []byte, opts ...Option) (*ReaderAt, error) {
	o := newOptions(opts)
	k, err := keyOf(h, o.maxSegment)
	if err != nil {
		return nil, err
	}
	defer k.dek.Destroy()
	return newReaderAt(src, size, k, ad, nil, o, new(workerPool))
}

// newReaderAt takes the file's header from the caller, who has it from a better source than the file, or reads it where it
// is nil.
func newReaderAt(src io.ReaderAt, size int64, k *key, ad, header []byte, o options, pool *workerPool) (*ReaderAt, error) {
	plain, segments, err := k.plain(size)
	if err != nil {
		return nil, err
	}
	if header == nil {
		header = make([]byte, k.header)
		if err := readFull(src, header, 0); err != nil {
			return nil, err
		}
	}
	r := &ReaderAt{src: src, options: o, pool: pool}
	if r.stream, err = k.stream(header, ad); err != nil {
		return nil, err
	}
	r.segments, r.size = segments, plain
	if mem, ok := src.(PrivateBytes); ok {
		if int64(len(mem)) != size {
			return nil, fmt.Errorf("%w: %d bytes of %d", ErrTruncated, len(mem), size)
		}
		r.mem = mem
	}
	for _, i := range []int64{0, segments - 1} {
		if err := r.check(i); err != nil {
			return nil, err
		}
		if segments == 1 {
			break
		}
	}
	return r, nil
}

// check authenticates a segment and throws its plaintext away.
func (r *ReaderAt) check(i int64) error {
	w := r.pool.get()
	defer r.pool.put(w)
	w.out = grow(w.out, r.plainLen(i, 1))
	defer clear(w.out)
	err := r.open(w, i, 1, w.out)
	if errors.Is(err, ErrAuth) && i == r.segments-1 {
		ct, rerr := r.ciphertext(w, r.start(i), int64(len(w.out))+r.tag)
		if rerr != nil {
			return rerr
		}
		return r.cut(w, i, ct, err)
	}
	return err
}

// Size is the plaintext size in bytes, authenticated.
func (r *ReaderAt) Size() int64 { return r.size }

// ReadAt reads len(p) plaintext bytes from offset off. On any error but [io.EOF] it returns 0 and clears p.
// It does not allocate once its buffers are warm, and decrypts every segment that p touches in whole.
// Errors: [ErrAuth] if a segment was altered, moved or cut; [ErrTruncated] if the source has shrunk; [io.EOF] at the end of
// the plaintext; and those of the source.
func (r *ReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("seal: negative offset")
	}
	if err := r.failure(); err != nil {
		return 0, err
	}
	if off >= r.size {
		if len(p) == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), r.size-off))
	if n == 0 {
		return 0, nil
	}
	w := r.pool.get()
	err := r.read(w, p[:n], off)
	r.pool.put(w)
	if err != nil {
		clear(p[:n])
		return 0, r.fail(err)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (r *ReaderAt) read(w *worker, p []byte, off int64) error {
	for len(p) > 0 {
		i := r.index(off)
		from, n := off-r.plainStart(i), r.plainLen(i, 1)
		if from == 0 && int64(len(p)) >= n { // whole segments go straight to their place
			count := int64(1)
			for count < r.batch() && i+count < r.segments && int64(len(p)) >= r.plainLen(i, count+1) {
				count++
			}
			n = r.plainLen(i, count)
			if err := r.open(w, i, count, p[:n]); err != nil {
				return err
			}
			p, off = p[n:], off+n
			continue
		}
		w.out = grow(w.out, n)
		if err := r.open(w, i, 1, w.out); err != nil {
			return err
		}
		n = int64(copy(p, w.out[from:]))
		clear(w.out)
		p, off = p[n:], off+n
	}
	return nil
}

// open reads and opens count segments into dst, which has exactly their plaintext length.
func (r *ReaderAt) open(w *worker, first, count int64, dst []byte) error {
	ct, err := r.ciphertext(w, r.start(first), r.plainLen(first, count)+count*r.tag)
	if err != nil {
		return err
	}
	for i := first; i < first+count; i++ {
		n := r.plainLen(i, 1)
		w.setNonce(r.prefix, i, i == r.segments-1)
		if _, err := r.cipher.Open(dst[:0:n], w.nonce[:], ct[:n+r.tag], nil); err != nil {
			return &SegmentError{i, ErrAuth}
		}
		ct, dst = ct[n+r.tag:], dst[n:]
	}
	return nil
}

// ciphertext returns n bytes of the file from off, in memory that nobody else writes.
func (r *ReaderAt) ciphertext(w *worker, off, n int64) ([]byte, error) {
	if r.mem != nil {
		return r.mem[off : off+n], nil
	}
	w.in = grow(w.in, n)
	return w.in, readFull(r.src, w.in, off)
}

// fail remembers that the file is not authentic. A failed read of the source may be tried again.
func (r *ReaderAt) fail(err error) error {
	if errors.Is(err, ErrAuth) || errors.Is(err, ErrTruncated) {
		r.failed.CompareAndSwap(nil, &err)
	}
	return err
}

// readFull fills p from off. It keeps the source's own error; an early end means that the file has shrunk.
func readFull(src io.ReaderAt, p []byte, off int64) error {
	n, err := src.ReadAt(p, off)
	switch {
	case n == len(p):
		return nil
	case err == nil:
		err = io.ErrNoProgress // io.ReaderAt: "returns a non-nil error when n < len(p)"
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%w: the source ends at %d", ErrTruncated, off+int64(n))
	}
	return fmt.Errorf("seal: read at %d: %w", off, err)
}

// ReadAllInto decrypts the whole file into dst, whose length must be [ReaderAt.Size], on as many goroutines as
// [WithWorkers] says. watermark, if not nil, is called with the length of the prefix of dst that is authentic, each time it
// has grown, never twice at once and not always from the same goroutine; workers stay close ahead of it, so that the bytes
// it is told of are still in the cache. dst is undefined until ReadAllInto returns nil, and cleared when it fails: what the
// watermark saw must then be thrown away. dst must not be memory that other processes already map.
// Errors: those of [ReaderAt.ReadAt] but io.EOF, and that of ctx.
func (r *ReaderAt) ReadAllInto(ctx context.Context, dst []byte, watermark func(contiguous int64)) error {
	if int64(len(dst)) != r.size {
		return fmt.Errorf("seal: a destination of %d bytes for %d bytes: %w", len(dst), r.size, io.ErrShortBuffer)
	}
	err := r.spread(ctx, 0, func(first, count int64) error {
		w := r.pool.get()
		defer r.pool.put(w)
		at := r.plainStart(first)
		return r.open(w, first, count, dst[at:at+r.plainLen(first, count)])
	}, func(segments int64) error {
		if watermark != nil {
			watermark(r.plainLen(0, segments))
		}
		return nil
	})
	if err != nil {
		clear(dst)
	}
	return err
}

// spread runs work over batches of segments from segment `from` to the end, and tells passed how many of these are done
// without a gap.
func (r *ReaderAt) spread(ctx context.Context, from int64, work func(first, count int64) error, passed func(segments int64) error) error {
	if err := r.failure(); err != nil {
		return err
	}
	batch, total := r.batch(), r.segments-from
	s := newSpread((total+batch-1)/batch, r.options)
	s.passedTo = func(batches int64) error { return passed(min(batches*batch, total)) }
	err := s.run(ctx, func(i int64) error { return work(from+i*batch, min(batch, total-i*batch)) })
	if err != nil {
		return r.fail(err)
	}
	return nil
}

// DecryptTo opens a sealed file and decrypts it into dst in one call: [NewReaderAt] and [ReaderAt.ReadAllInto].
func DecryptTo(ctx context.Context, dst []byte, src io.ReaderAt, size int64, h *keyset.Handle, ad []byte, opts ...Option) error {
	r, err := NewReaderAt(src, size, h, ad, opts...)
	if err != nil {
		clear(dst)
		return err
	}
	return r.ReadAllInto(ctx, dst, nil)
}
