//go:build unix

package durable

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
)

func TestCreate(t *testing.T) {
	name := filepath.Join(t.TempDir(), "key")
	if err := Create(name, 0o600, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(name); err != nil || fi.Mode() != 0o600 {
		t.Errorf("%v, %v", fi, err)
	}
	if err := Create(name, 0o600, []byte("other")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over another: %v", err)
	}
	if b, err := os.ReadFile(name); err != nil || string(b) != "secret" {
		t.Errorf("%q, %v", b, err)
	}
	if err := Create(filepath.Join(name, "x"), 0o600, nil); err == nil {
		t.Error("below a file")
	}
}

// On a full disk, which a bound on the size of files stands for here, nothing is left: half a key would keep the name.
func TestFullDisk(t *testing.T) {
	if name := os.Getenv("HOLDFAST_TEST_FULL"); name != "" {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 16, Max: 16}); err != nil {
			t.Fatal(err)
		}
		if err := Create(name, 0o600, bytes.Repeat([]byte{1}, 32)); err == nil {
			t.Error("written")
		}
		return
	}
	exe, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	cmd := exec.Command(exe, "-test.run=^TestFullDisk$")
	cmd.Env = append(os.Environ(), "HOLDFAST_TEST_FULL="+filepath.Join(dir, "key"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestSync(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := errors.Join(Sync(dir), SyncIn(root, ".")); err != nil {
		t.Error(err)
	}
	if Sync(filepath.Join(dir, "none")) == nil || SyncIn(root, "none") == nil {
		t.Error("a directory that is not there was synced")
	}
}
