package seal

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"

	"github.com/tink-crypto/tink-go/v2/keyset"
)

// A Reader reads the plaintext of one sealed file from front to back. Both ends of the file are authenticated before the
// first byte, and each segment before any byte of it; a file that is altered in the middle fails there. It embeds the
// [ReaderAt] that it reads with. Read and Seek share a position under a lock. Close it to clear what it keeps.
type Reader struct {
	*ReaderAt

	mu     sync.Mutex
	pos    int64
	at     int64  // plaintext offset of ahead
	ahead  []byte // the segment that Read is in
	closed bool
}

var (
	_ io.ReadSeekCloser = (*Reader)(nil)
	_ io.WriterTo       = (*Reader)(nil)
)

// NewReader opens a sealed file to be read from its start. Parameters and errors are those of [NewReaderAt]. A source that
// has no size or no random access, such as a network connection, has no authenticated end before it is read: see
// [NewProvisionalReader].
func NewReader(src io.ReaderAt, size int64, h *keyset.Handle, ad []byte, opts ...Option) (*Reader, error) {
	r, err := NewReaderAt(src, size, h, ad, opts...)
	if err != nil {
		return nil, err
	}
	return &Reader{ReaderAt: r}, nil
}

// Read reads on from the reader's position. It keeps the segment it is in, so that small reads decrypt it once.
// Errors: those of [ReaderAt.ReadAt], and [fs.ErrClosed].
func (r *Reader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return 0, fs.ErrClosed
	case r.failure() != nil: // also for bytes that are at hand: nothing follows a failure
		return 0, r.failure()
	case len(p) == 0:
		return 0, nil
	case r.pos >= r.size:
		return 0, io.EOF
	}
	if r.pos < r.at || r.pos >= r.at+int64(len(r.ahead)) {
		i := r.index(r.pos)
		r.at = r.plainStart(i)
		r.ahead = grow(r.ahead, r.plainLen(i, 1))
		if n, err := r.ReadAt(r.ahead, r.at); n < len(r.ahead) {
			r.ahead = r.ahead[:0]
			return 0, err
		}
	}
	n := copy(p, r.ahead[r.pos-r.at:])
	r.pos += int64(n)
	return n, nil
}

// WriteTo is [ReaderAt.CopyTo] from the reader's position on; [io.Copy] calls it. It knows no context: use CopyTo where the
// call must end early.
func (r *Reader) WriteTo(w io.Writer) (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return 0, fs.ErrClosed
	}
	n, err := r.copyFrom(context.Background(), r.pos, w)
	r.pos += n
	return n, err
}

// Seek sets the position of the next Read. It may lie past the end.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += r.pos
	case io.SeekEnd:
		offset += r.size
	default:
		return 0, fs.ErrInvalid
	}
	if offset < 0 {
		return 0, errors.New("seal: negative offset")
	}
	r.pos = offset
	return offset, nil
}

// Close clears the plaintext that Read kept. It does not close the source. A second Close is [fs.ErrClosed].
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return fs.ErrClosed
	}
	r.closed = true
	clear(r.ahead[:cap(r.ahead)])
	r.ahead = nil
	return nil
}
