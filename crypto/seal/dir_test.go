package seal_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// fixed is a key source that always answers with the same keyset.
func fixed(h *keyset.Handle) seal.KeySource {
	return seal.KeySourceFunc(func(context.Context, seal.Info, []seal.Wrapped) (*keyset.Handle, error) { return h, nil })
}

func model() fstest.MapFS {
	m := fstest.MapFS{}
	for name, size := range map[string]int{
		"config.json": 300, "model.safetensors": 70_000, "empty": 0, "a/b": 4096 - 56, "a-b": 4096 - 55, "with space/x y": 10,
		".holdfast/model.sig": 900, "holdfast.json": 60, "a/c/d/e": 1,
	} {
		m[name] = &fstest.MapFile{Data: pattern(name, size)}
	}
	return m
}

// sealModel seals a model in a directory of the test's.
func sealModel(t testing.TB, h *keyset.Handle, src fs.FS, o seal.Options) (string, seal.Info) {
	t.Helper()
	if o.Name == "" {
		o.Name, o.Version = "tiny", 7
	}
	dst := filepath.Join(t.TempDir(), "sealed")
	info, err := seal.Dir(t.Context(), dst, src, h, o)
	if err != nil {
		t.Fatal(err)
	}
	return dst, info
}

// dirFS is the directory as a program would open it.
func dirFS(t testing.TB, dir string) fs.FS {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root.FS()
}

func TestDirAndBack(t *testing.T) {
	h, src := newKeyset(t, 4096), model()
	var progress []seal.Progress
	dir, info := sealModel(t, h, src, seal.Options{Progress: func(p seal.Progress) { progress = append(progress, p) }})
	if n := len(progress); n == 0 || progress[n-1].Done != progress[n-1].Total || progress[n-1].Total == 0 {
		t.Errorf("progress ended at %v", progress)
	}
	sealedFS := dirFS(t, dir)
	if !seal.IsSealed(sealedFS) || seal.IsSealed(src) {
		t.Error("IsSealed is wrong")
	}
	f, err := seal.OpenFS(t.Context(), sealedFS, fixed(h))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Info() != info || info.Name != "tiny" || info.Version != 7 {
		t.Errorf("info %+v, sealed as %+v", f.Info(), info)
	}
	var names []string
	for name, file := range src {
		names = append(names, name)
		got, err := fs.ReadFile(f, name)
		if err != nil || !bytes.Equal(got, file.Data) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	slices.Sort(names)
	if err := fstest.TestFS(f, names...); err != nil {
		t.Error(err)
	}
	out := filepath.Join(t.TempDir(), "plain")
	if err := seal.Unseal(t.Context(), out, f, nil); err != nil {
		t.Fatal(err)
	}
	var found []string
	err = fs.WalkDir(dirFS(t, out), ".", func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		found = append(found, p)
		b, err := os.ReadFile(filepath.Join(out, p))
		if err != nil || !bytes.Equal(b, src[p].Data) {
			t.Errorf("unsealed %s: %v", p, err)
		}
		return nil
	})
	if slices.Sort(found); err != nil || !slices.Equal(found, names) {
		t.Errorf("unsealed %q: %v", found, err)
	}
	if fi, _ := os.Stat(out); fi.Mode().Perm() != 0o700 {
		t.Errorf("plaintext directory has mode %v", fi.Mode())
	}
}

