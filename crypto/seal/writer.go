package seal

import (
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/tink-crypto/tink-go/v2/keyset"
)

// ErrAborted means that a [Writer] was closed without [Writer.Commit].
var ErrAborted = errors.New("seal: aborted")

// A Writer seals a stream. Only [Writer.Commit] makes it a whole file: without it the last segment is missing and every
// reader refuses what was written. So `defer w.Close()` is safe on every path. It is not safe for concurrent use.
type Writer struct {
	stream
	aead cipher.AEAD
	dst  io.Writer
	w    worker
	next int64 // number of the segment in w.in
	err  error // sticky
}

var _ io.WriteCloser = (*Writer)(nil)

// NewWriter starts a sealed file under the one enabled key of h and the given associated data, which the reader must know.
// It writes the header to dst, which it keeps and does not close.
// Errors: [ErrKeyset], [ErrUnsupported], [ErrTooLarge], and those of dst.
func NewWriter(dst io.Writer, h *keyset.Handle, ad []byte, opts ...Option) (*Writer, error) {
	k, err := writeKey(h, newOptions(opts).maxSegment)
	if err != nil {
		return nil, err
	}
	defer k.dek.Destroy()
	return newWriter(dst, k, k.newHeader(), ad)
}

func newWriter(dst io.Writer, k *key, header, ad []byte) (*Writer, error) {
	w := &Writer{dst: dst}
	var err error
	if w.stream, w.aead, err = k.sealing(header, ad); err != nil {
		return nil, err
	}
	if _, err := dst.Write(header); err != nil {
		return nil, fmt.Errorf("seal: write: %w", err)
	}
	w.w.in = make([]byte, 0, min(w.capacity(), batchBytes))
	return w, nil
}

// capacity is the plaintext size of a full segment.
func (w *Writer) capacity() int64 { return w.plainStart(w.next+1) - w.plainStart(w.next) }

// Write takes plaintext. It does not keep p. A failed write is remembered: nothing after it succeeds.
func (w *Writer) Write(p []byte) (n int, err error) {
	if err := w.failure(); err != nil {
		return 0, err
	}
	for len(p) > 0 {
		// A full segment waits until more comes, because the last one is sealed differently.
		room := w.capacity() - int64(len(w.w.in))
		if room == 0 {
			if w.err = w.flush(middleSegment); w.err != nil {
				return n, w.err
			}
			continue
		}
		take := min(room, int64(len(p)))
		w.reserve(take)
		w.w.in = append(w.w.in, p[:take]...)
		p, n = p[take:], n+int(take)
	}
	return n, nil
}

// failure is why nothing more is written, or nil.
func (w *Writer) failure() error {
	if w.err == nil && w.aead == nil { // not made by NewWriter
		return ErrAborted
	}
	return w.err
}

// reserve makes room for n bytes more of the segment. The buffer that was too small held plaintext.
func (w *Writer) reserve(n int64) {
	have := int64(len(w.w.in))
	if have+n <= int64(cap(w.w.in)) {
		return
	}
	larger := make([]byte, have, min(max(have+n, 2*have), w.capacity()))
	copy(larger, w.w.in)
	clear(w.w.in)
	w.w.in = larger
}

const (
	middleSegment = false
	lastSegment   = true
)

func (w *Writer) flush(last bool) error {
	if w.next >= maxSegments {
		return fmt.Errorf("%w: more than %d segments", ErrTooLarge, int64(maxSegments))
	}
	w.w.setNonce(w.prefix, w.next, last)
	w.w.out = w.aead.Seal(w.w.out[:0], w.w.nonce[:], w.w.in, nil)
	clear(w.w.in)
	w.w.in = w.w.in[:0]
	w.next++
	if _, err := w.dst.Write(w.w.out); err != nil {
		return fmt.Errorf("seal: write: %w", err)
	}
	return nil
}

// Commit seals and writes the last segment. The file is whole when it returns nil. Commit works once, and returns the
// error of a write that failed before.
func (w *Writer) Commit() error {
	if err := w.failure(); err != nil {
		return err
	}
	err := w.flush(lastSegment)
	w.err = err
	if err == nil {
		w.err = fmt.Errorf("seal: already committed: %w", fs.ErrClosed)
	}
	w.release()
	return err
}

// Abort gives up the file: what was written stays unreadable, and later calls return [ErrAborted]. After Commit it does
// nothing.
func (w *Writer) Abort() {
	if w.err == nil {
		w.err = ErrAborted
	}
	w.release()
}

// Close is [Writer.Abort]: it never makes a file whole. It returns nil.
func (w *Writer) Close() error {
	w.Abort()
	return nil
}

func (w *Writer) release() {
	clear(w.w.in[:cap(w.w.in)])
	w.w.in, w.w.out = nil, nil
}
