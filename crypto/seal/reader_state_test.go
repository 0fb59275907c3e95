package seal

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
)

// shrinking is a file that ends early while short is set.
type shrinking struct {
	*bytes.Reader
	short bool
}

func (s *shrinking) ReadAt(p []byte, off int64) (int, error) {
	if s.short {
		return 0, io.EOF
	}
	return s.Reader.ReadAt(p, off)
}

// sealedText is 10,000 bytes under a keyset of small segments, sealed.
func sealedText(t *testing.T) (text string, src *shrinking, r *Reader) {
	t.Helper()
	h, err := NewKeyset(4096)
	if err != nil {
		t.Fatal(err)
	}
	text = strings.Repeat("0123456789", 1000)
	var b bytes.Buffer
	w, err := NewWriter(&b, h, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	src = &shrinking{Reader: bytes.NewReader(b.Bytes())}
	if r, err = NewReader(src, int64(b.Len()), h, nil); err != nil {
		t.Fatal(err)
	}
	return text, src, r
}

// A file that was too short once is not believed again, whatever it gives then.
func TestTruncationIsRemembered(t *testing.T) {
	_, src, r := sealedText(t)
	p := make([]byte, 10)
	if _, err := r.ReadAt(p, 0); err != nil {
		t.Fatal(err)
	}
	src.short = true
	if _, err := r.ReadAt(p, 0); !errors.Is(err, ErrTruncated) {
		t.Errorf("while it is short: %v", err)
	}
	src.short = false
	if n, err := r.ReadAt(p, 0); !errors.Is(err, ErrTruncated) || n != 0 {
		t.Errorf("after that: %d, %v", n, err)
	}
}

// What a reader keeps of the plaintext is cleared with it, and it gives nothing any more.
func TestCloseClears(t *testing.T) {
	text, _, r := sealedText(t)
	p := make([]byte, 10)
	if _, err := io.ReadFull(r, p); err != nil || string(p) != text[:10] {
		t.Fatalf("%q, %v", p, err)
	}
	kept := r.ahead[:cap(r.ahead)]
	if !bytes.Contains(kept, []byte(text[10:100])) {
		t.Fatal("nothing is kept: this test sees nothing")
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept, make([]byte, len(kept))) {
		t.Error("plaintext is left in memory")
	}
	if _, err := r.Read(p); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("read: %v", err)
	}
	if _, err := r.WriteTo(io.Discard); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("written: %v", err)
	}
	if err := r.Close(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("closed again: %v", err)
	}
}

// Reading goes on where writing out has ended, and an empty buffer reads nothing.
func TestPositionOfReader(t *testing.T) {
	text, _, r := sealedText(t)
	if _, err := r.Seek(9000, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if n, err := r.WriteTo(&b); err != nil || n != 1000 || b.String() != text[9000:] {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := r.Read(make([]byte, 10)); n != 0 || err != io.EOF {
		t.Errorf("behind the end: %d, %v", n, err)
	}
	if at, err := r.Seek(0, io.SeekCurrent); err != nil || at != 10_000 {
		t.Errorf("at %d, %v", at, err)
	}
	if n, err := r.Read(nil); n != 0 || err != nil {
		t.Errorf("into nothing: %d, %v", n, err)
	}
	for _, segment := range []int{-1, MaxSegment + 1} {
		if _, err := NewKeyset(segment); !errors.Is(err, ErrTooLarge) {
			t.Errorf("segments of %d bytes: %v", segment, err)
		}
	}
}
