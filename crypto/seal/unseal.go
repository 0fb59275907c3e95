package seal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
)

// Unseal writes the plaintext of f to the new directory dst, readable by its owner only. dst must not exist; the files are
// written beside it under a temporary name, made durable and renamed at the end, so that dst is whole or absent. Plaintext
// on a disk is what sealing was to prevent: a server reads through [FS] and never unseals. progress may be nil.
// Errors: those of [FS.Open] and [ReaderAt.ReadAt], [fs.ErrExist] for dst, that of ctx and those of the file system.
func Unseal(ctx context.Context, dst string, f *FS, progress func(Progress)) error {
	files := f.Files()
	var total int64
	for _, s := range files {
		total += s.Size
	}
	m := newMeter(progress, total)
	st, err := newPartial(dst)
	if err != nil {
		return err
	}
	defer st.discard()
	for _, s := range files {
		if err := unsealFile(ctx, st.root, f, s.Path, m); err != nil {
			return err
		}
		m.next(s.Size)
	}
	if err := st.publish(0o700); err != nil {
		return err
	}
	m.finish()
	return nil
}

func unsealFile(ctx context.Context, root *os.Root, f *FS, name string, m *meter) error {
	in, err := f.open(name)
	if err != nil {
		return &fs.PathError{Op: "open", Path: name, Err: err}
	}
	defer in.Close()
	if err := root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	out, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	defer out.Close()
	return in.wrap(in.r.provisional(ctx, plainFile{out}, m.at))
}

// plainFile is a file of a directory that nobody sees before it is whole.
type plainFile struct{ f *os.File }

func (p plainFile) Provisional(off int64, b []byte) error {
	_, err := p.f.WriteAt(b, off)
	return err
}

func (p plainFile) Commit() error { return errors.Join(p.f.Sync(), p.f.Close()) }
func (p plainFile) Abort()        {} // the whole directory goes
