package memory

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

func newDir(o DirOptions) (_ *Dir, err error) {
	parent, err := o.parent()
	if err != nil {
		return nil, err
	}
	sweep(parent)
	d := &Dir{}
	if d.base, d.lock, err = private(parent); err != nil {
		return nil, fmt.Errorf("memory: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, remove(d.base, d.facts.Mounted), d.lock.Close())
		}
	}()
	at := filepath.Join(d.base, mountName)
	if err := os.Mkdir(at, 0o700); err != nil {
		return nil, fmt.Errorf("memory: %w", err)
	}
	if o.Mount != Off {
		d.facts, err = mount(at, o.Size)
		if err := optional(o.Mount, "mount a tmpfs", err); err != nil {
			return nil, err
		}
	}
	if !inMemory(at) {
		return nil, fmt.Errorf("%w: %s is not in memory, and no tmpfs could be mounted", ErrUnsupported, parent)
	}
	if d.root, err = os.OpenRoot(at); err != nil {
		return nil, fmt.Errorf("memory: %w", err)
	}
	return d, nil
}

// parent chooses where to make the directory. Where nothing is in memory it is the place to mount something.
func (o DirOptions) parent() (string, error) {
	if o.Parent != "" {
		p, err := filepath.Abs(o.Parent)
		if err != nil {
			return "", fmt.Errorf("memory: %w", err)
		}
		return p, nil
	}
	for _, p := range []string{"/dev/shm", os.TempDir()} {
		if inMemory(p) && unix.Access(p, unix.W_OK|unix.X_OK) == nil {
			return p, nil
		}
	}
	return os.TempDir(), nil
}

// inMemory asks what kind of file system a directory is on.
func inMemory(dir string) bool {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return false
	}
	return uint32(st.Type) == unix.TMPFS_MAGIC || uint32(st.Type) == unix.RAMFS_MAGIC
}

// private makes a directory that its user alone can enter, locks it, and only then gives it the name that [sweep] looks for.
func private(parent string) (string, *os.File, error) {
	tmp, err := os.MkdirTemp(parent, newPrefix)
	if err != nil {
		return "", nil, err
	}
	lock, err := os.Open(tmp)
	if err == nil {
		if err = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
			base := filepath.Join(parent, dirPrefix+strings.TrimPrefix(filepath.Base(tmp), newPrefix))
			if err = os.Rename(tmp, base); err == nil {
				return base, lock, nil
			}
		}
		lock.Close()
	}
	return "", nil, errors.Join(err, os.Remove(tmp))
}

// mount puts a tmpfs on at.
func mount(at string, size int64) (DirFacts, error) {
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	options := "mode=0700"
	if size > 0 {
		options += ",size=" + strconv.FormatInt(size, 10)
	}
	facts := DirFacts{Mounted: true, NoSwap: true}
	err := unix.Mount("tmpfs", at, "tmpfs", flags, options+",noswap")
	if errors.Is(err, unix.EINVAL) { // before Linux 6.4, and without swap in the kernel
		facts.NoSwap = false
		err = unix.Mount("tmpfs", at, "tmpfs", flags, options)
	}
	if err != nil {
		return DirFacts{}, err
	}
	return facts, nil
}

// sweep removes what killed processes of this user left: their directories are not locked any more. Directories that this package did not
// make are left alone, whatever they are called. Failures are no reason
// not to go on; what cannot be removed stays as private as it was.
func sweep(parent string) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, e := range entries {
		if base := filepath.Join(parent, e.Name()); named(e.Name()) && ours(base) {
			sweepOne(base)
		}
	}
}

// named reports whether [private] gives such names: the prefix and a number. Whoever works with this module may have a directory
// holdfast-models beside.
func named(name string) bool {
	number, ok := strings.CutPrefix(name, dirPrefix)
	return ok && number != "" && strings.Trim(number, "0123456789") == ""
}

// ours reports whether base is a directory of this user that nobody else can enter. Others may make what they like in
// /dev/shm.
func ours(base string) bool {
	fi, err := os.Lstat(base)
	if err != nil || !fi.IsDir() || fi.Mode().Perm()&0o027 != 0 {
		return false
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}

func sweepOne(base string) {
	lock, err := os.OpenFile(base, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return
	}
	defer lock.Close()
	if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return // in use
	}
	if names, err := lock.Readdirnames(2); err != nil && !errors.Is(err, io.EOF) || len(names) > 1 || len(names) == 1 && names[0] != mountName {
		return // not made here
	}
	at := filepath.Join(base, mountName)
	if root, err := os.OpenRoot(at); err == nil {
		_ = overwrite(root)
		root.Close()
	}
	_ = remove(base, mounted(base, at))
}

// mounted reports whether at is a mount of its own.
func mounted(base, at string) bool {
	var a, b unix.Stat_t
	return unix.Lstat(base, &a) == nil && unix.Lstat(at, &b) == nil && a.Dev != b.Dev
}

// remove takes down the mount and removes the directory with everything in it.
func remove(base string, mounted bool) error {
	at := filepath.Join(base, mountName)
	if mounted {
		// Lazily: a child may have a file open, which was overwritten.
		if err := unix.Unmount(at, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
			return fmt.Errorf("memory: unmount: %w", err)
		}
	}
	// What was published cannot be changed, not even by its owner.
	_ = filepath.WalkDir(at, func(p string, e fs.DirEntry, err error) error {
		if e != nil && e.IsDir() {
			_ = os.Chmod(p, 0o700)
		}
		return nil
	})
	if err := os.RemoveAll(base); err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	return nil
}
