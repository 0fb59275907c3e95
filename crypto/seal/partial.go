package seal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// partial is a directory under construction beside its final place. Everything is written, made durable and only then
// moved there in one step, so that a process that dies at any moment leaves the old directory or the new one.
type partial struct {
	root     *os.Root
	tmp, dst string
	options  partialOptions
	resumed  bool     // what an earlier call wrote is there
	lock     *os.File // held while a directory that can be resumed is written
	done     bool
}

type partialOptions struct {
	resume  bool // go on where an earlier call stopped, and keep what is there on an error
	replace bool // dst may be a sealed directory, which is exchanged for the new one

	// hook, if not nil, is called before each change of the file system. Tests fail and kill there.
	hook func(step string) error
}

func (o *partialOptions) step(format string, args ...any) error {
	if o.hook == nil {
		return nil
	}
	return o.hook(fmt.Sprintf(format, args...))
}

// partialName is where a directory that can be resumed is written.
func partialName(dst string) string {
	return filepath.Join(filepath.Dir(dst), "."+filepath.Base(dst)+".partial")
}

// newPartial makes a directory that only its owner can enter, or opens the one that an earlier call left.
func newPartial(dst string, o partialOptions) (*partial, error) {
	dst = filepath.Clean(dst)
	if err := checkDestination(dst, o.replace); err != nil {
		return nil, err
	}
	p := &partial{tmp: partialName(dst), dst: dst, options: o}
	err := o.step("make the directory")
	if err == nil && o.resume {
		err = p.openOld()
	} else if err == nil {
		p.tmp, err = os.MkdirTemp(filepath.Dir(dst), filepath.Base(p.tmp)+"-*")
	}
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	if p.root, err = openReal(p.tmp); err == nil && o.resume {
		err = p.takeOver()
	}
	if err != nil {
		p.discard()
		return nil, fmt.Errorf("seal: %w", err)
	}
	return p, nil
}

// openOld makes the directory or finds it, and makes sure that nobody else writes it. Only one that says of itself that it
// is unfinished is resumed.
func (p *partial) openOld() error {
	if err := os.Mkdir(p.tmp, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	fi, err := os.Lstat(p.tmp)
	if err != nil {
		return err
	}
	if !fi.IsDir() {
		return &fs.PathError{Op: "resume", Path: p.tmp, Err: errors.New("not a directory")}
	}
	if err := p.options.step("open the directory"); err != nil {
		return err
	}
	p.lock, err = lockDir(p.tmp)
	return err
}

// openReal opens a directory and no other one that a link leads to. Whoever may rename the entry could put a link in its place after it
// was looked at, and what the link leads to would be emptied.
func openReal(name string) (*os.Root, error) {
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	opened, err := root.Stat(".")
	if err == nil {
		var there fs.FileInfo
		if there, err = os.Lstat(name); err == nil && !os.SameFile(opened, there) {
			err = &fs.PathError{Op: "open", Path: name, Err: errors.New("not a directory")}
		}
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return root, nil
}

// writers are the permissions with which others could write a directory.
const writers fs.FileMode = 0o022

// takeOver makes sure that what is resumed is ours, or empties the directory.
func (p *partial) takeOver() error {
	_, err := p.root.Lstat(partialFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if p.resumed = err == nil; p.resumed {
		return ours(p.root, p.tmp, writers)
	}
	err = ours(p.root, p.tmp, 0)
	if err == nil {
		err = p.root.Chmod(".", 0o700) // the old directory may have been open to others
	}
	if err != nil {
		return err
	}
	return p.empty()
}

// restart forgets what an earlier call left. The mark goes first: without it the rest is nobody's.
func (p *partial) restart() error {
	err := p.options.step("forget %s", partialFile)
	if err == nil {
		err = p.root.Remove(partialFile)
	}
	if err == nil {
		err = p.empty()
	}
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	p.resumed = false
	return nil
}

// empty removes what is there: the directory that a finished call had replaced, or one that had only begun. Anything else of
// that name is not ours.
func (p *partial) empty() error {
	entries, err := fs.ReadDir(p.root.FS(), ".")
	if err != nil {
		return err
	}
	sealed := IsSealed(p.root.FS())
	for _, e := range entries {
		if !sealed && e.Name() != blobsDir && e.Name() != keysDir && e.Name() != asideFile {
			return &fs.PathError{Op: "resume", Path: p.tmp, Err: fs.ErrExist}
		}
	}
	return removeEntries(p.root)
}

// removeEntries empties a sealed directory and leaves seal.json to the end, so that it can be told for what it is until then.
func removeEntries(root *os.Root) error {
	entries, err := fs.ReadDir(root.FS(), ".")
	for _, e := range entries {
		if e.Name() != manifestName {
			err = errors.Join(err, root.RemoveAll(e.Name()))
		}
	}
	if err != nil {
		return err
	}
	return root.RemoveAll(manifestName)
}

// mkdir makes a directory that may be there.
func (p *partial) mkdir(name string) error {
	if err := p.options.step("mkdir %s", name); err != nil {
		return err
	}
	if err := p.root.MkdirAll(name, 0o755); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	return nil
}

// create opens a new file for writing. One of an earlier call is removed; within one call no file replaces another, not even
// where the file system takes two names for one.
func (p *partial) create(name string, mode fs.FileMode) (*os.File, error) {
	if err := p.options.step("create %s", name); err != nil {
		return nil, err
	}
	if p.options.resume {
		if err := p.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("seal: %w", err)
		}
	}
	f, err := p.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return f, nil
}

// finish makes a file durable and closes it.
func (p *partial) finish(f *os.File) error {
	if err := p.options.step("sync %s", filepath.Base(f.Name())); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	return nil
}

// writeFile writes a small file and makes it durable. It is written aside, so that one cut short by a full disk or by the end of the
// process never stands under its name: an unfinished directory is known by such a file, and opened by others.
func (p *partial) writeFile(name string, b []byte) error {
	if _, err := p.root.Lstat(name); err == nil && !p.options.resume { // two names may be one to the file system
		return fmt.Errorf("seal: %w", &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist})
	}
	f, err := p.create(asideFile, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := p.options.step("write %s", name); err != nil {
		return err
	}
	if _, err := f.Write(b); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	if err := p.finish(f); err != nil {
		return err
	}
	if err := p.options.step("create %s", name); err != nil {
		return err
	}
	if err := p.root.Rename(asideFile, name); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	return nil
}

// discard removes what was not published, unless it is to be resumed.
func (p *partial) discard() {
	if p.done {
		return
	}
	if p.root != nil {
		_ = p.root.Close()
	}
	if p.lock != nil {
		_ = p.lock.Close()
	}
	if !p.options.resume {
		_ = os.RemoveAll(p.tmp) // the first error is the one that is reported
	}
}