// tink-go opens every blob, given the keyset and the associated data of the specification.
func TestTinkOpensBlobs(t *testing.T) {
	h, src := newKeyset(t, 4096), model()
	dir, _ := sealModel(t, h, src, seal.Options{})
	for path, file := range src {
		ct, err := os.ReadFile(filepath.Join(dir, manifestBlob(t, dir, path)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := readers["tink-go"](t, h, seal.FileAD("tiny", 7, path), ct)
		if err != nil || !bytes.Equal(got, file.Data) {
			t.Errorf("%s: %d bytes, %v", path, len(got), err)
		}
		if _, err := readers["tink-go"](t, h, seal.FileAD("tiny", 8, path), ct); err == nil {
			t.Errorf("%s opens as another version", path)
		}
	}
}

func TestDirRefusesSources(t *testing.T) {
	h := newKeyset(t, 4096)
	sealed, _ := sealModel(t, h, model(), seal.Options{})
	links := t.TempDir()
	if err := os.Symlink("/etc/passwd", filepath.Join(links, "config.json")); err != nil {
		t.Skip(err)
	}
	for name, src := range map[string]fs.FS{
		"sealed already": os.DirFS(sealed), "symlink": os.DirFS(links),
		"control character": fstest.MapFS{"a\nb": {}}, "backslash": fstest.MapFS{`a\b`: {}},
	} {
		parent := t.TempDir()
		_, err := seal.Dir(t.Context(), filepath.Join(parent, "out"), src, h, seal.Options{Name: "m"})
		if !errors.Is(err, seal.ErrSource) {
			t.Errorf("%s: %v", name, err)
		}
		leftNothing(t, parent)
	}
	for name, o := range map[string]seal.Options{
		"no name": {}, "long name": {Name: strings.Repeat("x", 257)}, "line break": {Name: "a\nb"}, "not UTF-8": {Name: "\xff"},
	} {
		if _, err := seal.Dir(t.Context(), filepath.Join(t.TempDir(), "out"), model(), h, o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// A call that fails or is cancelled leaves nothing behind, and never touches a directory that exists.
func TestDirIsAllOrNothing(t *testing.T) {
	h, parent := newKeyset(t, 4096), t.TempDir()
	dst := filepath.Join(parent, "out")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := seal.Dir(ctx, dst, model(), h, seal.Options{Name: "m"}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	leftNothing(t, parent)
	refuses := wrapFunc(func() (seal.Wrapped, error) { return seal.Wrapped{}, errors.ErrUnsupported })
	if _, err := seal.Dir(t.Context(), dst, model(), h, seal.Options{Name: "m", Wraps: []seal.Wrapper{refuses}}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("wrapper fails: %v", err)
	}
	leftNothing(t, parent)
	for _, id := range []string{"", "../x", "a/b", "A", ".x", strings.Repeat("a", 65)} {
		w := wrapFunc(func() (seal.Wrapped, error) { return seal.Wrapped{ID: id}, nil })
		if _, err := seal.Dir(t.Context(), dst, model(), h, seal.Options{Name: "m", Wraps: []seal.Wrapper{w}}); !errors.Is(err, seal.ErrFormat) {
			t.Errorf("id %q: %v", id, err)
		}
	}
	leftNothing(t, parent)
	if err := os.Mkdir(dst, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.Dir(t.Context(), dst, model(), h, seal.Options{Name: "m"}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("existing directory: %v", err)
	}

	sealed, _ := sealModel(t, h, model(), seal.Options{})
	f, err := seal.OpenFS(t.Context(), dirFS(t, sealed), fixed(h))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	parent = t.TempDir()
	if err := seal.Unseal(ctx, filepath.Join(parent, "p"), f, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("unseal cancelled: %v", err)
	}
	flip(t, filepath.Join(sealed, manifestBlob(t, sealed, "model.safetensors")), 35_000)
	if err := seal.Unseal(t.Context(), filepath.Join(parent, "p"), f, nil); !errors.Is(err, seal.ErrAuth) {
		t.Errorf("unseal altered: %v", err)
	}
	leftNothing(t, parent)
}

type wrapFunc func() (seal.Wrapped, error)

func (f wrapFunc) Wrap(context.Context, *keyset.Handle, seal.Info) (seal.Wrapped, error) { return f() }

// Files without random access are sealed in order, and one that is not what its size said is refused.
func TestDirSequentialSource(t *testing.T) {
	h := newKeyset(t, 4096)
	dir, _ := sealModel(t, h, serialFS{model(), 0}, seal.Options{})
	if err := readEverything(t, dirFS(t, dir), h); err != nil {
		t.Error(err)
	}
	for _, lie := range []int64{-1, 1} {
		_, err := seal.Dir(t.Context(), filepath.Join(t.TempDir(), "x"), serialFS{model(), lie}, h, seal.Options{Name: "m"})
		if !errors.Is(err, seal.ErrSource) {
			t.Errorf("size is off by %d: %v", lie, err)
		}
	}
}

// So are files with random access.
func TestDirChangingSource(t *testing.T) {
	h := newKeyset(t, 4096)
	for _, lie := range []int64{-1, 1} {
		_, err := seal.Dir(t.Context(), filepath.Join(t.TempDir(), "x"), changingFS{model(), lie}, h, seal.Options{Name: "m"})
		if !errors.Is(err, seal.ErrSource) {
			t.Errorf("size is off by %d: %v", lie, err)
		}
	}
	if _, err := seal.Dir(t.Context(), filepath.Join(t.TempDir(), "x"), changingFS{model(), 0}, h, seal.Options{Name: "m"}); err != nil {
		t.Error(err)
	}
}

func TestWriteWrapped(t *testing.T) {
	h := newKeyset(t, 4096)
	dir, _ := sealModel(t, h, model(), seal.Options{})
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, blob := range []string{"one", "two"} {
		if err := seal.WriteWrapped(root, seal.Wrapped{ID: "ops", Blob: []byte(blob)}); err != nil {
			t.Fatal(err)
		}
		c, err := seal.Inspect(root.FS())
		if err != nil || len(c.Wraps) != 1 || c.Wraps[0].ID != "ops" || string(c.Wraps[0].Blob) != blob {
			t.Errorf("wraps %v, %v", c, err)
		}
	}
	if err := seal.WriteWrapped(root, seal.Wrapped{ID: "../../x"}); !errors.Is(err, seal.ErrFormat) {
		t.Errorf("id that escapes: %v", err)
	}
	if err := seal.RemoveWrapped(root, "ops"); err != nil {
		t.Error(err)
	}
	if c, err := seal.Inspect(root.FS()); err != nil || len(c.Wraps) != 0 || len(c.Files) != len(model()) {
		t.Errorf("after removal: %v, %v", c, err)
	}
	if err := readEverything(t, root.FS(), h); err != nil {
		t.Error(err)
	}
}
