package seal

import (
	"context"
	"fmt"
	"io"
	"io/fs"

	"github.com/holdfast-ai/holdfast/internal/ctxio"
)

// readSmall reads a regular file of at most most bytes, until ctx is done: storage may give one byte at a time.
func readSmall(ctx context.Context, src fs.FS, name string, most int64) ([]byte, error) {
	f, _, err := openRegular(src, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(ctxio.Reader(ctx, f), most+1))
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	if int64(len(b)) > most {
		return nil, fmt.Errorf("%w: %s has more than %d bytes", ErrTooLarge, name, most)
	}
	return b, nil
}

// openRegular opens a regular file. It looks before it opens, because opening a FIFO would wait for a writer, and again
// after, because the name may have been exchanged in between.
func openRegular(src fs.FS, name string) (fs.File, fs.FileInfo, error) {
	fi, err := fs.Stat(src, name)
	if err != nil {
		return nil, nil, fmt.Errorf("seal: %w", err)
	}
	if !fi.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%w: %s is not a regular file", ErrFormat, name)
	}
	f, err := src.Open(name)
	if err != nil {
		return nil, nil, fmt.Errorf("seal: %w", err)
	}
	if fi, err = f.Stat(); err == nil && !fi.Mode().IsRegular() {
		err = fmt.Errorf("%w: %s is not a regular file", ErrFormat, name)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, fi, nil
}

// IsSealed reports whether src looks like a sealed directory: it has a seal.json. Only [OpenFS] finds out whether it is
// one. Taking the file away makes a directory of ciphertext look plain, where no signature will match it.
func IsSealed(src fs.FS) bool {
	_, err := fs.Stat(src, manifestName)
	return err == nil
}

// Contents is what a sealed directory says of itself without a key. Nothing in it is authenticated.
type Contents struct {
	Info
	Segment int64      // ciphertext segment size in bytes
	Hidden  bool       // the list of files is sealed
	Files   []FileSize // by path; none where it is hidden
	Wraps   []Wrapped
}

// FileSize is the path and plaintext size in bytes of one sealed file.
type FileSize struct {
	Path string
	Size int64
}

// Inspect reads what a sealed directory says without a key, for people and for re-wrapping. Decide nothing on it.
// Errors: [ErrFormat], [ErrTooLarge], and those of src.
func Inspect(src fs.FS) (*Contents, error) {
	return inspect(context.Background(), src, manifestName)
}

func inspect(ctx context.Context, src fs.FS, name string) (*Contents, error) {
	_, m, info, err := readManifest(ctx, src, name)
	if err != nil {
		return nil, err
	}
	c := &Contents{Info: info, Segment: m.Segment, Hidden: m.List != nil}
	for _, f := range m.Files {
		c.Files = append(c.Files, FileSize{f.Path, f.Size})
	}
	c.Wraps, err = readWraps(ctx, src)
	return c, err
}

func readManifest(ctx context.Context, src fs.FS, name string) ([]byte, *manifest, Info, error) {
	b, err := readSmall(ctx, src, name, MaxManifest)
	if err != nil {
		return nil, nil, Info{}, err
	}
	m, info, err := parseManifest(b)
	return b, m, info, err
}
