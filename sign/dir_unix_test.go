//go:build unix

package sign_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// signedDir writes a signed model to disk and returns its directory and policy.
func signedDir(t *testing.T) (string, sign.Policy) {
	t.Helper()
	dir, key := t.TempDir(), signtest.Key(t)
	for name, f := range signtest.Sign(t, signtest.Files(map[string]string{"a/w": "weights", "c": "{}"}), key) {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir, anyModel(key)
}

// sources are the ways to a directory that users have.
func sources(t *testing.T, dir string) map[string]fs.FS {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return map[string]fs.FS{"os.Root": root.FS(), "os.DirFS": os.DirFS(dir), "sign.DirFS": sign.DirFS(root)}
}

// soon fails the test if f hangs.
func soon(t *testing.T, f func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("hangs")
		return nil
	}
}

func TestSpecialFiles(t *testing.T) {
	for name, replace := range map[string]func(p string) error{
		"pipe":        func(p string) error { return syscall.Mkfifo(p, 0o644) },
		"link inside": func(p string) error { return os.Symlink("../c", p) },
		"link to the same": func(p string) error {
			return errors.Join(os.WriteFile(p+".real", []byte("weights"), 0o644), os.Symlink("w.real", p))
		},
		"link to a device": func(p string) error { return os.Symlink("/dev/zero", p) },
		"link outside":     func(p string) error { return os.Symlink("/etc/hostname", p) },
		"directory":        func(p string) error { return os.Mkdir(p, 0o755) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, p := signedDir(t)
			victim := filepath.Join(dir, "a", "w")
			if err := errors.Join(os.Remove(victim), replace(victim)); err != nil {
				t.Fatal(err)
			}
			for kind, src := range sources(t, dir) {
				m := open(t, src, p)
				for what, read := range map[string]func() error{
					"ReadInto":  func() error { _, err := m.ReadInto(t.Context(), "a/w", make([]byte, 100)); return err },
					"ReadFile":  func() error { _, err := m.ReadFile("a/w"); return err },
					"VerifyAll": func() error { return m.VerifyAll(t.Context(), nil) },
					"Size":      func() error { _, err := m.Size("a/w"); return err },
				} {
					if err := soon(t, read); !errors.Is(err, sign.ErrNotRegular) {
						t.Errorf("%s, %s: %v", kind, what, err)
					}
				}
				if name != "directory" {
					err := soon(t, func() error {
						_, _, err := sign.Sign(t.Context(), src, signtest.Key(t), sign.SignOptions{})
						return err
					})
					if !errors.Is(err, sign.ErrNotRegular) {
						t.Errorf("%s, Sign: %v", kind, err)
					}
				}
			}
		})
	}
}

