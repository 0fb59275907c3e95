package seal

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/tink-crypto/tink-go/v2/keyset"
)

// A ProvisionalSink takes plaintext before its file is known to be whole: a copy to a device that overlaps with reading, a
// file under a temporary name. What it was given must have no effect before Commit.
type ProvisionalSink interface {
	// Provisional takes the plaintext that starts at offset off of the file. p is a staging buffer, which is cleared or
	// filled anew once Provisional has returned: do not keep it. It is called from several goroutines at once, with pieces
	// that do not overlap, in any order; each byte of the file is in exactly one of them. An empty file has none.
	Provisional(off int64, p []byte) error
	// Commit is called once, after every piece was authentic and was taken: together they are the file.
	Commit() error
	// Abort is called once instead of Commit: throw everything away.
	Abort()
}

// ProvisionalStream decrypts the file in parallel into staging buffers that are used again and hands each to sink as soon
// as its segments are authentic, then calls sink's Commit; or its Abort, where anything failed or panicked.
// Errors: those of [ReaderAt.ReadAllInto], and those of sink.
func (r *ReaderAt) ProvisionalStream(ctx context.Context, sink ProvisionalSink) error {
	return r.provisional(ctx, sink, nil)
}

func (r *ReaderAt) provisional(ctx context.Context, sink ProvisionalSink, done func(bytes int64)) error {
	ended := false
	defer func() {
		if !ended {
			sink.Abort()
		}
	}()
	err := r.spread(ctx, 0, func(first, count int64) error {
		w := r.pool.get()
		defer r.pool.put(w)
		w.out = grow(w.out, r.plainLen(first, count))
		defer clear(w.out)
		if err := r.open(w, first, count, w.out); err != nil || len(w.out) == 0 {
			return err
		}
		return sink.Provisional(r.plainStart(first), w.out)
	}, func(segments int64) error {
		if done != nil {
			done(r.plainLen(0, segments))
		}
		return nil
	})
	if err == nil {
		err = ctx.Err() // nothing is committed once the caller has given up
	}
	if err != nil {
		return err
	}
	ended = true
	return sink.Commit()
}

// A ProvisionalReader reads a sealed file from a source without a known end: a pipe, a response body. It returns only bytes
// whose segment is authentic, but that the file goes on after them, or has an end at all, is known only when Read has
// returned [io.EOF]: until then everything is provisional. A failure of any kind is final. It is not safe for concurrent
// use. Close it.
type ProvisionalReader struct {
	stream
	src  io.Reader
	w    worker
	have int   // bytes of w.in that are filled
	next int64 // number of the segment to open
	left []byte
	err  error // sticky; io.EOF only after the last segment
}

var _ io.ReadCloser = (*ProvisionalReader)(nil)

// NewProvisionalReader reads the header of a sealed file from src, which it keeps and does not close. Two segments of
// memory are its own. Whether keyset and associated data are right shows at the first Read.
// Errors: [ErrKeyset], [ErrUnsupported], [ErrTooLarge], [ErrFormat], [ErrTruncated], and those of src.
func NewProvisionalReader(src io.Reader, h *keyset.Handle, ad []byte, opts ...Option) (*ProvisionalReader, error) {
	k, err := keyOf(h, newOptions(opts).maxSegment)
	if err != nil {
		return nil, err
	}
	defer k.dek.Destroy()
	header := make([]byte, k.header)
	if n, err := io.ReadFull(src, header); err != nil {
		return nil, ended(err, int64(n))
	}
	r := &ProvisionalReader{src: src}
	if r.stream, err = k.stream(header, ad); err != nil {
		return nil, err
	}
	r.w.in = make([]byte, r.segment+1) // one byte more tells whether a segment is the last
	return r, nil
}

// ended tells a file that ends early from a source that fails.
func ended(err error, at int64) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: the source ends at %d", ErrTruncated, at)
	}
	return fmt.Errorf("seal: read at %d: %w", at, err)
}

// Read returns plaintext of the next authentic segment. Errors, each of them final: [ErrAuth], [ErrTruncated],
// [ErrTooLarge], [ErrAborted] after Close, those of the source, and [io.EOF], which says that the file is whole.
func (r *ProvisionalReader) Read(p []byte) (int, error) {
	for len(r.left) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		if r.cipher == nil {
			return 0, ErrAborted
		}
		if len(p) == 0 {
			return 0, nil
		}
		r.advance()
	}
	n := copy(p, r.left)
	clear(r.left[:n])
	r.left = r.left[n:]
	return n, nil
}

// advance opens the next segment into r.left, or sets r.err. It sets both for a last segment that is not empty.
func (r *ProvisionalReader) advance() {
	size := int(r.start(r.next+1) - r.start(r.next)) // of a full segment
	n, err := io.ReadFull(r.src, r.w.in[r.have:size+1])
	n += r.have
	last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	at := r.start(r.next) + int64(n)
	switch {
	case err != nil && !last:
		r.err = fmt.Errorf("seal: read at %d: %w", at, err)
		return
	case int64(n) < r.tag:
		r.err = ended(io.EOF, at)
		return
	case r.next >= maxSegments:
		r.err = fmt.Errorf("%w: more than %d segments", ErrTooLarge, int64(maxSegments))
		return
	}
	ct := r.w.in[:min(n, size)]
	r.w.out = grow(r.w.out, int64(len(ct))-r.tag)
	r.w.setNonce(r.prefix, r.next, last)
	if _, err := r.cipher.Open(r.w.out[:0], r.w.nonce[:], ct, nil); err != nil {
		r.err = &SegmentError{r.next, ErrAuth}
		if last {
			r.err = r.cut(&r.w, r.next, ct, r.err)
		}
		return
	}
	r.left = r.w.out
	r.next++
	if last {
		r.err = io.EOF
		return
	}
	r.w.in[0], r.have = r.w.in[size], 1
}

// Close clears the reader's buffers. It returns nil.
func (r *ProvisionalReader) Close() error {
	clear(r.w.out[:cap(r.w.out)])
	r.w.out, r.left = nil, nil
	if r.err == nil || r.err == io.EOF {
		r.err = ErrAborted
	}
	return nil
}
