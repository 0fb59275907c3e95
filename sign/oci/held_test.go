package oci

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/internal/testkit"
	"github.com/holdfast-ai/holdfast/internal/treefs"
)

// countingFS counts how often a blob is opened.
type countingFS struct {
	fstest.MapFS
	opened int
}

func (c *countingFS) Open(name string) (fs.File, error) {
	c.opened++
	return c.MapFS.Open(name)
}

func packed(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	for name, content := range files {
		err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))})
		if _, werr := io.WriteString(w, content); errors.Join(err, werr) != nil {
			t.Fatal(err, werr)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestHeld: the small files of a compressed layer cost one pass over it, however many there are; larger ones, and those for
// which there is no memory, are inflated, up to a bound.
func TestHeld(t *testing.T) {
	files := map[string]string{"large": strings.Repeat("0123456789abcdef", maxHeldFile/16) + "x"}
	for i := range 300 {
		files[fmt.Sprintf("dir/%03d", i)] = strings.Repeat(fmt.Sprint(i), i)
	}
	layer := packed(t, files)
	d := descriptor{Digest: digestOf(sha256.Sum256(layer)), Size: int64(len(layer))}
	for name, c := range map[string]struct {
		hold   held
		opened int
		want   error
	}{
		"memory":              {held{}, 2, nil},
		"no memory":           {held{bytes: maxHeld}, len(files), nil},             // the empty one needs none
		"some memory":         {held{bytes: maxHeld - 1}, 1 + len(files) - 2, nil}, // for the empty one, and that of one byte
		"too much to inflate": {held{bytes: maxHeld, inflated: maxInflated - 1<<20}, 1, ErrUnsupported},
		"no more to inflate":  {held{inflated: maxInflated}, 1, ErrUnsupported},
		"just enough allowed": {held{inflated: maxInflated - 4<<20}, 2, nil},
	} {
		src := &countingFS{MapFS: fstest.MapFS{path(d.Digest): {Data: layer}}}
		list, err := blobs{src}.gzipFiles(t.Context(), d, map[string]bool{}, &c.hold)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err == nil {
			tree, err := treefs.New(list)
			if err != nil {
				t.Fatal(err)
			}
			for n, want := range files {
				if got, err := fs.ReadFile(tree, n); err != nil || string(got) != want {
					t.Errorf("%s: %s has %d bytes, want %d (%v)", name, n, len(got), len(want), err)
				}
			}
		}
		if c.hold.bytes > maxHeld || src.opened != c.opened {
			t.Errorf("%s: %d bytes are held, the layer was opened %d times, want %d", name, c.hold.bytes, src.opened, c.opened)
		}
	}
}

// TestDocumentsAreCancelled: an index or a manifest that comes byte by byte is given up when the caller does.
func TestDocumentsAreCancelled(t *testing.T) {
	text := []byte(strings.Repeat(" ", 1000))
	d := descriptor{Digest: digestOf(sha256.Sum256(text)), Size: int64(len(text))}
	for name, read := range map[string]func(context.Context, blobs) error{
		"file":     func(ctx context.Context, b blobs) error { _, err := b.file(ctx, "index.json"); return err },
		"document": func(ctx context.Context, b blobs) error { _, err := b.document(ctx, d); return err },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		src := &testkit.Drip{FS: fstest.MapFS{"index.json": {Data: text}, path(d.Digest): {Data: text}}, Cancel: cancel}
		if err := read(ctx, blobs{src}); !errors.Is(err, context.Canceled) || src.Reads > 4 {
			t.Errorf("%s: %v after %d reads", name, err, src.Reads)
		}
	}
}
