package main

import (
	"errors"
	"io"
	"io/fs"
	"time"
)

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

func (d *oneDir) Close() error { return nil }

func (d *oneDir) Read([]byte) (int, error) { return 0, fs.ErrInvalid }

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

func (oneInfo) Name() string { return "." }

func (oneInfo) Size() int64 { return 0 }

func (oneInfo) Mode() fs.FileMode { return fs.ModeDir | 0o555 }

func (oneInfo) ModTime() time.Time { return time.Time{} }

func (oneInfo) IsDir() bool { return true }

func (oneInfo) Sys() any { return nil }
