//go:build unix

package sign_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

// hubCache stores files as the Hub's cache does; blob says where in blobs a content lies.
func hubCache(t testing.TB, files fstest.MapFS, blob func(name, digest string) string) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) {
		p := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	write("refs/main", commit)
	write("refs/refs/pr/1", commit+"\n")
	for name, f := range files {
		sum := sha256.Sum256(f.Data)
		at := "blobs/" + blob(name, hexOf(sum[:]))
		write(at, string(f.Data))
		link := filepath.Join(dir, "snapshots", commit, name)
		target, err := filepath.Rel(filepath.Dir(link), filepath.Join(dir, at))
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(link), 0o755), os.Symlink(target, link)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func classic(_, digest string) string  { return digest }
func prefixed(_, digest string) string { return digest[:2] + "/" + digest }

func hubModel(t testing.TB) (fstest.MapFS, sign.Policy) {
	key := signtest.Key(t)
	return signtest.Sign(t, signtest.Files(map[string]string{"config.json": "{}", "onnx/deep/w": "weights", "empty": ""}), key), anyModel(key)
}

func openRoot(t testing.TB, dir string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

// The publisher signed plain files; what the Hub's cache makes of them verifies, in both layouts and by every revision.
func TestHuggingFaceFS(t *testing.T) {
	files, p := hubModel(t)
	for layout, blob := range map[string]func(string, string) string{"classic": classic, "prefixed": prefixed} {
		dir := hubCache(t, files, blob)
		for _, revision := range []string{"main", "refs/pr/1", commit} {
			src, err := sign.HuggingFaceFS(openRoot(t, dir), revision)
			if err != nil {
				t.Fatal(layout, revision, err)
			}
			if err := fstest.TestFS(src, "config.json", "onnx/deep/w", "empty"); err != nil {
				t.Error(layout, err)
			}
			m := open(t, src, p)
			if err := m.VerifyAll(t.Context(), nil); err != nil {
				t.Error(layout, revision, err)
			}
			dst := make([]byte, 7)
			if n, err := m.ReadInto(t.Context(), "onnx/deep/w", dst); err != nil || string(dst[:n]) != "weights" {
				t.Errorf("%s: %q, %v", layout, dst, err)
			}
			if extra, err := m.Extra(t.Context()); err != nil || len(extra) > 0 {
				t.Errorf("%s: extra %q, %v", layout, extra, err)
			}
			_, id, err := sign.Sign(t.Context(), src, signtest.Key(t), sign.SignOptions{})
			if err != nil || id != m.Identity().ModelID {
				t.Errorf("%s: signing the cache gives another model: %v", layout, err)
			}
		}
		// Through a plain directory the links are what they look like, as for the peers.
		plain := openRoot(t, filepath.Join(dir, "snapshots", commit))
		if _, err := sign.Open(t.Context(), sign.DirFS(plain), p); !errors.Is(err, sign.ErrNotRegular) {
			t.Errorf("%s: plain directory: %v", layout, err)
		}
	}
}

// One thing of a good cache is changed; the weights must not be read, and no content of another file may come instead.
func TestHuggingFaceLinks(t *testing.T) {
	files, p := hubModel(t)
	sum := sha256.Sum256([]byte("weights"))
	blob := "blobs/" + hexOf(sum[:])
	const w = "snapshots/" + commit + "/onnx/deep/w"
	relink := func(target string) func(string) error {
		return func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, w)), os.Symlink(target, filepath.Join(dir, w)))
		}
	}
	move := func(from, to string) func(string) error {
		return func(dir string) error {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, to)), 0o755); err != nil {
				return err
			}
			return os.Rename(filepath.Join(dir, from), filepath.Join(dir, to))
		}
	}
	up := "../../../../"
	for name, c := range map[string]struct {
		change func(dir string) error
		want   error
	}{
		"absolute": {func(dir string) error { return relink(filepath.Join(dir, blob))(dir) }, sign.ErrNotRegular},
		"outside":  {relink("/etc/hostname"), sign.ErrNotRegular},
		"another repo": {func(dir string) error {
			other := filepath.Join(filepath.Dir(dir), "models--other--one", "blobs")
			return errors.Join(os.MkdirAll(other, 0o755), os.WriteFile(filepath.Join(other, "x"), []byte("weights"), 0o644),
				relink(up+"../models--other--one/blobs/x")(dir))
		}, sign.ErrNotRegular},
		"refs":         {relink(up + "refs/main"), sign.ErrNotRegular},
		"through refs": {relink(up + blob + "/../../refs/main"), sign.ErrNotRegular},
		"blobs itself": {relink(up + "blobs"), sign.ErrNotRegular},
		"too deep": {func(dir string) error {
			return errors.Join(move(blob, "blobs/a/b/c")(dir), relink(up+"blobs/a/b/c")(dir))
		}, sign.ErrNotRegular},
		"same content elsewhere": {func(dir string) error {
			return errors.Join(move(blob, "snapshots/"+commit+"/w")(dir), relink("../../w")(dir))
		}, sign.ErrNotRegular},
		"chain": {func(dir string) error {
			return errors.Join(move(blob, "blobs/real")(dir), os.Symlink("real", filepath.Join(dir, blob)))
		}, sign.ErrNotRegular},
		"blobs is a link": {func(dir string) error {
			return errors.Join(move("blobs", "store")(dir), os.Symlink("store", filepath.Join(dir, "blobs")))
		}, sign.ErrNotRegular},
		"directory is a link": {func(dir string) error {
			d := "snapshots/" + commit + "/onnx"
			return errors.Join(move(d, "snapshots/x")(dir), os.Symlink("../x", filepath.Join(dir, d)))
		}, sign.ErrMissing},
		"pipe in blobs": {func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, blob)), syscall.Mkfifo(filepath.Join(dir, blob), 0o644))
		}, sign.ErrNotRegular},
		"directory in blobs": {func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, blob)), os.Mkdir(filepath.Join(dir, blob), 0o755))
		}, sign.ErrNotRegular},
		"blob is gone": {func(dir string) error { return os.Remove(filepath.Join(dir, blob)) }, sign.ErrNotRegular},
		"link is gone": {func(dir string) error { return os.Remove(filepath.Join(dir, w)) }, sign.ErrMissing},
		"blob altered": {func(dir string) error { return os.WriteFile(filepath.Join(dir, blob), []byte("Weights"), 0o644) }, sign.ErrMismatch},
		"blob longer":  {func(dir string) error { return os.WriteFile(filepath.Join(dir, blob), []byte("weights!"), 0o644) }, sign.ErrMismatch},
		"another blob": {relink(up + "blobs/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"), sign.ErrMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			dir := hubCache(t, files, classic)
			if err := c.change(dir); err != nil {
				t.Fatal(err)
			}
			src, err := sign.HuggingFaceFS(openRoot(t, dir), "main")
			if err != nil {
				t.Fatal(err)
			}
			if b, err := fs.ReadFile(src, "onnx/deep/w"); err == nil && c.want != sign.ErrMismatch {
				t.Errorf("the source gives %q", b)
			}
			m, err := sign.Open(t.Context(), src, p)
			if err != nil {
				if !errors.Is(err, c.want) {
					t.Fatalf("open: %v, want %v", err, c.want)
				}
				return
			}
			for what, read := range map[string]func() error{
				"ReadInto":  func() error { _, err := m.ReadInto(t.Context(), "onnx/deep/w", make([]byte, 100)); return err },
				"ReadFile":  func() error { _, err := m.ReadFile("onnx/deep/w"); return err },
				"VerifyAll": func() error { return m.VerifyAll(t.Context(), nil) },
			} {
				if err := soon(t, read); !errors.Is(err, c.want) {
					t.Errorf("%s: %v, want %v", what, err, c.want)
				}
			}
			if c.want == sign.ErrNotRegular { // what cannot be signed is not signed as something else
				if _, _, err := sign.Sign(context.Background(), src, signtest.Key(t), sign.SignOptions{}); !errors.Is(err, sign.ErrNotRegular) {
					t.Errorf("sign: %v", err)
				}
			}
		})
	}
}

