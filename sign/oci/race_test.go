package oci_test

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/oci"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// Whoever writes to a layout while it is signed gets nothing signed but what was published: the bytes that are hashed are the same ones
// that are held against the descriptors.
func TestAlteredWhileSigning(t *testing.T) {
	key := signtest.Key(t)
	random := func(n int) string { // text that does not become short when it is compressed
		var b strings.Builder
		for b.Len() < n {
			b.WriteString(rand.Text())
		}
		return b.String()
	}
	files := signtest.Files(map[string]string{"first": random(1_400_000), "second": random(700_000)})
	for form, l := range forms(t, files) {
		for method, o := range map[string]sign.SignOptions{"files": {Workers: 1}, "shards": {Workers: 1, ShardSize: 300_000}} {
			a, err := l.open("v1")
			if err != nil {
				t.Fatal(form, err)
			}
			_, want, err := sign.Sign(t.Context(), a, key, o)
			if err != nil {
				t.Fatal(form, method, err)
			}
			struck := false
			o.Progress = func(sign.Progress) {
				if !struck {
					struck = true
					alter(t, l)
				}
			}
			_, id, err := sign.Sign(t.Context(), a, key, o)
			if !struck {
				t.Fatal(form, method, "nobody came in between")
			}
			if err == nil && id != want {
				t.Errorf("%s, %s: another model was signed", form, method)
			}
			if err != nil && !errors.Is(err, oci.ErrDigest) {
				t.Errorf("%s, %s: %v", form, method, err)
			}
			alter(t, l) // and back
			if a, err = l.open("v1"); err != nil {
				t.Fatal(form, err)
			}
			if _, again, err := sign.Sign(t.Context(), a, key, sign.SignOptions{ShardSize: o.ShardSize}); err != nil || again != want {
				t.Error(form, method, err)
			}
		}
	}
}

// The list of files of a tar is not held against its digest when an artifact is opened. Who shows another one then has nothing signed by it.
func TestOtherFilesThanWhenOpened(t *testing.T) {
	key := signtest.Key(t)
	files := signtest.Files(map[string]string{"first": "1", "second": "22"})
	for form, l := range forms(t, files) {
		if !strings.HasSuffix(form, " tar") {
			continue
		}
		name := layerOf(t, l)
		good, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		items := []item{reg("first", "1"), reg("second", "22")}
		for what, shown := range map[string][]item{
			"another name": {items[0], reg("third", "22")},
			"another size": {items[0], reg("second", "2")},
			"one less":     items[:1],
			"one more":     {items[0], items[1], reg("third", "333")},
		} {
			b := tarOf(t, shown...)
			if len(b) > len(good) {
				t.Fatal(what, len(b), len(good))
			}
			if err := os.WriteFile(name, append(b, make([]byte, len(good)-len(b))...), 0o644); err != nil {
				t.Fatal(err)
			}
			a, err := l.open("v1")
			if err != nil {
				t.Fatal(form, what, err)
			}
			if err := os.WriteFile(name, good, 0o644); err != nil {
				t.Fatal(err)
			}
			for _, ignore := range [][]string{nil, {"third"}} {
				if _, _, err := sign.Sign(t.Context(), a, key, sign.SignOptions{IgnorePaths: ignore}); !errors.Is(err, oci.ErrDigest) {
					t.Errorf("%s, %s: %v", form, what, err)
				}
			}
		}
	}
}

func layerOf(t *testing.T, l *layout) string {
	t.Helper()
	blobs, err := filepath.Glob(l.path("blobs/sha256/*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range blobs {
		if fi, err := os.Stat(name); err == nil && fi.Size() > 2000 {
			return name
		}
	}
	t.Fatal("no layer")
	return ""
}

// alter flips, in place, a bit of each large blob, behind where a pass over it is at its first report. Doing it twice undoes it.
func alter(t *testing.T, l *layout) {
	t.Helper()
	blobs, err := filepath.Glob(l.path("blobs/sha256/*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range blobs {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) < 500_000 {
			continue
		}
		at := len(b) / 4 * 3
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteAt([]byte{b[at] ^ 1}, int64(at))
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
}
