package oci_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/oci"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

type object = map[string]any

const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	indexType    = "application/vnd.oci.image.index.v1+json"
	bundleType   = "application/vnd.dev.sigstore.bundle.v0.3+json"
	modelPack    = "application/vnd.cncf.model."
	kitOps       = "application/vnd.kitops.modelkit."
	filepathKey  = "org.cncf.model.filepath"
	tagKey       = "org.opencontainers.image.ref.name"
)

// A layout is an image layout directory that is being made.
type layout struct {
	t     testing.TB
	dir   string
	index []object
}

func newLayout(t testing.TB) *layout {
	l := &layout{t: t, dir: t.TempDir()}
	l.write("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	return l
}

func (l *layout) path(name string) string { return filepath.Join(l.dir, filepath.FromSlash(name)) }

func (l *layout) write(name string, b []byte) {
	l.t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(l.path(name)), 0o755), os.WriteFile(l.path(name), b, 0o644)); err != nil {
		l.t.Fatal(err)
	}
}

// blob stores b and returns its descriptor.
func (l *layout) blob(mediaType string, b []byte) object {
	l.t.Helper()
	sum := sha256.Sum256(b)
	digits := hex.EncodeToString(sum[:])
	l.write("blobs/sha256/"+digits, b)
	return object{"mediaType": mediaType, "digest": "sha256:" + digits, "size": len(b)}
}

func (l *layout) json(mediaType string, v any) object {
	b, err := json.Marshal(v)
	if err != nil {
		l.t.Fatal(err)
	}
	return l.blob(mediaType, b)
}

func with(o object, more object) object { o = maps.Clone(o); maps.Copy(o, more); return o }

// add stores a manifest, lists it in the index and returns its digest.
func (l *layout) add(tag string, m object) string {
	d := l.json(manifestType, m)
	if tag != "" {
		d = with(d, object{"annotations": object{tagKey: tag}})
	}
	if t, ok := m["artifactType"].(string); ok {
		d["artifactType"] = t
	}
	l.index = append(l.index, d)
	l.save(object{"schemaVersion": 2, "mediaType": indexType, "manifests": l.index})
	return d["digest"].(string)
}

func (l *layout) save(index any) {
	b, err := json.Marshal(index)
	if err != nil {
		l.t.Fatal(err)
	}
	l.write("index.json", b)
}

func (l *layout) model(config string, layers ...object) object {
	return object{
		"schemaVersion": 2, "mediaType": manifestType, "artifactType": modelPack + "manifest.v1+json",
		"config": l.blob(config, []byte(`{}`)), "layers": layers,
	}
}

func (l *layout) open(ref string) (*oci.Artifact, error) {
	root, err := os.OpenRoot(l.dir)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { root.Close() })
	return oci.Open(l.t.Context(), root, ref)
}

func (l *layout) raw(name, content string) object {
	return with(l.blob(modelPack+"weight.v1.raw", []byte(content)), object{"annotations": object{filepathKey: name}})
}

// An item is one header of a tar, with its content.
type item struct {
	tar.Header
	content string
}

func reg(name, content string) item {
	return item{tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644}, content}
}

