package seal

import (
	"bytes"
	"fmt"
	"io"
)

// PrivateBytes is a file in memory that nobody changes while it is in use and no other process can write. As a sealed file
// it is opened in place, without the copy that every other source pays for; [EncryptFrom] reads plaintext from one and
// writes a sealed file to one in place too. Never make one from a mapped file.
type PrivateBytes []byte

var (
	_ io.ReaderAt = PrivateBytes(nil)
	_ io.WriterAt = PrivateBytes(nil)
)

// ReadAt implements [io.ReaderAt].
func (b PrivateBytes) ReadAt(p []byte, off int64) (int, error) {
	return bytes.NewReader(b).ReadAt(p, off)
}

// WriteAt implements [io.WriterAt]. It never grows b: what does not fit is [io.ErrShortBuffer].
func (b PrivateBytes) WriteAt(p []byte, off int64) (int, error) {
	dst, ok := b.slice(off, int64(len(p)))
	if !ok {
		return 0, fmt.Errorf("seal: %d bytes at %d of %d: %w", len(p), off, len(b), io.ErrShortBuffer)
	}
	return copy(dst, p), nil
}

// slice returns the n bytes at off, without capacity for more, and whether they are all there.
func (b PrivateBytes) slice(off, n int64) ([]byte, bool) {
	if off < 0 || n < 0 || off > int64(len(b)) || n > int64(len(b))-off {
		return nil, false
	}
	return b[off : off+n : off+n], true
}
