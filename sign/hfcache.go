package sign

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/holdfast-ai/holdfast/internal/treefs"
)

// HuggingFaceFS returns one revision of a model in the local cache of the Hugging Face Hub as a source for [Open] and [Sign].
// repo is the model's directory in the cache, such as models--org--name, and must stay open. revision is a commit, as 40
// hexadecimal digits, or a name below refs, such as "main".
//
//	models--org--name/
//	  refs/main                                  the commit that a name stands for
//	  snapshots/<commit>/<file> -> ../../blobs/<etag>
//	  blobs/<etag>, or blobs/<prefix>/<etag>     the bytes
//
// The links are how the cache stores files and no part of the model, so what they lead to appears as regular files, and a
// signature of the plain files verifies. A link counts only if it leads, in one step, to a regular file in blobs of the
// same repo; any other one stays a link, which nothing here opens. Names in blobs vouch for nothing. Files that lie in the
// snapshot themselves, as the cache does it where there are no links, are read as they are.
//
// Errors: [fs.ErrNotExist] for a revision that the cache does not have, [fs.ErrInvalid] for one that is no revision, and
// faults of repo.
func HuggingFaceFS(repo *os.Root, revision string) (fs.FS, error) {
	c := &hubCache{repo: DirFS(repo).(dirFS)}
	commit := revision
	if !isCommit(commit) {
		var err error
		if commit, err = c.ref(revision); err != nil {
			return nil, err
		}
	}
	c.snapshot = "snapshots/" + commit
	if !c.isDir(c.snapshot) {
		return nil, fmt.Errorf("sign: snapshot %s: %w", commit, fs.ErrNotExist)
	}
	return c, nil
}

// commitLength is how many hexadecimal digits name a commit.
const commitLength = 40

func isCommit(s string) bool {
	return len(s) == commitLength && strings.Trim(s, "0123456789abcdef") == ""
}

type hubCache struct {
	repo     dirFS
	snapshot string
}

var (
	_ fs.ReadDirFS  = (*hubCache)(nil)
	_ fs.ReadLinkFS = (*hubCache)(nil)
	_ fs.StatFS     = (*hubCache)(nil)
)

// ref reads the commit that a name stands for.
func (c *hubCache) ref(name string) (string, error) {
	p := "refs/" + name
	if !fs.ValidPath(name) || name == "." {
		return "", fmt.Errorf("sign: revision %q: %w", name, fs.ErrInvalid)
	}
	fi, err := c.repo.Lstat(p)
	if err != nil {
		return "", fmt.Errorf("sign: revision %q: %w", name, err)
	}
	f, err := c.repo.Open(p)
	if err != nil {
		return "", fmt.Errorf("sign: revision %q: %w", name, err)
	}
	defer f.Close()
	if !fi.Mode().IsRegular() || !same(f, fi) {
		return "", fmt.Errorf("%w (revision %q)", ErrNotRegular, name)
	}
	b, err := io.ReadAll(io.LimitReader(f, commitLength+2))
	if err != nil {
		return "", fmt.Errorf("sign: revision %q: %w", name, err)
	}
	commit := strings.TrimSuffix(string(b), "\n")
	if !isCommit(commit) {
		return "", fmt.Errorf("sign: revision %q names no commit: %w", name, fs.ErrInvalid)
	}
	return commit, nil
}

func same(f fs.File, fi fs.FileInfo) bool {
	now, err := f.Stat()
	return err == nil && os.SameFile(now, fi)
}

// isDir says whether p is a directory that is reached through directories alone.
func (c *hubCache) isDir(p string) bool {
	for p != "." {
		if fi, err := c.repo.Lstat(p); err != nil || !fi.IsDir() {
			return false
		}
		p = path.Dir(p)
	}
	return true
}