func tarOf(t testing.TB, items ...item) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, i := range items {
		if i.Size = int64(len(i.content)); i.Typeflag != tar.TypeReg {
			i.Size = 0
		}
		if err := w.WriteHeader(&i.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, i.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// forms stores the same files in every way that a layer can have them.
func forms(t testing.TB, files fstest.MapFS) map[string]*layout {
	names := slices.Sorted(maps.Keys(files))
	items := []item{{Header: tar.Header{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755}}, {Header: tar.Header{Name: "a/", Typeflag: tar.TypeDir, Mode: 0o755}}}
	for i, name := range names {
		if name = strings.Repeat("./", i%2) + name; len(name) > 0 { // tar of "." has names that begin so
			items = append(items, reg(name, string(files[strings.TrimPrefix(name, "./")].Data)))
		}
	}
	plain := tarOf(t, items...)
	out := map[string]*layout{}
	raw := newLayout(t)
	var layers []object
	for _, name := range names {
		layers = append(layers, raw.raw(name, string(files[name].Data)))
	}
	raw.add("v1", raw.model(modelPack+"config.v1+json", layers...))
	out["ModelPack raw"] = raw
	for name, c := range map[string]struct{ config, layer string }{
		"ModelPack tar":      {modelPack + "config.v1+json", modelPack + "weight.v1.tar"},
		"ModelPack tar+gzip": {modelPack + "config.v1+json", modelPack + "weight.config.v1.tar+gzip"},
		"KitOps tar":         {kitOps + "config.v1+json", kitOps + "model.v1.tar"},
		"KitOps tar+gzip":    {kitOps + "config.v1+json", kitOps + "modelpart.v1.tar+gzip"},
	} {
		l, b := newLayout(t), plain
		if strings.HasSuffix(c.layer, "gzip") {
			b = gzipped(t, b)
		}
		l.add("v1", l.model(c.config, l.blob(c.layer, b)))
		out[name] = l
	}
	return out
}

// What was signed as a directory verifies as an artifact, and the reverse.
func TestOpenLayout(t *testing.T) {
	key := signtest.Key(t)
	files := signtest.Sign(t, signtest.Files(map[string]string{"config.json": "{}", "a/w": strings.Repeat("weights", 1000), "empty": ""}), key)
	policy := sign.Policy{Keys: []crypto.PublicKey{key.Public()}, InsecureAnyModel: true}
	for name, l := range forms(t, files) {
		a, err := l.open("v1")
		if err != nil {
			t.Fatal(name, err)
		}
		if err := fstest.TestFS(a, "config.json", "a/w", "empty"); err != nil {
			t.Error(name, err)
		}
		if err := a.Verify(t.Context()); err != nil {
			t.Error(name, err)
		}
		m, err := sign.Open(t.Context(), a, policy)
		if err != nil {
			t.Fatal(name, err)
		}
		if err := m.VerifyAll(t.Context(), nil); err != nil {
			t.Error(name, err)
		}
		dst := make([]byte, 7000)
		if _, err := m.ReadInto(t.Context(), "a/w", dst); err != nil || string(dst) != strings.Repeat("weights", 1000) {
			t.Error(name, err)
		}
		if _, id, err := sign.Sign(t.Context(), a, key, sign.SignOptions{}); err != nil || id != m.Identity().ModelID {
			t.Error(name, "signing gives another model", err)
		}
	}
}

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

func TestSelection(t *testing.T) {
	l := newLayout(t)
	one := l.add("one", l.model(modelPack+"config.v1+json", l.raw("w", "1")))
	two := l.add("two", l.model(modelPack+"config.v1+json", l.raw("w", "2")))
	l.add("twice", l.model(modelPack+"config.v1+json", l.raw("w", "3")))
	l.add("twice", l.model(modelPack+"config.v1+json", l.raw("w", "4")))
	l.add(one, l.model(modelPack+"config.v1+json", l.raw("w", "5"))) // a tag that looks like the digest of another
	l.add("image", with(l.model(modelPack+"config.v1+json", l.raw("w", "6")), object{"config": l.blob("application/vnd.oci.image.config.v1+json", nil)}))
	l.index = append(l.index, with(l.json(indexType, object{}), object{"annotations": object{tagKey: "nested"}}))
	l.add("last", l.model(modelPack+"config.v1+json", l.raw("w", "7")))
	for ref, want := range map[string]any{
		"one": "1", "two": "2", one: "1", two: "2", "last": "7",
		"": oci.ErrLayout, "twice": oci.ErrLayout, "image": oci.ErrUnsupported, "nested": oci.ErrUnsupported,
		"none": fs.ErrNotExist, "sha256:" + strings.Repeat("0", 64): fs.ErrNotExist,
	} {
		a, err := l.open(ref)
		if text, ok := want.(string); ok {
			if err != nil {
				t.Errorf("%q: %v", ref, err)
			} else if b, err := fs.ReadFile(a, "w"); err != nil || string(b) != text {
				t.Errorf("%q: %q, %v", ref, b, err)
			}
		} else if !errors.Is(err, want.(error)) {
			t.Errorf("%q: %v, want %v", ref, err, want)
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

// replace makes the layout one of this manifest alone.
func (l *layout) replace(m object) { l.index = nil; l.add("v1", m) }

// sparseTar has a file that stores less than it contains (PAX format 1.0 of GNU tar).
func sparseTar(t testing.TB) []byte {
	b := tarOf(t, item{tar.Header{Name: "w", Typeflag: tar.TypeReg, Mode: 0o644, PAXRecords: map[string]string{"XXX.sparse.major": "1", "XXX.sparse.minor": "0", "XXX.sparse.name": "w", "XXX.sparse.realsize": "1000"}}, "0\n" + strings.Repeat("\x00", 510)})
	// archive/tar does not write these records; a key of the same length becomes theirs.
	return bytes.ReplaceAll(b, []byte("XXX.sparse."), []byte("GNU.sparse."))
}

func TestBundles(t *testing.T) {
	key := signtest.Key(t)
	l := newLayout(t)
	digest := l.add("v1", l.model(modelPack+"config.v1+json", l.raw("w", "weights")))
	a, err := l.open("v1")
	if err != nil {
		t.Fatal(err)
	}
	sig, _, err := sign.Sign(t.Context(), a, key, sign.SignOptions{})
	if err != nil {
		t.Fatal(err)
	}
	refer := func(subject string, layers ...object) {
		l.add("", object{
			"schemaVersion": 2, "mediaType": manifestType, "artifactType": bundleType, "config": l.blob("application/vnd.oci.empty.v1+json", []byte("{}")),
			"layers": layers, "subject": object{"mediaType": manifestType, "digest": subject, "size": 1},
		})
	}
	refer("sha256:"+strings.Repeat("0", 64), l.blob(bundleType, []byte("of another")))
	refer(digest, l.blob(bundleType, sig))
	if a, err = l.open(""); err != nil { // signatures do not make it ambiguous
		t.Fatal(err)
	}
	bundles, err := a.Bundles(t.Context())
	if err != nil || len(bundles) != 1 || !bytes.Equal(bundles[0], sig) {
		t.Fatalf("%d bundles, %v", len(bundles), err)
	}
	m, err := sign.Open(t.Context(), a, sign.Policy{Keys: []crypto.PublicKey{key.Public()}, InsecureAnyModel: true}, sign.WithBundle(bundles[0]))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.VerifyAll(t.Context(), nil); err != nil {
		t.Error(err)
	}
	refer(digest, l.blob(bundleType, sig), l.blob(bundleType, []byte("two")))
	if a, err = l.open("v1"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Bundles(t.Context()); !errors.Is(err, oci.ErrLayout) {
		t.Error(err)
	}
}

func TestCancel(t *testing.T) {
	files := signtest.Files(map[string]string{"w": strings.Repeat("weights", 1000)})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, l := range forms(t, files) {
		root, err := os.OpenRoot(l.dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		if a, err := l.open("v1"); err != nil {
			t.Error(name, err)
		} else if err := a.Verify(ctx); !errors.Is(err, context.Canceled) {
			t.Error(name, err)
		}
		if _, err := oci.Open(ctx, root, "v1"); err != nil && !errors.Is(err, context.Canceled) || err == nil && strings.Contains(name, "tar") {
			t.Error(name, err)
		}
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

// Verify reports every blob that is wrong, whichever worker meets it, once and in the same order.
func TestVerifyReportsAll(t *testing.T) {
	l := newLayout(t)
	var layers []object
	for i := range 40 {
		layers = append(layers, l.raw(fmt.Sprint("w", i), strings.Repeat("weights", 100*i)+fmt.Sprint(i)))
	}
	l.add("v1", l.model(modelPack+"config.v1+json", layers...))
	a, err := l.open("v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Verify(t.Context()); err != nil {
		t.Fatal(err)
	}
	var want []string // the largest first
	for i := 39; i >= 0; i -= 6 {
		d := layers[i]["digest"].(string)
		want = append(want, d)
		name := "blobs/sha256/" + strings.TrimPrefix(d, "sha256:")
		b, err := os.ReadFile(filepath.Join(l.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		b[0] ^= 1
		l.write(name, b)
	}
	var got []string
	for line := range strings.SplitSeq(a.Verify(t.Context()).Error(), "\n") {
		for _, d := range want {
			if strings.Contains(line, d) {
				got = append(got, d)
			}
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
