package sign

import (
	"io/fs"
	"os"
)

// DirFS returns the files below root as a source for [Open] and [Sign]. It is root.FS() except that opening a pipe never
// waits, not even one that takes a file's place between two system calls (on Unix). root must stay open.
func DirFS(root *os.Root) fs.FS {
	return dirFS{root.FS().(rootFS), root}
}

// rootFS is what os.Root's FS implements.
type rootFS interface {
	fs.StatFS
	fs.ReadLinkFS
	fs.ReadDirFS
}

type dirFS struct {
	rootFS
	root *os.Root
}

func (d dirFS) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	f, err := d.root.OpenFile(name, os.O_RDONLY|nonblock, 0)
	if err != nil { // a nil *os.File must not become a non-nil fs.File
		return nil, err
	}
	return f, nil
}
