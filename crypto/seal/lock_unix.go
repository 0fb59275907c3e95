//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package seal

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// lockDir takes a lock on a directory that ends with the file's Close or with the process.
func lockDir(name string) (*os.File, error) {
	d, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(d.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		d.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, &fs.PathError{Op: "resume", Path: name, Err: errors.New("another process is writing it")}
		}
		return nil, err
	}
	return d, nil
}
