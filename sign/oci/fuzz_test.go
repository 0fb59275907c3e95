package oci

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/internal/treefs"
)

// FuzzTar: whatever opens is a tree of files that can be read, and are as long as it says; and a pass over the whole layer gives the same.
func FuzzTar(f *testing.F) {
	var plain, packed bytes.Buffer
	w := tar.NewWriter(&plain)
	z := gzip.NewWriter(&packed)
	err := errors.Join(w.WriteHeader(&tar.Header{Name: "./a/", Typeflag: tar.TypeDir}), w.WriteHeader(&tar.Header{Name: "a/w", Size: 3}))
	if _, werr := io.WriteString(w, "abc"); errors.Join(err, werr, w.Close()) != nil {
		f.Fatal(err, werr)
	}
	if _, err := z.Write(plain.Bytes()); errors.Join(err, z.Close()) != nil {
		f.Fatal(err)
	}
	f.Add(plain.Bytes(), false, false)
	f.Add(packed.Bytes(), true, false)
	f.Add(packed.Bytes(), true, true)
	f.Fuzz(func(t *testing.T, layer []byte, compressed, full bool) {
		hold := new(held)
		if full { // nothing is held in memory any more
			hold.bytes = maxHeld
		}
		d := descriptor{Digest: digestOf(sha256.Sum256(layer)), Size: int64(len(layer))}
		src, read := fstest.MapFS{path(d.Digest): {Data: layer}}, map[string][]byte{}
		b := blobs{src}
		files, err := b.tarFiles(t.Context(), d, map[string]bool{})
		if compressed {
			files, err = b.gzipFiles(t.Context(), d, map[string]bool{}, hold)
		}
		if err != nil {
			if !errors.Is(err, ErrLayout) {
				t.Fatal(err)
			}
			return
		}
		tree, err := treefs.New(files)
		if err != nil {
			return
		}
		err = fs.WalkDir(tree, ".", func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			fi, err := e.Info()
			if err != nil {
				return err
			}
			data, err := fs.ReadFile(tree, name)
			if err != nil || int64(len(data)) != fi.Size() {
				t.Fatalf("%q: %d bytes, want %d: %v", name, len(data), fi.Size(), err)
			}
			read[name] = data
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		empty := descriptor{Digest: digestOf(sha256.Sum256(nil))}
		src[path(empty.Digest)] = &fstest.MapFile{}
		if d.MediaType = prefixModelPack + "weight.v1." + string(formTar); compressed {
			d.MediaType = prefixModelPack + "weight.v1." + string(formTarGzip)
		}
		a := &Artifact{FS: tree, blobs: b, manifest: &manifest{Config: empty, Layers: []descriptor{d}}, count: len(files)}
		passed := map[string]*bytes.Buffer{}
		if err := a.VerifyFiles(t.Context(), 1, func(name string, size int64) io.Writer {
			passed[name] = new(bytes.Buffer)
			return passed[name]
		}); err != nil {
			t.Fatal(err)
		}
		for name, data := range read {
			if got := passed[name]; got == nil || !bytes.Equal(got.Bytes(), data) {
				t.Fatalf("%q has other bytes in a pass over the layer", name)
			}
		}
		if len(passed) != len(read) {
			t.Fatalf("%d files, and %d in a pass over the layer", len(read), len(passed))
		}
	})
}

// FuzzDocuments: what parses has only descriptors that lead to a blob of the layout.
func FuzzDocuments(f *testing.F) {
	const digest = `"digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000","size":1`
	f.Add([]byte(`{"schemaVersion":2,"manifests":[{"mediaType":"` + typeManifest + `",` + digest + `,"annotations":{"` + annotationTag + `":"v1"}}]}`))
	f.Add([]byte(`{"schemaVersion":2,"config":{` + digest + `},"layers":[{` + digest + `}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var all []descriptor
		if x, err := parseIndex(b); err == nil {
			all = append(all, x.Manifests...)
			if d, err := x.pick("v1"); err == nil && d.MediaType != typeManifest {
				t.Fatal(d)
			}
		}
		if m, err := parseManifest(b); err == nil {
			all = append(append(all, m.Config), m.Layers...)
		}
		for _, d := range all {
			if !fs.ValidPath(path(d.Digest)) || len(path(d.Digest)) != len("blobs/sha256/")+64 || d.Size < 0 {
				t.Fatal(d)
			}
		}
	})
}
