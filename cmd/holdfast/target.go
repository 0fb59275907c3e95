package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

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
