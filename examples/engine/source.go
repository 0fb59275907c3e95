package engine

import (
	"context"
	"fmt"
	"io/fs"
	"path"

	"github.com/holdfast-ai/holdfast/examples/engine/refuse"
)

// maxSmall bounds configuration and tokenizer files, in bytes.
const maxSmall = 64 << 20

// onePass is what a verified model offers beyond [fs.FS]: a file read, decrypted, hashed and scanned in one pass into the
// buffer that the engine keeps.
type onePass interface {
	Size(name string) (int64, error)
	ReadInto(ctx context.Context, name string, dst []byte) (int, error)
}

// readAll returns the whole file.
func readAll(ctx context.Context, src fs.FS, name string) ([]byte, error) {
	m, ok := src.(onePass)
	if !ok {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return fs.ReadFile(src, name)
	}
	size, err := m.Size(name)
	if err != nil {
		return nil, err
	}
	buf := make([]byte, size)
	n, err := m.ReadInto(ctx, name, buf)
	if err != nil {
		return nil, err
	}
	return buf[:n], nil
}

// readSmall is readAll for files that are parsed as a whole.
func readSmall(ctx context.Context, src fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(src, name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxSmall {
		return nil, refuse.Format(name, fmt.Sprintf("is above %d bytes", maxSmall))
	}
	return readAll(ctx, src, name)
}

// only returns the one name in the root of src that matches, or "".
func only(src fs.FS, pattern string) (string, error) {
	entries, err := fs.ReadDir(src, ".")
	if err != nil {
		return "", err
	}
	found := ""
	for _, e := range entries {
		if ok, _ := path.Match(pattern, e.Name()); !ok || e.IsDir() {
			continue
		}
		if found != "" {
			return "", refuse.Unsupported("weights in several files", pattern)
		}
		found = e.Name()
	}
	return found, nil
}