// TestSymlinksAllowed: a signer may say that links stand for files. They are then verified like files, and lead nowhere else.
func TestSymlinksAllowed(t *testing.T) {
	key := signtest.Key(t)
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	link := func(target, name string) {
		t.Helper()
		_ = os.Remove(filepath.Join(dir, name))
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	write("w.real", "weights")
	link("w.real", "w")
	outside := filepath.Join(t.TempDir(), "weights")
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "d"), 0o755), os.WriteFile(outside, []byte("weights"), 0o644)); err != nil {
		t.Fatal(err)
	}
	src := sources(t, dir)["sign.DirFS"]
	allowed := sign.SignOptions{AllowSymlinks: true}
	b, _, err := sign.Sign(t.Context(), src, key, allowed)
	if err != nil {
		t.Fatal(err)
	}
	m := open(t, src, anyModel(key), sign.WithBundle(b))
	dst := make([]byte, 7)
	if _, err := m.ReadInto(t.Context(), "w", dst); err != nil || string(dst) != "weights" {
		t.Errorf("%q, %v", dst, err)
	}
	if err := m.VerifyAll(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if extra, err := m.Extra(t.Context()); err != nil || len(extra) != 0 {
		t.Errorf("extra %q, %v", extra, err)
	}
	// What a link leads to may be any file inside that has the signed bytes, and nothing else.
	write("evil", "veights")
	for target, want := range map[string]error{"w.real": nil, "evil": sign.ErrMismatch, "d": sign.ErrNotRegular, "gone": sign.ErrMissing} {
		link(target, "w")
		if _, err := m.ReadFile("w"); !errors.Is(err, want) {
			t.Errorf("link to %s: %v, want %v", target, err, want)
		}
	}
	for _, target := range []string{outside, "/dev/zero", "w"} {
		link(target, "w")
		if err := soon(t, func() error { _, err := m.ReadFile("w"); return err }); err == nil {
			t.Errorf("link to %s was followed", target)
		}
		if err := soon(t, func() error { _, _, err := sign.Sign(t.Context(), src, key, allowed); return err }); err == nil {
			t.Errorf("link to %s was signed", target)
		}
	}
	if err := os.Remove(filepath.Join(dir, "evil")); err != nil {
		t.Fatal(err)
	}
	link("d", "w") // a directory behind a link would have to be signed too
	if _, _, err := sign.Sign(t.Context(), src, key, allowed); !errors.Is(err, sign.ErrNotRegular) {
		t.Errorf("link to a directory: %v", err)
	}
	link("w.real", "w")
	if _, _, err := sign.Sign(t.Context(), src, key, sign.SignOptions{}); !errors.Is(err, sign.ErrNotRegular) {
		t.Errorf("not allowed: %v", err)
	}
}

// lstatLies describes every file as regular, as if a pipe took its place just after.
type lstatLies struct {
	fs.FS
	real fs.FileInfo
}

func (l lstatLies) Lstat(string) (fs.FileInfo, error)     { return l.real, nil }
func (l lstatLies) ReadLink(string) (string, error)       { return "", fs.ErrInvalid }
func (l lstatLies) Stat(name string) (fs.FileInfo, error) { return fs.Stat(l.FS, name) }

// TestPipeRace: a pipe that takes a file's place between the look at the name and the opening neither hangs nor passes.
func TestPipeRace(t *testing.T) {
	dir, p := signedDir(t)
	b, err := os.ReadFile(filepath.Join(dir, sign.SignatureFile))
	if err != nil {
		t.Fatal(err)
	}
	victim := filepath.Join(dir, "a", "w")
	real, err := os.Lstat(victim)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(victim), syscall.Mkfifo(victim, 0o644)); err != nil {
		t.Fatal(err)
	}
	m := open(t, lstatLies{sources(t, dir)["sign.DirFS"], real}, p, sign.WithBundle(b))
	err = soon(t, func() error { _, err := m.ReadFile("a/w"); return err })
	if !errors.Is(err, sign.ErrNotRegular) {
		t.Error(err)
	}
}

func TestDirectory(t *testing.T) {
	dir, p := signedDir(t)
	for kind, src := range sources(t, dir) {
		m := open(t, src, p)
		dst := make([]byte, 7)
		if n, err := m.ReadInto(t.Context(), "a/w", dst); err != nil || string(dst[:n]) != "weights" {
			t.Errorf("%s: %q, %v", kind, dst, err)
		}
		if err := m.VerifyAll(t.Context(), nil); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if err := os.Symlink("c", filepath.Join(dir, "extra")); err != nil {
		t.Fatal(err)
	}
	for kind, src := range sources(t, dir) {
		if extra, err := open(t, src, p).Extra(t.Context()); err != nil || len(extra) != 1 || extra[0] != "extra" {
			t.Errorf("%s: Extra = %q, %v", kind, extra, err)
		}
	}
	if _, err := sources(t, dir)["sign.DirFS"].Open("../x"); !errors.Is(err, fs.ErrInvalid) {
		t.Error(err)
	}
	if f, err := sources(t, dir)["sign.DirFS"].Open("absent"); !errors.Is(err, fs.ErrNotExist) || f != nil {
		t.Error(f, err)
	}
}
