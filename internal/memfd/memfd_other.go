//go:build !linux

package memfd

import "os"

func create(string) (*os.File, error) { return nil, ErrUnsupported }

// Room reports whether memory may be allocated; here it always does, and Go's runtime decides.
func Room(int64) error { return nil }

// Map maps a file of a memory file system; here it always gives [ErrUnsupported].
func Map(*os.File, int64) ([]byte, error) { return nil, ErrUnsupported }

// Unmap ends a mapping of [Map].
func Unmap([]byte) error { return nil }

// Check reports whether f is a sealed file; here it always gives [ErrUnsupported].
func Check(*os.File, int64) error { return ErrUnsupported }

func (b *Buffer) seal() (*os.File, error) { return nil, ErrUnsupported }
