package seal_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// What readers refuse for its size is not written either: it would be found when the model is to be served.
func TestWrapsWithinBounds(t *testing.T) {
	h := crashKey(t, "x")
	var wraps []seal.Wrapper
	for i := range seal.MaxWraps + 1 {
		wraps = append(wraps, wrapFunc(func() (seal.Wrapped, error) { return seal.Wrapped{ID: fmt.Sprintf("k%d", i), Blob: []byte("x")}, nil }))
	}
	dst := filepath.Join(t.TempDir(), "sealed")
	o := seal.Options{Name: "m", Version: 1, Wraps: wraps}
	if _, err := seal.Dir(t.Context(), dst, crashModel("x"), h, o); !errors.Is(err, seal.ErrTooLarge) {
		t.Errorf("sealed with %d: %v", len(wraps), err)
	}
	o.Wraps = wraps[1:]
	if _, err := seal.Dir(t.Context(), dst, crashModel("x"), h, o); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dst)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := seal.WriteWrapped(root, seal.Wrapped{ID: "more", Blob: []byte("x")}); !errors.Is(err, seal.ErrTooLarge) {
		t.Errorf("one more: %v", err)
	}
	if err := seal.WriteWrapped(root, seal.Wrapped{ID: "k7", Blob: []byte("y")}); err != nil {
		t.Errorf("one of them: %v", err)
	}
	f, err := seal.OpenFS(t.Context(), root.FS(), fixed(h))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

// deep is as many directories as there are, each with 59 below it, and a file in the last.
type deep int

func (deep) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
}

func (deep) Stat(name string) (fs.FileInfo, error) {
	if name == "." {
		return node{".", true}, nil
	}
	return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
}

func (d deep) ReadDir(name string) (out []fs.DirEntry, err error) {
	if name != "." {
		return []fs.DirEntry{fs.FileInfoToDirEntry(node{"x", strings.Count(name, "/") < 59})}, nil
	}
	for i := range d {
		out = append(out, fs.FileInfoToDirEntry(node{fmt.Sprint(i), true}))
	}
	return out, nil
}

// node is an empty file, or a directory.
type node struct {
	name string
	dir  bool
}

func (n node) Name() string { return n.name }

func (node) Size() int64 { return 0 }

func (n node) Mode() fs.FileMode {
	if n.dir {
		return fs.ModeDir | 0o555
	}
	return 0o444
}

func (node) ModTime() time.Time { return time.Time{} }

func (n node) IsDir() bool { return n.dir }

func (node) Sys() any { return nil }

// A list of files that no reader takes is refused before anything is sealed, with hidden names too.
func TestTooManyDirectories(t *testing.T) {
	for _, hide := range []bool{false, true} {
		dst := filepath.Join(t.TempDir(), "sealed")
		o := seal.Options{Name: "m", Version: 1, HideNames: hide}
		if _, err := seal.Dir(t.Context(), dst, deep(seal.MaxFiles/60+1), crashKey(t, "x"), o); !errors.Is(err, seal.ErrSource) {
			t.Errorf("hidden %v: %v", hide, err)
		}
		if _, err := os.Stat(dst); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("hidden %v: %v", hide, err)
		}
	}
}
