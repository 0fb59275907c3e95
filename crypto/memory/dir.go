package memory

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/holdfast-ai/holdfast/internal/memfd"
)

// DirOptions say where a directory is made. The zero value is below /dev/shm, or the directory for temporary files where
// that is in memory.
type DirOptions struct {
	// Parent is the directory that the new one is made in. It must be on a tmpfs, or the process able to mount one.
	Parent string
	// Mount asks for a tmpfs of its own, without swap on Linux 6.4 or newer and without devices and programs. It needs
	// CAP_SYS_ADMIN.
	Mount Need
	// Size bounds the tmpfs of its own, in bytes; 0 leaves it to the kernel, which takes half of the machine's memory.
	Size int64
}

// DirFacts say what a directory is like.
type DirFacts struct {
	Mounted bool // a tmpfs of its own
	NoSwap  bool // which is never swapped out
}

// A Dir is a directory of plaintext in memory, for engines that want real names beside each other. Files are written to a
// place that only this user can enter, and [Dir.Publish] makes all of them appear at once under a path. It is safe for
// concurrent use. Make it with [NewDir]; the zero value behaves as closed.
//
// Only this user can enter it, and root; [Dir.Grant] lets one group read. Nothing is ever on a disk, but a tmpfs may be
// swapped out unless [DirFacts] say otherwise. A process that is killed leaves its directory behind: the next [NewDir] with
// the same parent and user removes it.
type Dir struct {
	base  string   // the private directory that holds everything
	lock  *os.File // on base, for as long as the process lives
	root  *os.Root // of base/fs, which is the mount point
	facts DirFacts

	mu        sync.RWMutex // read by writers of files, so that nothing is published under their hands
	failed    atomic.Bool  // a Write did
	published bool
	closed    bool
}

const (
	dirPrefix = "holdfast-"     // of directories in use, or left by a killed process
	newPrefix = ".holdfast-new" // of one that is not locked yet
	mountName = "fs"
	partial   = "partial"
	complete  = "model"
)

// NewDir makes an empty directory. The caller must Close it.
// Errors: [ErrUnsupported] where there is no file system in memory, and those of the system. A disk is never used.
func NewDir(o DirOptions) (*Dir, error) { return newDir(o) }

// Facts says what was obtained.
func (d *Dir) Facts() DirFacts { return d.facts }

// Write makes the file name, in [io/fs] notation, with its directories, and has fill write its size bytes as [NewFile] does.
// A name is written once. After an error nothing can be published any more.
// Errors: [ErrNoRoom], [ErrConfig], [fs.ErrExist], [os.ErrClosed], fill's and the system's.
func (d *Dir) Write(name string, size int64, fill func(dst []byte) error) error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if err := d.open(); err != nil {
		return err
	}
	done := false
	defer func() { // also where fill panics
		if !done {
			d.failed.Store(true)
		}
	}()
	if !fs.ValidPath(name) || name == "." {
		return fmt.Errorf("%w: %w: name %q", ErrConfig, fs.ErrInvalid, name)
	}
	name = path.Join(partial, name)
	if err := d.root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	f, err := d.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	defer f.Close()
	if err := write(f, size, fill); err != nil {
		return errors.Join(err, d.root.Remove(name))
	}
	if err := f.Chmod(0o400); err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	done = true
	return nil
}

// write fills an empty file through a mapping, which is cleared where that fails.
func write(f *os.File, size int64, fill func([]byte) error) (err error) {
	data, err := memfd.Map(f, size)
	if err != nil {
		return err
	}
	done := false
	defer func() {
		if !done {
			clear(data)
		}
		err = errors.Join(err, memfd.Unmap(data))
	}()
	if err := fill(data); err != nil {
		return err
	}
	done = true
	return nil
}

// open is asked with the mutex held.
func (d *Dir) open() error {
	switch {
	case d.closed || d.root == nil:
		return os.ErrClosed
	case d.published:
		return fmt.Errorf("%w: the directory is published", ErrConfig)
	}
	return nil
}

// Publish makes the files appear, all at once, and takes the right to write from everyone. Nothing can be added afterwards.
// It refuses after a Write that failed: a model is whole or not there. It returns the path.
func (d *Dir) Publish() (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.open(); err != nil {
		return "", err
	}
	if d.failed.Load() {
		return "", fmt.Errorf("%w: a file was not written", ErrConfig)
	}
	if err := d.root.MkdirAll(partial, 0o700); err != nil { // for a model of no files
		return "", fmt.Errorf("memory: %w", err)
	}
	if err := d.each(partial, func(name string, e fs.DirEntry) error {
		if !e.IsDir() {
			return nil
		}
		return d.root.Chmod(name, 0o500)
	}); err != nil {
		return "", err
	}
	if err := d.root.Rename(partial, complete); err != nil {
		return "", fmt.Errorf("memory: %w", err)
	}
	d.published = true
	return d.path(), nil
}

func (d *Dir) path() string { return filepath.Join(d.base, mountName, complete) }

// Path is where the files are, or "" before [Dir.Publish] and after Close.
func (d *Dir) Path() string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if !d.published || d.closed {
		return ""
	}
	return d.path()
}

// Grant lets the processes of a group read the published files, and nothing else. [Engine] does it for its own.
func (d *Dir) Grant(gid int) error {
	if d.Path() == "" {
		return fmt.Errorf("%w: the directory is not published", ErrConfig)
	}
	base, err := os.OpenRoot(d.base)
	if err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	defer base.Close()
	for _, way := range []string{".", mountName} {
		if err := grant(base, way, gid, 0o710); err != nil { // to pass through, not to list
			return err
		}
	}
	return d.each(complete, func(name string, e fs.DirEntry) error {
		if e.IsDir() {
			return grant(d.root, name, gid, 0o550)
		}
		return grant(d.root, name, gid, 0o440)
	})
}

func grant(root *os.Root, name string, gid int, mode fs.FileMode) error {
	if err := root.Lchown(name, -1, gid); err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	if err := root.Chmod(name, mode); err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	return nil
}

// Close overwrites the files, removes them and takes down the tmpfs. A process that has one open, or mapped, sees zeros.
// Closing twice gives [os.ErrClosed].
func (d *Dir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.root == nil {
		return os.ErrClosed
	}
	d.closed = true
	return errors.Join(overwrite(d.root), d.root.Close(), remove(d.base, d.facts.Mounted), d.lock.Close())
}

func (d *Dir) each(dir string, do func(name string, e fs.DirEntry) error) error {
	err := fs.WalkDir(d.root.FS(), dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return do(name, e)
	})
	if err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	return nil
}

// overwrite writes zeros over every file below root and makes every directory removable. Links are none of ours.
func overwrite(root *os.Root) error {
	zeros := make([]byte, 256<<10)
	return fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir():
			return nil
		case !e.Type().IsRegular():
			return nil
		}
		return zero(root, name, zeros)
	})
}

func zero(root *os.Root, name string, zeros []byte) error {
	if err := root.Chmod(name, 0o600); err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	fi, err := f.Stat()
	for left := int64(0); err == nil && left < fi.Size(); {
		var n int
		n, err = f.Write(zeros[:min(int64(len(zeros)), fi.Size()-left)])
		left += int64(n)
	}
	return err
}
