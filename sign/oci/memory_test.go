package oci_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/sign/oci"
)

// Headers of a tar can be as long as a megabyte each. What is kept of them is a name of a file system, so that a layer with very many,
// which may be mostly a hole in its file, costs no more memory than one with short ones.
func TestHeadersAreNotKept(t *testing.T) {
	const files, long = 40, 1 << 18
	layer := func(h *tar.Header) func(l *layout) object {
		return func(l *layout) object {
			var b bytes.Buffer
			w := tar.NewWriter(&b)
			for i := range files {
				h := *h
				if strings.HasPrefix(h.Name, "x") {
					h.Name = fmt.Sprint(i) + h.Name
				} else {
					h.Name += fmt.Sprint(i)
				}
				if h.Mode, h.Format = 0o644, tar.FormatPAX; h.Typeflag == tar.TypeDir {
					h.Name += "/"
				} else {
					h.Typeflag = tar.TypeReg
				}
				if err := w.WriteHeader(&h); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			return l.blob(modelPack+"weight.v1.tar", b.Bytes())
		}
	}
	for name, c := range map[string]struct {
		layer func(l *layout) object
		ok    bool
		most  uint64 // bytes that may be allocated on the way
	}{
		"records":     {layer(&tar.Header{Name: "f", PAXRecords: map[string]string{"HOLDFAST.x": strings.Repeat("x", long)}}), true, 8 * files * long},
		"directories": {layer(&tar.Header{Name: "dé", Typeflag: tar.TypeDir, PAXRecords: map[string]string{"HOLDFAST.x": strings.Repeat("x", long)}}), true, 8 * files * long},
		"names":       {layer(&tar.Header{Name: strings.Repeat("x", long)}), false, files * long / 4}, // the first of them is enough
	} {
		l := newLayout(t)
		l.add("v1", l.model(modelPack+"config.v1+json", c.layer(l)))
		root, err := os.OpenRoot(l.dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		before := memory()
		meanwhile := &meter{Context: t.Context()}
		a, err := oci.Open(meanwhile, root, "v1")
		if (err == nil) != c.ok {
			t.Fatalf("%s: %v", name, err)
		}
		after := memory()
		if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); kept > files*long/10 {
			t.Errorf("%s: %d KiB are kept of headers with %d KiB", name, kept>>10, files*long>>10)
		}
		if held := int64(meanwhile.most) - int64(before.HeapAlloc); held > files*long/4 { // one of them is read at a time
			t.Errorf("%s: %d KiB are held on the way", name, held>>10)
		}
		if made := after.TotalAlloc - before.TotalAlloc; made > c.most {
			t.Errorf("%s: %d KiB were made of headers with %d KiB", name, made>>10, files*long>>10)
		}
		runtime.KeepAlive(a)
	}
}

// A meter is asked between two headers whether to go on, and sees what is held then.
type meter struct {
	context.Context
	most uint64 // bytes
}

func (m *meter) Err() error {
	m.most = max(m.most, memory().HeapAlloc)
	return m.Context.Err()
}

func memory() (m runtime.MemStats) {
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m
}
