package ctxio_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/internal/ctxio"
)

func TestReaderEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, p := ctxio.Reader(ctx, strings.NewReader("ab")), make([]byte, 1)
	if n, err := r.Read(p); n != 1 || err != nil || p[0] != 'a' {
		t.Fatal(n, err, p)
	}
	cancel()
	if n, err := r.Read(p); n != 0 || !errors.Is(err, context.Canceled) {
		t.Error(n, err)
	}
	if _, err := io.ReadAll(ctxio.Reader(t.Context(), strings.NewReader("ab"))); err != nil {
		t.Error(err)
	}
}
