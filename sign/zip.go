package sign

import (
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/holdfast-ai/holdfast/internal/strictzip"
	"github.com/holdfast-ai/holdfast/internal/treefs"
)

// ErrArchive: a zip archive is malformed, or could be read in two ways.
var ErrArchive = strictzip.ErrArchive

// maxRatio is how many bytes one compressed byte may become. Deflate gives 1032 at most; vocabularies, which compress best of
// what models have, stay below 30.
const maxRatio = 200

// ZipFS returns the files of a zip archive of size bytes as a source for [Open] and [Sign] (PKWARE APPNOTE 6.3.10; stored
// or deflated, with or without zip64). Stored files are read at random offsets and cost what plain ones do; deflated ones
// only from their start. r must stay valid, and be safe for concurrent use, as long as the file system is used.
//
// An archive has its list of files at the end and a copy of each entry before the file, and readers differ in which they
// believe. Refused is all that lets them differ: copies that disagree, names that occur twice, are absolute, contain "..",
// or have two spellings; files that overlap, gaps between them, bytes before the first or after the end; and what no model
// needs: encryption, links, other methods, comments on the archive, and files that would grow more than 200 times.
//
// Errors: [ErrArchive], and faults of r. A deflated file that is not what its entry says gives ErrArchive when it is read.
func ZipFS(r io.ReaderAt, size int64) (fs.FS, error) {
	entries, err := strictzip.Entries(r, size)
	if err != nil {
		return nil, err
	}
	files := make([]treefs.File, 0, len(entries))
	dirs := map[string]bool{}
	for _, e := range entries {
		if e.Plain/maxRatio > e.Packed {
			return nil, badZip("%q: %d bytes become %d", e.Name, e.Packed, e.Plain)
		}
		if name, isDir := strings.CutSuffix(e.Name, "/"); isDir {
			if err := treefs.CheckName(name); err != nil {
				return nil, badZip("%v", err)
			}
			if dirs[name] {
				return nil, badZip("%q is there twice", e.Name)
			}
			dirs[name] = true
			continue
		}
		files = append(files, treefs.File{Name: e.Name, Size: int64(e.Plain), Open: e.Open})
	}
	names := make(map[string]bool, len(files))
	for _, f := range files {
		names[f.Name] = true
	}
	for dir := range dirs { // also of those that no file lies in
		for ; dir != "."; dir = path.Dir(dir) {
			if names[dir] {
				return nil, badZip("%q is a file and a directory", dir)
			}
		}
	}
	t, err := treefs.New(files)
	if err != nil {
		return nil, badZip("%v", err)
	}
	return t, nil
}

func badZip(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrArchive, fmt.Sprintf(format, args...))
}
