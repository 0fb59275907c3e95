package oci_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/oci"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// Whatever blob is altered, cut or taken away, Verify and Sign say so, and a verified model does not give its bytes.
func TestAlteredBlobs(t *testing.T) {
	key := signtest.Key(t)
	files := signtest.Sign(t, signtest.Files(map[string]string{"config.json": "{}", "w": strings.Repeat("weights", 1000)}), key)
	for name, change := range map[string]func(p string, b []byte) error{
		"altered": func(p string, b []byte) error { b[len(b)/2] ^= 1; return os.WriteFile(p, b, 0o644) },
		"cut":     func(p string, b []byte) error { return os.WriteFile(p, b[:len(b)-1], 0o644) },
		"longer":  func(p string, b []byte) error { return os.WriteFile(p, append(b, 0), 0o644) },
		"gone":    func(p string, _ []byte) error { return os.Remove(p) },
		"a link": func(p string, b []byte) error {
			return errors.Join(os.Rename(p, p+"x"), os.Symlink(filepath.Base(p)+"x", p))
		},
	} {
		for form, l := range forms(t, files) {
			blobs, err := filepath.Glob(l.path("blobs/sha256/*"))
			if err != nil || len(blobs) < 3 {
				t.Fatal(blobs, err)
			}
			for _, p := range blobs {
				b, err := os.ReadFile(p)
				if err != nil {
					t.Fatal(err)
				}
				if len(b) == 0 {
					continue
				}
				if err := change(p, bytes.Clone(b)); err != nil {
					t.Fatal(err)
				}
				a, err := l.open("v1")
				if err == nil {
					err = a.Verify(t.Context())
					if _, _, signed := sign.Sign(t.Context(), a, key, sign.SignOptions{}); signed == nil {
						t.Errorf("%s, %s: %s was signed", form, name, filepath.Base(p))
					}
				}
				if want := map[string]error{"gone": fs.ErrNotExist, "a link": oci.ErrLayout}[name]; want != nil && !errors.Is(err, want) || err == nil ||
					want == nil && !errors.Is(err, oci.ErrDigest) && !errors.Is(err, oci.ErrLayout) {
					t.Errorf("%s, %s: %v", form, name, err)
				}
				if err := errors.Join(os.RemoveAll(p), os.RemoveAll(p+"x"), os.WriteFile(p, b, 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			if a, err := l.open("v1"); err != nil || a.Verify(t.Context()) != nil {
				t.Fatal("the test did not put everything back")
			}
		}
	}
}

// One thing of a good layout is changed, and refused for its own reason.
func TestMalformed(t *testing.T) {
	pack := modelPack + "config.v1+json"
	tarLayer := func(l *layout, items ...item) object { return l.blob(modelPack+"weight.v1.tar", tarOf(l.t, items...)) }
	special := func(name string, typ byte, link string) item {
		return item{Header: tar.Header{Name: name, Typeflag: typ, Linkname: link, Mode: 0o644}}
	}
	for name, c := range map[string]struct {
		make func(l *layout)
		kind error
		why  string
	}{
		"no version":           {func(l *layout) { l.write("oci-layout", []byte(`{}`)) }, oci.ErrUnsupported, "layout version"},
		"version 2":            {func(l *layout) { l.write("oci-layout", []byte(`{"imageLayoutVersion":"2.0.0"}`)) }, oci.ErrUnsupported, "layout version"},
		"no index":             {func(l *layout) { os.Remove(l.path("index.json")) }, fs.ErrNotExist, "index.json"},
		"index, duplicate key": {func(l *layout) { l.write("index.json", []byte(`{"schemaVersion":2,"manifests":[],"manifests":[]}`)) }, oci.ErrLayout, "duplicate"},
		"index, schema 1":      {func(l *layout) { l.save(object{"schemaVersion": 1, "manifests": l.index}) }, oci.ErrLayout, "schema 1"},
		"index, other type":    {func(l *layout) { l.save(object{"schemaVersion": 2, "mediaType": manifestType, "manifests": l.index}) }, oci.ErrLayout, "type"},
		"index, empty":         {func(l *layout) { l.save(object{"schemaVersion": 2, "manifests": []object{}}) }, fs.ErrNotExist, "artifact"},
		"index, giant":         {func(l *layout) { l.write("index.json", bytes.Repeat([]byte(" "), 4<<20+1)) }, oci.ErrLayout, "more than"},
		"index, many":          {func(l *layout) { l.write("index.json", []byte(`{"manifests":[`+strings.Repeat(`{},`, 10_001)+`{}]}`)) }, oci.ErrLayout, "too large"},
		"index, a link":        {func(l *layout) { os.Rename(l.path("index.json"), l.path("x")); os.Symlink("x", l.path("index.json")) }, oci.ErrLayout, "not a regular"},
		"digest with a path": {func(l *layout) {
			l.index[0]["digest"] = "sha256:../../index.json"
			l.save(object{"schemaVersion": 2, "manifests": l.index})
		}, oci.ErrLayout, "no digest"},
		"digest in capitals": {func(l *layout) {
			l.index[0]["digest"] = strings.ToUpper(l.index[0]["digest"].(string))
			l.save(object{"schemaVersion": 2, "manifests": l.index})
		}, oci.ErrLayout, "no digest"},
		"sha512": {func(l *layout) {
			l.index[0]["digest"] = "sha512:" + strings.Repeat("0", 128)
			l.save(object{"schemaVersion": 2, "manifests": l.index})
		}, oci.ErrUnsupported, "sha512"},
		"negative size": {func(l *layout) { l.index[0]["size"] = -1; l.save(object{"schemaVersion": 2, "manifests": l.index}) }, oci.ErrLayout, "-1 bytes"},
		"other size":    {func(l *layout) { l.index[0]["size"] = 7; l.save(object{"schemaVersion": 2, "manifests": l.index}) }, oci.ErrDigest, "not 7"},
		"giant manifest": {func(l *layout) {
			l.index[0]["size"] = 4<<20 + 1
			l.save(object{"schemaVersion": 2, "manifests": l.index})
		}, oci.ErrLayout, "at most"},
		"elsewhere": {func(l *layout) {
			l.index[0]["urls"] = []string{"http://example.org"}
			l.save(object{"schemaVersion": 2, "manifests": l.index})
		}, oci.ErrUnsupported, "elsewhere"},
		"manifest, schema 1":   {func(l *layout) { l.replace(with(l.model(pack, l.raw("w", "x")), object{"schemaVersion": 1})) }, oci.ErrLayout, "schema 1"},
		"manifest, other type": {func(l *layout) { l.replace(with(l.model(pack, l.raw("w", "x")), object{"mediaType": indexType})) }, oci.ErrLayout, "type"},
		"no layers":            {func(l *layout) { l.replace(l.model(pack)) }, oci.ErrLayout, "without layers"},
		"an image":             {func(l *layout) { l.replace(l.model("application/vnd.oci.image.config.v1+json", l.raw("w", "x"))) }, oci.ErrUnsupported, "configuration"},
		"layer of an image":    {func(l *layout) { l.replace(l.model(pack, l.blob("application/vnd.oci.image.layer.v1.tar", nil))) }, oci.ErrUnsupported, "layer of type"},
		"zstd":                 {func(l *layout) { l.replace(l.model(pack, l.blob(modelPack+"weight.v1.tar+zstd", nil))) }, oci.ErrUnsupported, "zstd"},
		"unknown kind":         {func(l *layout) { l.replace(l.model(pack, l.blob(modelPack+"weight|doc.v1.raw", nil))) }, oci.ErrUnsupported, "layer of type"},
		"raw without a name":   {func(l *layout) { l.replace(l.model(pack, l.blob(modelPack+"weight.v1.raw", nil))) }, oci.ErrLayout, "filepath"},
		"raw, up":              {func(l *layout) { l.replace(l.model(pack, l.raw("../w", "x"))) }, oci.ErrLayout, "no name of a file"},
		"raw, absolute":        {func(l *layout) { l.replace(l.model(pack, l.raw("/w", "x"))) }, oci.ErrLayout, "no name of a file"},
		"one name twice":       {func(l *layout) { l.replace(l.model(pack, l.raw("w", "x"), tarLayer(l, reg("w", "y")))) }, oci.ErrLayout, "there twice"},
		"file and directory": {func(l *layout) {
			l.replace(l.model(pack, l.raw("w", "x"), tarLayer(l, special("w/", tar.TypeDir, ""))))
		}, oci.ErrLayout, "a file and a directory"},
		"tar, twice":        {func(l *layout) { l.replace(l.model(pack, tarLayer(l, reg("w", "x"), reg("./w", "y")))) }, oci.ErrLayout, "there twice"},
		"tar, up":           {func(l *layout) { l.replace(l.model(pack, tarLayer(l, reg("../w", "x")))) }, oci.ErrLayout, "no name of a file"},
		"tar, absolute":     {func(l *layout) { l.replace(l.model(pack, tarLayer(l, reg("/w", "x")))) }, oci.ErrLayout, "no name of a file"},
		"tar, directory up": {func(l *layout) { l.replace(l.model(pack, tarLayer(l, special("../x/", tar.TypeDir, "")))) }, oci.ErrLayout, "no name of a file"},
		"tar, link":         {func(l *layout) { l.replace(l.model(pack, tarLayer(l, special("w", tar.TypeSymlink, "/etc/passwd")))) }, oci.ErrLayout, "neither file"},
		"tar, hard link":    {func(l *layout) { l.replace(l.model(pack, tarLayer(l, reg("v", "x"), special("w", tar.TypeLink, "v")))) }, oci.ErrLayout, "neither file"},
		"tar, device":       {func(l *layout) { l.replace(l.model(pack, tarLayer(l, special("w", tar.TypeChar, "")))) }, oci.ErrLayout, "neither file"},
		"tar, pipe":         {func(l *layout) { l.replace(l.model(pack, tarLayer(l, special("w", tar.TypeFifo, "")))) }, oci.ErrLayout, "neither file"},
		"tar, global header": {func(l *layout) {
			l.replace(l.model(pack, tarLayer(l, item{Header: tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"path": "x"}}}, reg("w", "x"))))
		}, oci.ErrLayout, "neither file"},
		"tar, sparse": {func(l *layout) { l.replace(l.model(pack, l.blob(modelPack+"weight.v1.tar", sparseTar(l.t)))) }, oci.ErrLayout, "sparse"},
		"tar, cut": {func(l *layout) {
			b := tarOf(l.t, reg("w", strings.Repeat("x", 5000)))
			l.replace(l.model(pack, l.blob(modelPack+"weight.v1.tar", b[:3000])))
		}, oci.ErrLayout, "past the end"},
		"tar, after the end": {func(l *layout) {
			b := append(tarOf(l.t, reg("w", "x")), tarOf(l.t, reg("v", "x"))...)
			l.replace(l.model(pack, l.blob(modelPack+"weight.v1.tar", b)))
		}, oci.ErrLayout, "after the end"},
		"tar, endless": {func(l *layout) {
			b := append(tarOf(l.t, reg("w", "x")), make([]byte, 2<<20)...)
			l.replace(l.model(pack, l.blob(modelPack+"weight.v1.tar", b)))
		}, oci.ErrLayout, "after the end"},
		"tar, not one": {func(l *layout) {
			l.replace(l.model(pack, l.blob(modelPack+"weight.v1.tar", bytes.Repeat([]byte("x"), 1024))))
		}, oci.ErrLayout, "invalid tar header"},
		"gzip, not one": {func(l *layout) {
			l.replace(l.model(pack, l.blob(modelPack+"weight.v1.tar+gzip", tarOf(l.t, reg("w", "x")))))
		}, oci.ErrLayout, "invalid header"},
		"gzip, cut": {func(l *layout) {
			b := gzipped(l.t, tarOf(l.t, reg("w", "x")))
			l.replace(l.model(pack, l.blob(modelPack+"weight.v1.tar+gzip", b[:len(b)-9])))
		}, oci.ErrLayout, "EOF"},
		"gzip, empty": {func(l *layout) { l.replace(l.model(pack, l.blob(modelPack+"weight.v1.tar+gzip", nil))) }, oci.ErrLayout, "EOF"},
		"gzip, trailing": {func(l *layout) {
			b := append(gzipped(l.t, tarOf(l.t, reg("w", "x"))), "junk"...)
			l.replace(l.model(pack, l.blob(modelPack+"weight.v1.tar+gzip", b)))
		}, oci.ErrLayout, "layer"},
		"gzip, bomb": {func(l *layout) {
			b := gzipped(l.t, tarOf(l.t, reg("w", strings.Repeat("\x00", 4<<20))))
			l.replace(l.model(pack, l.blob(modelPack+"weight.v1.tar+gzip", b)))
		}, oci.ErrLayout, "grows more than"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLayout(t)
			l.add("v1", l.model(pack, l.raw("w", "weights")))
			if _, err := l.open("v1"); err != nil {
				t.Fatal(err)
			}
			c.make(l)
			if _, err := l.open("v1"); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.why) {
				t.Errorf("%v, want %v: %s", err, c.kind, c.why)
			}
		})
	}
}

