package seal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
	"time"
)

// index builds the directories. Paths have been checked and are in order.
func (f *FS) index(files []sealed) {
	f.dirs = map[string][]fs.DirEntry{".": nil}
	for i := range files {
		s := &files[i]
		f.files[s.Path] = s
		entry := fileInfo{name: base(s.Path), size: s.Size}
		for p := s.Path; ; entry = (fileInfo{name: base(p), dir: true}) {
			dir := parent(p)
			_, known := f.dirs[dir]
			f.dirs[dir] = append(f.dirs[dir], fs.FileInfoToDirEntry(entry))
			if known {
				break
			}
			p = dir
		}
	}
	for _, entries := range f.dirs {
		slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	}
}

func parent(p string) string {
	if i := strings.LastIndexByte(p, '/'); i >= 0 {
		return p[:i]
	}
	return "."
}

func base(p string) string { return p[strings.LastIndexByte(p, '/')+1:] }

// Open opens a file or directory. A file's first and last segment are authenticated here. The error is a [*fs.PathError]
// around those of [NewReaderAt].
func (f *FS) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	if entries, ok := f.dirs[name]; ok {
		return &dir{info: fileInfo{name: base(name), dir: true}, entries: entries}, nil
	}
	file, err := f.open(name, f.opts)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return file, nil
}

func (f *FS) open(name string, o options) (*File, error) {
	s, ok := f.files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	src, b, err := f.blob(s)
	if err != nil {
		return nil, err
	}
	r, err := newReaderAt(b, b.size, f.key, FileAD(f.info.Name, f.info.Version, name), b.header, o, &f.pool)
	if err != nil {
		src.Close()
		return nil, err
	}
	return &File{r: Reader{ReaderAt: r}, src: src, info: fileInfo{name: base(name), size: r.size}, path: name}, nil
}

// Stat describes a file or directory by the manifest alone.
func (f *FS) Stat(name string) (fs.FileInfo, error) {
	if s, ok := f.files[name]; ok {
		return fileInfo{name: base(name), size: s.Size}, nil
	}
	if _, ok := f.dirs[name]; ok {
		return fileInfo{name: base(name), dir: true}, nil
	}
	err := fs.ErrNotExist
	if !fs.ValidPath(name) {
		err = fs.ErrInvalid
	}
	return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
}

// ReadDir lists a directory by name.
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	if entries, ok := f.dirs[name]; ok {
		return slices.Clone(entries), nil
	}
	err := fs.ErrNotExist
	if !fs.ValidPath(name) {
		err = fs.ErrInvalid
	} else if _, ok := f.files[name]; ok {
		err = errors.New("not a directory")
	}
	return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
}

// ReadFile decrypts a whole file. Errors: those of [FS.Open] and [ReaderAt.ReadAt]; [ErrTooLarge] for one that no slice of this platform
// holds, which on 32 bits are 2 GiB.
func (f *FS) ReadFile(name string) ([]byte, error) {
	file, err := f.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	r, ok := file.(*File)
	if !ok {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("is a directory")}
	}
	return r.readAll()
}

func (f *File) readAll() ([]byte, error) {
	if f.info.size > math.MaxInt {
		return nil, f.wrap(fmt.Errorf("%w: %d bytes", ErrTooLarge, f.info.size))
	}
	b := make([]byte, f.info.size)
	// fs.ReadFileFS takes no context: the call ends with the file.
	return b, f.ReadAllInto(context.Background(), b, nil)
}

// fileInfo is an fs.FileInfo. Times are not sealed and are zero; modes are read-only.
type fileInfo struct {
	name string
	size int64
	dir  bool
}

func (i fileInfo) Name() string { return i.name }

func (i fileInfo) Size() int64 { return i.size }

func (i fileInfo) ModTime() time.Time { return time.Time{} }

func (i fileInfo) IsDir() bool { return i.dir }

func (i fileInfo) Sys() any { return nil }

func (i fileInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o555
	}
	return 0o444
}