func TestHuggingFaceRevisions(t *testing.T) {
	files, _ := hubModel(t)
	dir := hubCache(t, files, classic)
	ref := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, "refs", name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ref("short", commit[1:])
	ref("long", commit+"0")
	ref("spaced", commit+" \n")
	ref("upper", strings.ToUpper(commit))
	ref("up", "../refs")
	ref("gone", strings.Repeat("0", 40))
	if err := errors.Join(os.Symlink("main", filepath.Join(dir, "refs", "link")), syscall.Mkfifo(filepath.Join(dir, "refs", "pipe"), 0o644),
		os.Symlink(commit, filepath.Join(dir, "snapshots", strings.Repeat("1", 40)))); err != nil {
		t.Fatal(err)
	}
	for revision, want := range map[string]error{
		"short": fs.ErrInvalid, "long": fs.ErrInvalid, "spaced": fs.ErrInvalid, "upper": fs.ErrInvalid, "up": fs.ErrInvalid,
		"gone": fs.ErrNotExist, "absent": fs.ErrNotExist, strings.Repeat("2", 40): fs.ErrNotExist,
		strings.Repeat("1", 40): fs.ErrNotExist, // a link
		"":                      fs.ErrInvalid, ".": fs.ErrInvalid, "../refs/main": fs.ErrInvalid, "/main": fs.ErrInvalid,
		"link": sign.ErrNotRegular, "pipe": sign.ErrNotRegular, "refs": sign.ErrNotRegular,
	} {
		err := soon(t, func() error { _, err := sign.HuggingFaceFS(openRoot(t, dir), revision); return err })
		if !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", revision, err, want)
		}
	}
}

// Where the cache's file system has no links, files lie in the snapshot.
func TestHuggingFaceWithoutLinks(t *testing.T) {
	files, p := hubModel(t)
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "snapshots", commit), files); err != nil {
		t.Fatal(err)
	}
	src, err := sign.HuggingFaceFS(openRoot(t, dir), commit)
	if err != nil {
		t.Fatal(err)
	}
	if err := open(t, src, p).VerifyAll(t.Context(), nil); err != nil {
		t.Error(err)
	}
}