// A manifest of the same length in the place of another one is not the one that was asked for.
func TestManifestIsChecked(t *testing.T) {
	l := newLayout(t)
	one := l.add("one", l.model(modelPack+"config.v1+json", l.raw("v", "weights")))
	two := l.add("two", l.model(modelPack+"config.v1+json", l.raw("w", "weights")))
	file := func(digest string) string { return l.path("blobs/sha256/" + strings.TrimPrefix(digest, "sha256:")) }
	if err := os.Rename(file(two), file(one)); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"one", one} {
		if _, err := l.open(ref); !errors.Is(err, oci.ErrDigest) {
			t.Errorf("%s: %v", ref, err)
		}
	}
}

// A document that is a manifest to one reader and an index to the other is neither (CVE-2021-41190).
func TestOneKindOfDocument(t *testing.T) {
	l := newLayout(t)
	twin := l.model(modelPack+"config.v1+json", l.raw("w", "weights"))
	l.add("twin", twin)
	l.add("both", with(twin, object{"manifests": []object{}}))
	if _, err := l.open("twin"); err != nil {
		t.Error(err)
	}
	if _, err := l.open("both"); !errors.Is(err, oci.ErrLayout) {
		t.Errorf("manifest that is an index: %v", err)
	}
	for _, field := range []string{"config", "layers"} {
		l.save(object{"schemaVersion": 2, "manifests": []object{}, field: []object{}})
		if _, err := l.open(""); !errors.Is(err, oci.ErrLayout) {
			t.Errorf("index with %s: %v", field, err)
		}
	}
}
