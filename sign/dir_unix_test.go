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
