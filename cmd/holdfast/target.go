package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/oci"
)

// A target is what a command is pointed at: a model directory, a model that is a single file, or one that is stored otherwise.
type target struct {
	dir  string // that the names of src are relative to, or "" where it is not stored as plain files
	file string // name of the single file, or ""
	root *os.Root
	src  fs.FS

	artifact *oci.Artifact // src, where it is one
	closer   io.Closer     // instead of root, where it is not stored as plain files
}

// openTarget opens a directory or a regular file. A link to either is followed once, here.
func openTarget(path string) (*target, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	t := &target{dir: path}
	if !fi.IsDir() {
		if !fi.Mode().IsRegular() {
			return nil, fmt.Errorf("%w: %s is neither a directory nor a regular file", errUsage, path)
		}
		t.dir, t.file = filepath.Dir(path), filepath.Base(path)
	}
	if t.root, err = os.OpenRoot(t.dir); err != nil {
		return nil, err
	}
	t.src = sign.DirFS(t.root)
	if t.file != "" {
		t.src = oneFile{t.src, t.file}
	}
	return t, nil
}

func (t *target) Close() error {
	if t.closer != nil {
		return t.closer.Close()
	}
	return t.root.Close()
}

// subject is the name that a statement carries for people: that of the directory or file.
func (t *target) subject(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return filepath.Base(path)
	}
	return filepath.Base(abs)
}

// oneFile is a directory in which one file exists.
type oneFile struct {
	fs.FS
	name string
}

func (o oneFile) check(op, name string) error {
	if name == "." || name == o.name {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
}

func (o oneFile) Open(name string) (fs.File, error) {
	if err := o.check("open", name); err != nil {
		return nil, err
	}
	if name == "." {
		return &oneDir{fs: o}, nil
	}
	return o.FS.Open(name)
}

func (o oneFile) Lstat(name string) (fs.FileInfo, error) {
	if err := o.check("lstat", name); err != nil {
		return nil, err
	}
	return fs.Lstat(o.FS, name)
}

func (o oneFile) ReadLink(name string) (string, error) {
	if err := o.check("readlink", name); err != nil {
		return "", err
	}
	return fs.ReadLink(o.FS, name)
}

// oneDir is the open directory of a oneFile.
type oneDir struct {
	fs   oneFile
	read bool
}

func (d *oneDir) Stat() (fs.FileInfo, error) { return oneInfo{}, nil }
func (d *oneDir) Close() error               { return nil }
func (d *oneDir) Read([]byte) (int, error)   { return 0, fs.ErrInvalid }
func (d *oneDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if d.read {
		if n > 0 {
			return nil, io.EOF
		}
		return nil, nil
	}
	d.read = true
	fi, err := d.fs.Lstat(d.fs.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return []fs.DirEntry{fs.FileInfoToDirEntry(fi)}, nil
}

// oneInfo describes the directory of a oneFile.
type oneInfo struct{}

func (oneInfo) Name() string       { return "." }
func (oneInfo) Size() int64        { return 0 }
func (oneInfo) Mode() fs.FileMode  { return fs.ModeDir | 0o555 }
func (oneInfo) ModTime() time.Time { return time.Time{} }
func (oneInfo) IsDir() bool        { return true }
func (oneInfo) Sys() any           { return nil }
