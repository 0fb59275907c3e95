package sign_test

import (
	"context"
	"errors"
	"io/fs"
	"testing"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// dripFS gives one byte for each read, and has somebody lose their patience after a few.
type dripFS struct {
	fs.FS
	cancel func()
	reads  int
}

type dripFile struct {
	fs.File
	d *dripFS
}

func (d *dripFS) Open(name string) (fs.File, error) {
	f, err := d.FS.Open(name)
	return dripFile{f, d}, err
}

func (f dripFile) Read(b []byte) (int, error) {
	if f.d.reads++; f.d.reads == 3 {
		f.d.cancel()
	}
	return f.File.Read(b[:min(len(b), 1)])
}

// A signature that comes byte by byte, of which the largest would take years, is given up when the caller does.
func TestOpenIsCancelledWhileReading(t *testing.T) {
	key := signtest.Key(t)
	files := signtest.Sign(t, signtest.Files(map[string]string{"w": "weights"}), key)
	ctx, cancel := context.WithCancel(t.Context())
	src := &dripFS{FS: files, cancel: cancel}
	if _, err := sign.Open(ctx, src, anyModel(key)); !errors.Is(err, context.Canceled) || src.reads > 4 {
		t.Errorf("%v after %d reads", err, src.reads)
	}
}