// find returns where in the repo the bytes of a name lie, and what it is, with the name's own base. A link that does not
// count is described as the link that it is.
func (c *hubCache) find(op, name string) (string, fs.FileInfo, error) {
	fail := func(err error) (string, fs.FileInfo, error) {
		return "", nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	if !fs.ValidPath(name) {
		return fail(fs.ErrInvalid)
	}
	p := path.Join(c.snapshot, name)
	if !c.isDir(path.Dir(p)) {
		return fail(fs.ErrNotExist)
	}
	fi, err := c.repo.Lstat(p)
	if err != nil {
		return fail(err)
	}
	if fi.Mode().Type() == fs.ModeSymlink {
		if blob, bi := c.blob(p); bi != nil {
			p, fi = blob, bi
		}
	}
	return p, renamed{fi, path.Base(name)}, nil
}

// blob follows the link at p, if it leads straight to a regular file in blobs.
func (c *hubCache) blob(p string) (string, fs.FileInfo) {
	target, err := c.repo.ReadLink(p)
	if err != nil || filepath.IsAbs(target) {
		return "", nil
	}
	to := path.Join(path.Dir(p), filepath.ToSlash(target)) // p has no links above it, so ".." is what it seems
	rest, ok := strings.CutPrefix(to, "blobs/")
	if !ok || strings.Count(rest, "/") > 1 || !fs.ValidPath(to) || !c.isDir(path.Dir(to)) {
		return "", nil
	}
	fi, err := c.repo.Lstat(to)
	if err != nil || !fi.Mode().IsRegular() {
		return "", nil
	}
	return to, fi
}

// Open opens a file or directory of the snapshot. What is opened is what was looked at, or an error.
func (c *hubCache) Open(name string) (fs.File, error) {
	p, fi, err := c.find("open", name)
	if err != nil {
		return nil, err
	}
	if fi.IsDir() {
		entries, err := c.ReadDir(name)
		if err != nil {
			return nil, err
		}
		return treefs.NewDir(fi, entries), nil
	}
	if !fi.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: ErrNotRegular}
	}
	f, err := c.repo.Open(p)
	if err != nil {
		return nil, err
	}
	if !same(f, fi.(renamed).FileInfo) {
		f.Close()
		return nil, &fs.PathError{Op: "open", Path: name, Err: fmt.Errorf("%w: it was replaced while it was opened", ErrNotRegular)}
	}
	return hubFile{f.(*os.File), path.Base(name)}, nil
}

// hubFile is a file under the name that the snapshot gives it.
type hubFile struct {
	*os.File
	name string
}

func (f hubFile) Stat() (fs.FileInfo, error) {
	fi, err := f.File.Stat()
	if err != nil {
		return nil, err
	}
	return renamed{fi, f.name}, nil
}

// Lstat describes what a name is: files that lie in blobs are regular.
func (c *hubCache) Lstat(name string) (fs.FileInfo, error) {
	_, fi, err := c.find("lstat", name)
	return fi, err
}

// Stat is Lstat: no other link leads anywhere.
func (c *hubCache) Stat(name string) (fs.FileInfo, error) { return c.Lstat(name) }

// ReadLink returns the target of a link that leads elsewhere than to blobs.
func (c *hubCache) ReadLink(name string) (string, error) {
	p, fi, err := c.find("readlink", name)
	if err != nil {
		return "", err
	}
	if fi.Mode().Type() != fs.ModeSymlink {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	return c.repo.ReadLink(p)
}

// ReadDir lists a directory of the snapshot.
func (c *hubCache) ReadDir(name string) ([]fs.DirEntry, error) {
	p, fi, err := c.find("readdir", name)
	if err != nil {
		return nil, err
	}
	if !fi.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrInvalid}
	}
	entries, err := c.repo.ReadDir(p)
	if err != nil {
		return nil, err
	}
	for i, e := range entries {
		fi, err := c.Lstat(path.Join(name, e.Name()))
		if err != nil {
			return nil, err
		}
		entries[i] = fs.FileInfoToDirEntry(fi)
	}
	return entries, nil
}

// renamed describes a file under the name that the snapshot gives it. Times are the cache's and mean nothing.
type renamed struct {
	fs.FileInfo
	name string
}

func (r renamed) Name() string       { return r.name }
func (r renamed) ModTime() time.Time { return time.Time{} }
