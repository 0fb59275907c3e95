// Package tsmtest is a tree that behaves as configfs-tsm does: attributes appear with the directory, and outblob answers inblob.
package tsmtest

import (
	"bytes"
	"errors"
	"io/fs"
	"path/filepath"
)

// ErrBroken is what fails where the tree is told to.
var ErrBroken = errors.New("broken")

// FS is a simulated tree.
type FS struct {
	Dirs     map[string]map[string][]byte // nil: a machine without configfs-tsm
	Provider string
	Answer   func(in []byte) []byte // the report over in
	Added    []byte                 // what the host adds; nil: no such attribute
	Racing   bool                   // another request interferes between two reads
	Fails    string                 // the attribute that cannot be written or read, or "mkdir", "remove"
}

func (f *FS) broken(name string) error {
	if f.Fails == filepath.Base(name) {
		return ErrBroken
	}
	return nil
}

// Mkdir makes a request.
func (f *FS) Mkdir(name string) error {
	if f.Dirs == nil {
		return fs.ErrNotExist
	}
	f.Dirs[name] = map[string][]byte{"provider": []byte(f.Provider + "\n"), "generation": []byte("0\n")}
	return f.broken("mkdir")
}

// Remove ends a request.
func (f *FS) Remove(name string) error { delete(f.Dirs, name); return f.broken("remove") }

// Write sets an attribute. The only privilege level there is is 1.
func (f *FS) Write(name string, b []byte) error {
	d := f.Dirs[filepath.Dir(name)]
	d[filepath.Base(name)] = bytes.Clone(b)
	d["generation"] = []byte("1\n")
	if filepath.Base(name) == "privlevel" && string(b) != "1" {
		return ErrBroken
	}
	return f.broken(name)
}

// Read returns an attribute.
func (f *FS) Read(name string) ([]byte, error) {
	d := f.Dirs[filepath.Dir(name)]
	if err := f.broken(name); err != nil {
		return d[filepath.Base(name)], err
	}
	switch filepath.Base(name) {
	case "outblob":
		if f.Racing {
			d["generation"] = []byte("2\n")
		}
		return f.Answer(d["inblob"]), nil
	case "auxblob":
		if f.Added == nil {
			return nil, fs.ErrNotExist
		}
		return f.Added, nil
	}
	return d[filepath.Base(name)], nil
}
