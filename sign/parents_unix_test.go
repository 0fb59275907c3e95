//go:build unix

package sign_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// Who puts something else in the place of a directory above a signed file is refused as who puts it in the place of the file: it is no
// fault of the storage, after which a caller might try again.
func TestParentsOfFiles(t *testing.T) {
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "w"), []byte("weights"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		replace func(p string) error
		opens   bool // by os.DirFS, which follows every link
	}{
		"file":         {func(p string) error { return os.WriteFile(p, []byte("weights"), 0o644) }, false},
		"loop":         {func(p string) error { return os.Symlink("a", p) }, false},
		"link outside": {func(p string) error { return os.Symlink(outside, p) }, true},
		"link up":      {func(p string) error { return os.Symlink("../../"+filepath.Base(filepath.Dir(outside)), p) }, false},
	} {
		for _, links := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				dir, key := t.TempDir(), signtest.Key(t)
				model := signtest.Files(map[string]string{"a/w": "weights", "c": "{}"})
				for name, f := range model {
					if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755), os.WriteFile(filepath.Join(dir, name), f.Data, 0o644)); err != nil {
						t.Fatal(err)
					}
				}
				root, err := os.OpenRoot(dir)
				if err != nil {
					t.Fatal(err)
				}
				defer root.Close()
				sig, _, err := sign.Sign(t.Context(), sign.DirFS(root), key, sign.SignOptions{AllowSymlinks: links})
				if err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(os.RemoveAll(filepath.Join(dir, "a")), c.replace(filepath.Join(dir, "a"))); err != nil {
					t.Fatal(err)
				}
				for kind, src := range sources(t, dir) {
					if c.opens && kind == "os.DirFS" {
						continue
					}
					m := open(t, src, anyModel(key), sign.WithBundle(sig))
					for what, read := range map[string]func() error{
						"ReadInto":  func() error { _, err := m.ReadInto(t.Context(), "a/w", make([]byte, 100)); return err },
						"ReadFile":  func() error { _, err := m.ReadFile("a/w"); return err },
						"Size":      func() error { _, err := m.Size("a/w"); return err },
						"VerifyAll": func() error { return m.VerifyAll(t.Context(), nil) },
					} {
						if err := read(); !errors.Is(err, sign.ErrNotRegular) && !errors.Is(err, sign.ErrMissing) {
							t.Errorf("%s of %s: %v", what, kind, err)
						}
					}
				}
			})
		}
	}
}

// A name that the file system cannot have is not there.
func TestNamesThatCannotExist(t *testing.T) {
	key := signtest.Key(t)
	long := "a/" + strings.Repeat("x", 300)
	sig, _, err := sign.Sign(t.Context(), fstest.MapFS{long: {Data: []byte("x")}}, key, sign.SignOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for kind, src := range sources(t, t.TempDir()) {
		if err := open(t, src, anyModel(key), sign.WithBundle(sig)).VerifyAll(t.Context(), nil); !errors.Is(err, sign.ErrMissing) || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// A signature that is given as nothing is no leave to take the one that lies in the storage.
func TestBundleOfNothing(t *testing.T) {
	dir, p := signedDir(t)
	for kind, src := range sources(t, dir) {
		if _, err := sign.Open(t.Context(), src, p, sign.WithBundle(nil)); !errors.Is(err, sign.ErrFormat) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
