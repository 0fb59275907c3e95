package oci_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
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
		"": oci.ErrAmbiguous, "twice": oci.ErrLayout, "image": oci.ErrUnsupported, "nested": oci.ErrUnsupported,
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

// Whoever gives no ref is told what there is to choose from. Signatures are no choice, and other artifacts beside a model are.
func TestAmbiguousNamesItsArtifacts(t *testing.T) {
	l := newLayout(t)
	l.add("v7", l.model(modelPack+"config.v1+json", l.raw("w", "1")))
	bill := l.add("", object{"schemaVersion": 2, "mediaType": manifestType, "artifactType": "application/vnd.cyclonedx+json"})
	_, err := l.open("")
	if !errors.Is(err, oci.ErrAmbiguous) || !errors.Is(err, oci.ErrLayout) || !strings.Contains(err.Error(), `"v7" ("application/vnd.cncf.model.manifest.v1+json"), `+bill+` ("application/vnd.cyclonedx+json")`) {
		t.Error(err)
	}
	for range 20 {
		l.add("x\x1b[2J", l.model(modelPack+"config.v1+json", l.raw("w", rand.Text())))
	}
	if _, err := l.open(""); !errors.Is(err, oci.ErrAmbiguous) || len(err.Error()) > 1000 || strings.Contains(err.Error(), "\x1b") {
		t.Error(err)
	}
	if _, err := l.open("v7"); err != nil {
		t.Error(err)
	}
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
