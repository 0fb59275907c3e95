package seal_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// A list of files, a MAC or a wrapped keyset that comes byte by byte is given up when the caller does.
func TestOpenIsCancelledWhileReading(t *testing.T) {
	h, err := seal.NewKeyset(4096)
	if err != nil {
		t.Fatal(err)
	}
	dir, _ := sealModel(t, h, model(), seal.Options{Name: "tiny", Wraps: []seal.Wrapper{fixedWrap{}}})
	for _, slow := range []string{"seal.json", "seal.mac", "seal.keys/fixed.json"} {
		ctx, cancel := context.WithCancel(t.Context())
		src := &testkit.Drip{FS: os.DirFS(dir), Only: slow, Cancel: cancel}
		_, err := seal.OpenFS(ctx, src, seal.KeySourceFunc(func(context.Context, seal.Info, []seal.Wrapped) (*keyset.Handle, error) { return h, nil }))
		if !errors.Is(err, context.Canceled) || src.Reads > 4 {
			t.Errorf("%s: %v after %d reads", slow, err, src.Reads)
		}
	}
}

type fixedWrap struct{}

func (fixedWrap) Wrap(context.Context, *keyset.Handle, seal.Info) (seal.Wrapped, error) {
	return seal.Wrapped{ID: "fixed", Blob: make([]byte, 1000)}, nil
}
