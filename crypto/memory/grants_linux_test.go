package memory

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// An engine that may write beside a granted path exchanges the path, or a directory above it, for a link after it was checked.
func TestGrantIsNotLedElsewhere(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "a", "b")
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	fd, err := openGrant(path)
	if errors.Is(err, unix.ENOSYS) {
		t.Skip("no openat2")
	}
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	for name, link := range map[string]string{"the path": path, "a directory above it": filepath.Dir(path)} {
		if err := errors.Join(os.RemoveAll(link), os.Symlink("/etc", link)); err != nil {
			t.Fatal(err)
		}
		at := path
		if link != path {
			at = filepath.Join(link, "hosts")
		}
		if fd, err := openGrant(at); !errors.Is(err, unix.ELOOP) {
			t.Errorf("%s became a link: %d, %v", name, fd, err)
		}
		if err := allow(-1, pathGrant{path: at, rights: readRights}, readRights); !errors.Is(err, unix.ELOOP) {
			t.Errorf("%s became a link: %v", name, err)
		}
		if err := errors.Join(os.RemoveAll(link), os.MkdirAll(path, 0o700)); err != nil {
			t.Fatal(err)
		}
	}
}
