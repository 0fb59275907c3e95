package sign_test

import (
	"context"
	"errors"
	"testing"

	"github.com/holdfast-ai/holdfast/internal/testkit"
	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// A signature that comes byte by byte, of which the largest would take years, is given up when the caller does.
func TestOpenIsCancelledWhileReading(t *testing.T) {
	key := signtest.Key(t)
	files := signtest.Sign(t, signtest.Files(map[string]string{"w": "weights"}), key)
	ctx, cancel := context.WithCancel(t.Context())
	src := &testkit.Drip{FS: files, Cancel: cancel}
	if _, err := sign.Open(ctx, src, anyModel(key)); !errors.Is(err, context.Canceled) || src.Reads > 4 {
		t.Errorf("%v after %d reads", err, src.Reads)
	}
}
