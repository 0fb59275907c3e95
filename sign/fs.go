package sign

import (
	"context"
	"io/fs"
	"path"

	"github.com/holdfast-ai/holdfast/internal/treefs"
)

var (
	_ fs.FS         = (*Model)(nil)
	_ fs.ReadDirFS  = (*Model)(nil)
	_ fs.StatFS     = (*Model)(nil)
	_ fs.ReadFileFS = (*Model)(nil)
)

// Open opens a signed file, as [Model.OpenFile] does, or a directory of them. A file is a [*File].
// Errors: a [*fs.PathError] around those of OpenFile.
func (m *Model) Open(name string) (fs.File, error) {
	if entries, ok := m.dirs[name]; ok {
		return treefs.NewDir(treefs.DirInfo(name), entries), nil
	}
	err := fs.ErrInvalid
	if fs.ValidPath(name) {
		var f *File
		if f, err = m.OpenFile(context.Background(), name); err == nil {
			return f, nil
		}
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: err}
}

// ReadFile returns the verified content of a signed file, which the caller owns.
// Errors: a [*fs.PathError] around those of [Model.ReadInto] and [ErrTooLarge].
func (m *Model) ReadFile(name string) ([]byte, error) {
	err := fs.ErrInvalid
	if fs.ValidPath(name) {
		var f *file
		if f, err = m.lookup(name); err == nil {
			var data []byte
			if data, err = m.readVerified(context.Background(), f, m.limit(), m.taps); err == nil {
				m.release(name)
				return data, nil
			}
		}
	}
	return nil, &fs.PathError{Op: "readfile", Path: name, Err: err}
}

// ReadDir lists the signed names in a directory, sorted.
func (m *Model) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, ok := m.dirs[name]
	if !ok {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: ErrNotSigned}
	}
	return append([]fs.DirEntry(nil), entries...), nil
}

// Stat describes a signed file or directory. The size of a file is a hint until it was read; mode and time are not
// signed, so every file is 0444 and has no time.
func (m *Model) Stat(name string) (fs.FileInfo, error) {
	if _, ok := m.dirs[name]; ok {
		return treefs.DirInfo(name), nil
	}
	size, err := m.Size(name)
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	return treefs.FileInfo(name, size), nil
}

// entry is a directory entry; it asks for the size only when told to.
type entry struct {
	m    *Model
	path string
	typ  fs.FileMode
}

func (e *entry) Name() string               { return path.Base(e.path) }
func (e *entry) IsDir() bool                { return e.typ.IsDir() }
func (e *entry) Type() fs.FileMode          { return e.typ }
func (e *entry) Info() (fs.FileInfo, error) { return e.m.Stat(e.path) }
func (e *entry) String() string             { return fs.FormatDirEntry(e) }
