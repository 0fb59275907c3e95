package seal

import (
	"context"
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
	if f.key == nil {
		return fmt.Errorf("seal: %w", fs.ErrClosed)
	}
	files := f.Files()
	sizes := make([]int64, len(files))
	var total int64
	for i, s := range files {
		sizes[i] = s.Size
		total += s.Size
	}
	m := newMeter(progress, total)
	p, err := newPartial(dst, partialOptions{})
	if err != nil {
		return err
	}
	defer p.discard()
	err = f.opts.each(ctx, sizes, func(ctx context.Context, i int, o options) error {
		return unsealFile(ctx, p, f, files[i].Path, o, m)
	})
	if err != nil {
		return err
	}
	if err := p.publish(0o700); err != nil {
		return err
	}
	m.finish()
	return nil
}

func unsealFile(ctx context.Context, p *partial, f *FS, name string, o options, m *meter) error {
	in, err := f.open(name, o)
	if err != nil {
		return &fs.PathError{Op: "open", Path: name, Err: err}
	}
	defer in.Close()
	if err := p.root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	out, err := p.create(name, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	return in.wrap(in.r.provisional(ctx, plainFile{p, out}, m.file()))
}

// plainFile is a file of a directory that nobody sees before it is whole.
type plainFile struct {
	dir *partial
	f   *os.File
}

func (p plainFile) Provisional(off int64, b []byte) error {
	_, err := p.f.WriteAt(b, off)
	return err
}

func (p plainFile) Commit() error { return p.dir.finish(p.f) }
func (p plainFile) Abort()        {} // the whole directory goes
