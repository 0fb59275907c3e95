package seal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/holdfast-ai/holdfast/internal/durable"
)

// checkDestination refuses a dst that is there, unless it is a sealed directory to be replaced.
func checkDestination(dst string, replace bool) error {
	fi, err := os.Lstat(dst)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("seal: %w", err)
	case replace && fi.IsDir() && IsSealed(os.DirFS(dst)):
		return nil
	case replace:
		return fmt.Errorf("seal: %w, and is no sealed directory", &fs.PathError{Op: "replace", Path: dst, Err: fs.ErrExist})
	}
	return fmt.Errorf("seal: %w", &fs.PathError{Op: "create", Path: dst, Err: fs.ErrExist})
}

// publish makes the directories durable, gives the top one its mode and moves it to its place. The files have been synced
// when they were written.
func (p *partial) publish(mode fs.FileMode) error {
	err := p.options.step("sync the directories")
	if err == nil {
		err = fs.WalkDir(p.root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
			if err != nil || !e.IsDir() {
				return err
			}
			return durable.Sync(filepath.Join(p.tmp, filepath.FromSlash(name)))
		})
	}
	if err == nil {
		err = p.root.Chmod(".", mode)
	}
	if err = errors.Join(err, p.root.Close()); err == nil {
		err = p.options.step("publish")
	}
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	replaced, err := p.move()
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	p.done = true
	if err = durable.Sync(filepath.Dir(p.dst)); err == nil {
		err = p.cleanUp(replaced)
	}
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	return nil
}

// move renames the directory to its place, or exchanges it for the sealed one that is there.
func (p *partial) move() (replaced bool, err error) {
	if _, err := os.Lstat(p.dst); err != nil || !p.options.replace {
		return false, os.Rename(p.tmp, p.dst) // fails where dst has appeared meanwhile and is not empty
	}
	if err := p.notResumable(); err != nil {
		return false, err
	}
	if err := exchange(p.tmp, p.dst); err != nil {
		return false, err
	}
	if fi, err := os.Lstat(p.tmp); err != nil || !fi.IsDir() || !IsSealed(os.DirFS(p.tmp)) { // put there meanwhile: not ours to remove
		return false, errors.Join(&fs.PathError{Op: "replace", Path: p.dst, Err: fs.ErrExist}, exchange(p.tmp, p.dst))
	}
	return true, nil
}

// notResumable takes the mark from a directory that is replaced, whose own call died before its end. Under the name of a directory under
// construction it would else be gone on with, under a keyset that is to be used no more.
func (p *partial) notResumable() error {
	if err := p.options.step("unmark the old directory"); err != nil {
		return err
	}
	dst, err := openReal(p.dst)
	if err != nil {
		return err
	}
	if err = dst.Remove(partialFile); errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, dst.Close())
}

// cleanUp removes what the new directory does not need. A process that dies before its end leaves the file partialFile in
// the new directory, where nobody reads it, and the old directory, which the next call removes.
func (p *partial) cleanUp(replaced bool) error {
	err := p.options.step("clean up")
	if err == nil && p.options.resume {
		err = os.Remove(filepath.Join(p.dst, partialFile))
	}
	if err == nil && replaced {
		if err = p.options.step("remove the old directory"); err == nil {
			err = removeOld(p.tmp)
		}
	}
	if p.lock != nil {
		err = errors.Join(err, p.lock.Close())
	}
	return err
}

func removeOld(dir string) error {
	root, err := openReal(dir)
	if err != nil {
		return err
	}
	if err := errors.Join(removeEntries(root), root.Close()); err != nil {
		return err
	}
	return os.Remove(dir)
}
