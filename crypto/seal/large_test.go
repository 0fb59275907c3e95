//go:build long

package seal_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"testing"

	"github.com/tink-crypto/tink-go/v2/streamingaead"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// sameAs is a writer that holds what is written against a file.
type sameAs struct {
	want io.ReaderAt
	off  int64
	buf  []byte
}

func (s *sameAs) Write(p []byte) (int, error) {
	if len(s.buf) < len(p) {
		s.buf = make([]byte, len(p))
	}
	b := s.buf[:len(p)]
	if n, err := s.want.ReadAt(b, s.off); n < len(b) {
		return 0, fmt.Errorf("%d bytes of plaintext at %d: %w", n, s.off, err)
	}
	if !bytes.Equal(b, p) {
		return 0, fmt.Errorf("bytes differ after %d", s.off)
	}
	s.off += int64(len(p))
	return len(p), nil
}

// A sparse file past 4 GiB, where 32-bit offsets and counts end: sealed, read at both sides of that line, copied out whole,
// and read by tink-go.
func TestPast4GiB(t *testing.T) {
	const size = math.MaxUint32 + 5_000_000
	for _, segment := range []int{4096, 1 << 20} {
		h := newKeyset(t, segment)
		plain, sealed := newTempFile(t), newTempFile(t)
		for _, at := range []int64{0, math.MaxInt32 - 5000, math.MaxUint32 - 5000, size - 10_000} {
			if _, err := plain.WriteAt(pattern(fmt.Sprint(at), 10_000), at); err != nil {
				t.Fatal(err)
			}
		}
		n, err := seal.EncryptFrom(t.Context(), sealed, plain, size, h, []byte("ad"))
		if err != nil {
			t.Fatal(err)
		}
		r, err := seal.NewReader(sealed, n, h, []byte("ad"))
		if err != nil || r.Size() != size {
			t.Fatal(err)
		}
		got, want := make([]byte, 20_000), make([]byte, 20_000)
		for _, at := range []int64{math.MaxInt32 - 9000, math.MaxUint32 - 9000, math.MaxUint32, size - 20_000} {
			if _, err := r.ReadAt(got, at); err != nil {
				t.Fatal(err)
			}
			if _, err := plain.ReadAt(want, at); err != nil || !bytes.Equal(got, want) {
				t.Errorf("segments of %d: other bytes at %d, %v", segment, at, err)
			}
		}
		if copied, err := io.Copy(&sameAs{want: plain}, r); err != nil || copied != size {
			t.Errorf("segments of %d: %d bytes, %v", segment, copied, err)
		}
		a, err := streamingaead.New(h)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := a.NewDecryptingReader(io.NewSectionReader(sealed, 0, n), []byte("ad"))
		if err != nil {
			t.Fatal(err)
		}
		if copied, err := io.CopyBuffer(&sameAs{want: plain}, theirs, make([]byte, 1<<20)); err != nil || copied != size {
			t.Errorf("segments of %d: tink-go reads %d bytes, %v", segment, copied, err)
		}
		if err := sealed.Truncate(0); err != nil {
			t.Fatal(err)
		}
	}
}
