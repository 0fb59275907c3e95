package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/holdfast-ai/holdfast/internal/durable"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// maxDocument bounds policies and deny lists, in bytes.
const maxDocument = 16 << 20

// readFile reads a regular file of at most max bytes, and never waits for one that is a pipe.
func readFile(name string, max int64) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readRegular(f, name, max)
}

// readRegular is readFile of an open file.
func readRegular(f fs.File, name string, max int64) ([]byte, error) {
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a regular file", errUsage, name)
	}
	data, err := io.ReadAll(io.LimitReader(f, max+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > max {
		return nil, fmt.Errorf("%w: %s is larger than %d bytes", errUsage, name, max)
	}
	return data, nil
}

// inFile is err of what was read from a file of the operator's own: with the file's name, and the place where its JSON is at fault.
func inFile(name string, text []byte, err error) error {
	if e, ok := errors.AsType[*strictjson.SyntaxError](err); ok && e.Offset >= 0 && e.Offset <= len(text) {
		before := text[:e.Offset]
		name = fmt.Sprintf("%s:%d:%d", name, 1+bytes.Count(before, []byte("\n")), e.Offset-bytes.LastIndexByte(before, '\n'))
	}
	if errors.Is(err, errUsage) {
		return fmt.Errorf("%s: %w", name, err)
	}
	return fmt.Errorf("%w: %s: %w", errUsage, name, err)
}

// replaceFile writes a file through a temporary sibling, so that a reader sees the old or the new one. A pipe or a device, such as
// /dev/stdout, is written to and not replaced.
func replaceFile(name string, data []byte) error {
	if fi, err := os.Stat(name); err == nil && !fi.Mode().IsRegular() {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.Write(data)
		return errors.Join(err, f.Close())
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return err
	}
	defer root.Close()
	return replaceIn(root, filepath.Base(name), data)
}

// replaceIn is replaceFile below root: no link in a directory that somebody else wrote leads out of it.
func replaceIn(root *os.Root, name string, data []byte) error {
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	temp := fmt.Sprintf("%s.%s.tmp", name, rand.Text())
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return unwritten(filepath.Join(root.Name(), name), err)
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return unwritten(filepath.Join(root.Name(), name), errors.Join(err, root.Remove(temp)))
	}
	if err := root.Rename(temp, name); err != nil {
		return unwritten(filepath.Join(root.Name(), name), errors.Join(err, root.Remove(temp)))
	}
	return durable.SyncIn(root, filepath.Dir(name))
}

// unwritten says which file could not be written: the name of the temporary one says nothing to anybody.
func unwritten(name string, err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("write %s: %w", name, e.Err)
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return fmt.Errorf("write %s: %w", name, e.Err)
	}
	return fmt.Errorf("write %s: %w", name, err)
}
