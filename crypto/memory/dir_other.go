//go:build !linux

package memory

import "fmt"

func newDir(DirOptions) (*Dir, error) {
	return nil, fmt.Errorf("%w: file systems in memory are used on Linux only", ErrUnsupported)
}

func remove(string, bool) error { return nil }
