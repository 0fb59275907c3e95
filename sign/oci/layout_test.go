package oci_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/sign/oci"
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

// replace makes the layout one of this manifest alone.
func (l *layout) replace(m object) { l.index = nil; l.add("v1", m) }

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

// sparseTar has a file that stores less than it contains (PAX format 1.0 of GNU tar).
func sparseTar(t testing.TB) []byte {
	b := tarOf(t, item{tar.Header{Name: "w", Typeflag: tar.TypeReg, Mode: 0o644, PAXRecords: map[string]string{"XXX.sparse.major": "1", "XXX.sparse.minor": "0", "XXX.sparse.name": "w", "XXX.sparse.realsize": "1000"}}, "0\n" + strings.Repeat("\x00", 510)})
	// archive/tar does not write these records; a key of the same length becomes theirs.
	return bytes.ReplaceAll(b, []byte("XXX.sparse."), []byte("GNU.sparse."))
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
