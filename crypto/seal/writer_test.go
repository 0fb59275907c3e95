package seal_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"testing"
	"testing/iotest"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

type failingWriter struct{ left int }

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, iotest.ErrTimeout
	}
	return len(p), nil
}

// Only Commit makes a file: whatever else ends a writer, no reader accepts what was written.
func TestWriterWithoutCommit(t *testing.T) {
	h := newKeyset(t, 100)
	for _, size := range []int{0, 43, 44, 45, 127, 128, 129, 1000} {
		var b bytes.Buffer
		w, err := seal.NewWriter(&b, h, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(pattern("p", size)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if _, err := openAll(t, h, nil, b.Bytes()); !errors.Is(err, seal.ErrTruncated) {
			t.Errorf("%d bytes without Commit: %v", size, err)
		}
		if _, err := w.Write([]byte("x")); !errors.Is(err, seal.ErrAborted) {
			t.Errorf("write after Close: %v", err)
		}
		if err := w.Commit(); !errors.Is(err, seal.ErrAborted) {
			t.Errorf("Commit after Close: %v", err)
		}
	}
	w, err := seal.NewWriter(&failingWriter{left: 150}, h, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := w.Write(pattern("p", 500)); n >= 500 || !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("failing destination: %d, %v", n, err)
	}
	if err := w.Commit(); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("Commit after a failed write: %v", err)
	}
	if _, err := seal.NewWriter(&failingWriter{}, h, nil); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("header: %v", err)
	}
	var b bytes.Buffer
	w, err = seal.NewWriter(&b, h, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	whole := b.Len()
	if w.Commit() == nil {
		t.Error("Commit twice")
	}
	if _, err := w.Write([]byte("x")); err == nil || w.Close() != nil || b.Len() != whole {
		t.Error("a committed file was touched")
	}
}

// A source that ends early, or a cancelled call, leaves a file without its header.
func TestEncryptFromFails(t *testing.T) {
	h := newKeyset(t, 100)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		size int64
		want error
	}{
		"source ends early": {t.Context(), 1001, seal.ErrSource}, "cancelled": {ctx, 1000, context.Canceled},
		"negative size": {t.Context(), -1, seal.ErrTooLarge}, "too large": {t.Context(), math.MaxInt64, seal.ErrTooLarge},
	} {
		f := newTempFile(t)
		_, err := seal.EncryptFrom(c.ctx, f, bytes.NewReader(pattern("p", 1000)), c.size, h, nil)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		b, _ := os.ReadFile(f.Name())
		if _, err := openAll(t, h, nil, b); err == nil {
			t.Errorf("%s: left a file that opens", name)
		}
	}
}

// Two files of the same plaintext share nothing.
func TestFreshSalt(t *testing.T) {
	h := newKeyset(t, 100)
	a, b := sealBytes(t, h, nil, pattern("p", 300)), sealBytes(t, h, nil, pattern("p", 300))
	same := 0
	for i := range a[1:] {
		if a[1+i] == b[1+i] {
			same++
		}
	}
	if same > len(a)/10 {
		t.Errorf("%d of %d bytes are the same", same, len(a))
	}
}
