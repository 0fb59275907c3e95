package treefs

import (
	"io"
	"io/fs"
	"path"
	"slices"
	"time"
)

// FileInfo describes a regular file of size bytes by the last element of its name. Times and modes of archives are the
// archiver's, and in a signed model nobody's: every file is 0444 and has no time.
func FileInfo(name string, size int64) fs.FileInfo { return info{path.Base(name), size, 0o444} }

// DirInfo describes a directory in the same way.
func DirInfo(name string) fs.FileInfo { return info{path.Base(name), 0, fs.ModeDir | 0o555} }

type info struct {
	name string
	size int64
	mode fs.FileMode
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }

// A Dir is an open directory of entries that are known. It is for one goroutine.
type Dir struct {
	info    fs.FileInfo
	entries []fs.DirEntry // that were not listed yet
}

var _ fs.ReadDirFile = (*Dir)(nil)

// NewDir opens a directory. entries are not modified, and must not be.
func NewDir(info fs.FileInfo, entries []fs.DirEntry) *Dir { return &Dir{info, entries} }

// Stat returns what the directory was opened with.
func (d *Dir) Stat() (fs.FileInfo, error) { return d.info, nil }

// Close does nothing.
func (d *Dir) Close() error { return nil }

// Read fails: a directory has no content.
func (d *Dir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.Name(), Err: fs.ErrInvalid}
}

// ReadDir is [fs.ReadDirFile]'s.
func (d *Dir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n > 0 && len(d.entries) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(d.entries) {
		n = len(d.entries)
	}
	out := slices.Clone(d.entries[:n])
	d.entries = d.entries[n:]
	return out, nil
}
