// Package durable writes files that are whole, and still there, after the power has failed: the entry of a new file is durable
// only with its directory.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// Create writes a file that must not exist yet. What it could not write whole, such as a key on a full disk, it removes: whoever
// tries again would find a file of that name. Errors: [fs.ErrExist], those of the file system.
func Create(name string, mode fs.FileMode, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = Sync(filepath.Dir(name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}

// Sync makes the entries of a directory durable, where its file system can do that and the directory may be read.
func Sync(dir string) error { return syncDir(func() (*os.File, error) { return os.Open(dir) }) }

// SyncIn is [Sync] of a directory in root.
func SyncIn(root *os.Root, dir string) error {
	return syncDir(func() (*os.File, error) { return root.Open(dir) })
}

func syncDir(open func() (*os.File, error)) error {
	if runtime.GOOS == "windows" || runtime.GOOS == "js" || runtime.GOOS == "wasip1" {
		return nil
	}
	d, err := open()
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) { // as some network and FUSE file systems say
		err = nil
	}
	return errors.Join(err, d.Close())
}
