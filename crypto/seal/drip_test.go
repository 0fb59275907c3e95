package seal_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// dripFS gives one byte for each read of one file, and has somebody lose their patience after a few.
type dripFS struct {
	fs.FS
	slow   string
	cancel func()
	reads  int
}

type dripFile struct {
	fs.File
	d *dripFS
}

func (d *dripFS) Open(name string) (fs.File, error) {
	f, err := d.FS.Open(name)
	if name != d.slow || err != nil {
		return f, err
	}
	return dripFile{f, d}, nil
}

func (f dripFile) Read(b []byte) (int, error) {
	if f.d.reads++; f.d.reads == 3 {
		f.d.cancel()
	}
	return f.File.Read(b[:min(len(b), 1)])
}

// A list of files, a MAC or a wrapped keyset that comes byte by byte is given up when the caller does.
func TestOpenIsCancelledWhileReading(t *testing.T) {
	h, err := seal.NewKeyset(4096)
	if err != nil {
		t.Fatal(err)
	}
	dir, _ := sealModel(t, h, model(), seal.Options{Name: "tiny", Wraps: []seal.Wrapper{fixedWrap{}}})
	for _, slow := range []string{"seal.json", "seal.mac", "seal.keys/fixed.json"} {
		ctx, cancel := context.WithCancel(t.Context())
		src := &dripFS{os.DirFS(dir), slow, cancel, 0}
		_, err := seal.OpenFS(ctx, src, seal.KeySourceFunc(func(context.Context, seal.Info, []seal.Wrapped) (*keyset.Handle, error) { return h, nil }))
		if !errors.Is(err, context.Canceled) || src.reads > 4 {
			t.Errorf("%s: %v after %d reads", slow, err, src.reads)
		}
	}
}

type fixedWrap struct{}

func (fixedWrap) Wrap(context.Context, *keyset.Handle, seal.Info) (seal.Wrapped, error) {
	return seal.Wrapped{ID: "fixed", Blob: make([]byte, 1000)}, nil
}
