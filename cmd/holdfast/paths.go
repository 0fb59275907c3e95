package main

import (
	"errors"
	"path/filepath"
	"strings"
)

// within returns path as a slash-separated name relative to dir, if it lies below it. Either may be reached through
// symbolic links; what path itself is does not matter.
func within(dir, path string) (string, bool) {
	d, err1 := filepath.Abs(dir)
	p, err2 := filepath.Abs(path)
	if err1 != nil || err2 != nil {
		return "", false
	}
	if real, err := filepath.EvalSymlinks(d); err == nil {
		d = real
	}
	if real, err := filepath.EvalSymlinks(filepath.Dir(p)); err == nil {
		p = filepath.Join(real, filepath.Base(p))
	}
	return below(d, p)
}

// below returns path as a slash-separated name relative to dir by their spelling alone.
func below(dir, path string) (string, bool) {
	d, err1 := filepath.Abs(dir)
	p, err2 := filepath.Abs(path)
	rel, err := filepath.Rel(d, p)
	if err = errors.Join(err, err1, err2); err != nil || rel == "." || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return "", false
	}
	return filepath.ToSlash(rel), true
}
