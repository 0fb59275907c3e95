// Package treefs makes a read-only file system of a list of files that are stored some other way: in an archive, or as
// blobs. Its names are exactly those of the list and the directories above them, and the list is refused where two readers
// could understand it differently.
package treefs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

const (
	// MaxFiles is the greatest number of files, as for the resources of a signed manifest, and of directories.
	MaxFiles = 1 << 17
	// maxName and maxNesting bound a name in bytes and in components; file systems have 4096 and no limit.
	maxName, maxNesting = 4096, 64
)

// ErrList means that a list of files cannot be a file system.
var ErrList = errors.New("not a tree of files")

// A File is one file of the list.
type File struct {
	Name string // slash-separated, as for [fs.ValidPath]
	Size int64  // bytes
	// Open opens the content: Size bytes, read from the start. It is also an [io.ReaderAt] where that costs nothing more.
	Open func() (io.ReadCloser, error)
}

// FS is the file system. It is safe for concurrent use where the files' Open functions are.
type FS struct {
	files map[string]File
	dirs  map[string][]fs.DirEntry
}

var (
	_ fs.ReadDirFS = (*FS)(nil)
	_ fs.StatFS    = (*FS)(nil)
)

// New makes a file system of files. Errors: [ErrList] for names that are not valid, have a backslash or a NUL, occur twice
// or lie below a file, and for too many files or directories.
func New(files []File) (*FS, error) {
	if len(files) > MaxFiles {
		return nil, fmt.Errorf("%w: %d files, at most %d are allowed", ErrList, len(files), MaxFiles)
	}
	t := &FS{files: make(map[string]File, len(files)), dirs: map[string][]fs.DirEntry{".": nil}}
	for _, f := range files {
		if err := CheckName(f.Name); err != nil {
			return nil, err
		}
		if _, twice := t.files[f.Name]; twice {
			return nil, fmt.Errorf("%w: %q is there twice", ErrList, f.Name)
		}
		t.files[f.Name] = f
	}
	for name, f := range t.files {
		if err := t.mkdir(path.Dir(name)); err != nil {
			return nil, err
		}
		t.link(name, FileInfo(name, f.Size))
	}
	for _, entries := range t.dirs {
		slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	}
	return t, nil
}

// CheckName reports whether name can be the name of a file here. Errors: [ErrList].
func CheckName(name string) error {
	switch {
	case name == "." || !fs.ValidPath(name), strings.ContainsAny(name, "\\\x00"):
		return fmt.Errorf("%w: %q is no name of a file", ErrList, name[:min(len(name), 200)])
	case len(name) > maxName || strings.Count(name, "/") > maxNesting:
		return fmt.Errorf("%w: %q… is too long or nested too deeply", ErrList, name[:min(len(name), 200)])
	}
	return nil
}

func (t *FS) mkdir(dir string) error {
	if _, ok := t.files[dir]; ok {
		return fmt.Errorf("%w: %q is a file, and other files lie below it", ErrList, dir)
	}
	if _, ok := t.dirs[dir]; ok {
		return nil
	}
	if len(t.dirs) > MaxFiles { // a name of a few bytes has many above it
		return fmt.Errorf("%w: more than %d directories", ErrList, MaxFiles)
	}
	t.dirs[dir] = nil
	if err := t.mkdir(path.Dir(dir)); err != nil {
		return err
	}
	t.link(dir, DirInfo(dir))
	return nil
}

func (t *FS) link(name string, i fs.FileInfo) {
	dir := path.Dir(name)
	t.dirs[dir] = append(t.dirs[dir], fs.FileInfoToDirEntry(i))
}

// Open opens a file or directory.
func (t *FS) Open(name string) (fs.File, error) {
	fi, err := t.stat("open", name)
	if err != nil {
		return nil, err
	}
	if fi.IsDir() {
		return NewDir(fi, t.dirs[name]), nil
	}
	r, err := t.files[name].Open()
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	if at, ok := r.(io.ReaderAt); ok {
		return fileAt{file{r, fi}, at}, nil
	}
	return file{r, fi}, nil
}

// Stat describes a file or directory.
func (t *FS) Stat(name string) (fs.FileInfo, error) {
	return t.stat("stat", name)
}

func (t *FS) stat(op, name string) (fs.FileInfo, error) {
	if f, ok := t.files[name]; ok {
		return FileInfo(name, f.Size), nil
	}
	if _, ok := t.dirs[name]; ok {
		return DirInfo(name), nil
	}
	err := fs.ErrNotExist
	if !fs.ValidPath(name) {
		err = fs.ErrInvalid
	}
	return nil, &fs.PathError{Op: op, Path: name, Err: err}
}

// ReadDir lists a directory, sorted.
func (t *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, ok := t.dirs[name]
	if !ok {
		_, err := t.stat("readdir", name)
		if err == nil {
			err = &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrInvalid}
		}
		return nil, err
	}
	return slices.Clone(entries), nil
}

type file struct {
	io.ReadCloser
	info fs.FileInfo
}

func (f file) Stat() (fs.FileInfo, error) { return f.info, nil }

type fileAt struct {
	file
	io.ReaderAt
}
