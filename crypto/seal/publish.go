package seal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// partial is a directory under construction beside its final place.
type partial struct {
	root     *os.Root
	tmp, dst string
	done     bool
}

// newPartial makes a directory that only its owner can enter. dst must not exist.
func newPartial(dst string) (*partial, error) {
	dst = filepath.Clean(dst)
	if _, err := os.Lstat(dst); err == nil {
		return nil, fmt.Errorf("seal: %w", &fs.PathError{Op: "create", Path: dst, Err: fs.ErrExist})
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("seal: %w", err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dst), "."+filepath.Base(dst)+".partial-*")
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	root, err := os.OpenRoot(tmp)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("seal: %w", err), os.Remove(tmp))
	}
	return &partial{root: root, tmp: tmp, dst: dst}, nil
}

// publish makes the directories durable, gives the top one its mode and renames it to its place. The files have been
// synced when they were written.
func (s *partial) publish(mode fs.FileMode) error {
	err := fs.WalkDir(s.root.FS(), ".", func(p string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		return syncDir(filepath.Join(s.tmp, filepath.FromSlash(p)))
	})
	if err == nil {
		err = s.root.Chmod(".", mode)
	}
	if err = errors.Join(err, s.root.Close()); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	if err := os.Rename(s.tmp, s.dst); err != nil { // fails where dst has appeared meanwhile and is not empty
		return fmt.Errorf("seal: %w", err)
	}
	s.done = true
	if err := syncDir(filepath.Dir(s.dst)); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	return nil
}

// discard removes what was not published.
func (s *partial) discard() {
	if s.done {
		return
	}
	_ = s.root.Close()
	_ = os.RemoveAll(s.tmp) // the first error is the one that is reported
}

func syncDir(name string) error {
	if runtime.GOOS == "windows" || runtime.GOOS == "js" || runtime.GOOS == "wasip1" {
		return nil // directories cannot be synced there
	}
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// writeFile writes a new file and makes it durable.
func writeFile(root *os.Root, name string, b []byte, mode fs.FileMode) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	return nil
}
