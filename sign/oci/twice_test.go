package oci_test

import (
	"archive/tar"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/internal/treefs"
	"github.com/holdfast-ai/holdfast/sign/oci"
)

// Whoever writes to the layout pays for a blob once, and must not make a reader pay for it ten thousand times: a manifest can list one layer
// as often as it has entries, and an index one signature.
func TestOneBlobManyTimes(t *testing.T) {
	dirs := tarOf(t, item{tar.Header{Name: "a/", Typeflag: tar.TypeDir, Mode: 0o755}, ""})
	for name, c := range map[string]struct {
		layers func(l *layout) []object
		ok     bool
	}{
		"a file under two names": {func(l *layout) []object { return []object{l.raw("a", "x"), l.raw("b", "x")} }, true},
		"two layers of directories": {func(l *layout) []object {
			return []object{l.blob(modelPack+"weight.v1.tar", dirs), l.blob(modelPack+"weight.v1.tar+gzip", gzipped(t, dirs)), l.raw("w", "x")}
		}, true},
		"a layer twice": {func(l *layout) []object {
			d := l.blob(modelPack+"weight.v1.tar", dirs)
			return []object{d, l.raw("w", "x"), d}
		}, false},
		"a compressed layer twice": {func(l *layout) []object {
			d := l.blob(modelPack+"weight.v1.tar+gzip", gzipped(t, dirs))
			return []object{d, with(d, object{"mediaType": modelPack + "code.v1.tar+gzip"}), l.raw("w", "x")}
		}, false},
	} {
		l := newLayout(t)
		l.add("v1", l.model(modelPack+"config.v1+json", c.layers(l)...))
		if _, err := l.open("v1"); c.ok && err != nil || !c.ok && !errors.Is(err, oci.ErrLayout) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOneSignatureManyTimes(t *testing.T) {
	l := newLayout(t)
	digest := l.add("v1", l.model(modelPack+"config.v1+json", l.raw("w", "weights")))
	for range 65 { // more than are read
		l.add("", object{
			"schemaVersion": 2, "mediaType": manifestType, "artifactType": bundleType, "config": l.blob("application/vnd.oci.empty.v1+json", []byte("{}")),
			"layers": []object{l.blob(bundleType, []byte("signature"))}, "subject": object{"mediaType": manifestType, "digest": digest, "size": 1},
		})
	}
	a, err := l.open("v1")
	if err != nil {
		t.Fatal(err)
	}
	if list, err := a.Bundles(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("%d signatures, %v", len(list), err)
	}
}

// Directories of a layer cost memory too while it is read, whether or not there are files in them.
func TestManyDirectories(t *testing.T) {
	items := make([]item, treefs.MaxFiles+1)
	for i := range items {
		items[i] = item{tar.Header{Name: fmt.Sprintf("%d/", i), Typeflag: tar.TypeDir, Mode: 0o755}, ""}
	}
	l := newLayout(t)
	l.add("v1", l.model(modelPack+"config.v1+json", l.blob(modelPack+"weight.v1.tar", tarOf(t, items...)), l.raw("w", "x")))
	if _, err := l.open("v1"); !errors.Is(err, oci.ErrLayout) || !strings.Contains(err.Error(), "directories") {
		t.Error(err)
	}
}

// A blob is read once, also where others of its size stand between two of its layers.
func TestOneBlobReadOnce(t *testing.T) {
	l := newLayout(t)
	layers := []object{l.raw("a", "one"), l.raw("b", "two"), l.raw("c", "one"), l.raw("d", "two"), l.raw("e", "one")}
	l.add("v1", l.model(modelPack+"config.v1+json", layers...))
	a, err := l.open("v1")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range layers[:2] {
		l.write("blobs/sha256/"+strings.TrimPrefix(d["digest"].(string), "sha256:"), []byte("bad"))
	}
	if err := a.Verify(t.Context()); !errors.Is(err, oci.ErrDigest) || strings.Count(err.Error(), "other content") != 2 {
		t.Errorf("two blobs are bad: %v", err)
	}
}
