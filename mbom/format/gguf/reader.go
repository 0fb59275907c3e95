package gguf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"
)

// reader counts what it reads against the size of the file, so that no count or length is believed that the file could
// not hold.
type reader struct {
	r    io.Reader
	size uint64 // of the whole file
	at   uint64
	buf  [8]byte
	skip [4096]byte
}

func (r *reader) fail(rule, reason string, args ...any) error {
	return &FormatError{Rule: rule, Offset: int64(r.at), Reason: fmt.Sprintf(reason, args...)}
}

func (r *reader) left() uint64 { return r.size - r.at }

func (r *reader) read(b []byte) error {
	if uint64(len(b)) > r.left() {
		return &FormatError{Rule: "truncated", Offset: int64(r.at), Reason: "file ends inside the header"}
	}
	n, err := io.ReadFull(r.r, b)
	r.at += uint64(n)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &FormatError{Rule: "truncated", Offset: int64(r.at), Reason: "header goes on after the bytes given", Cause: io.ErrUnexpectedEOF}
	case err != nil:
		return fmt.Errorf("gguf: %w", err)
	}
	return nil
}

func (r *reader) u32() (uint32, error) {
	err := r.read(r.buf[:4])
	return binary.LittleEndian.Uint32(r.buf[:4]), err
}

func (r *reader) u64() (uint64, error) {
	err := r.read(r.buf[:8])
	return binary.LittleEndian.Uint64(r.buf[:8]), err
}

// discard reads n bytes and forgets them.
func (r *reader) discard(n uint64) error {
	for n > 0 {
		k := min(n, uint64(len(r.skip)))
		if err := r.read(r.skip[:k]); err != nil {
			return err
		}
		n -= k
	}
	return nil
}

// count reads a number of entries that take at least each bytes and are capped at most.
func (r *reader) count(rule string, each, most uint64) (uint64, error) {
	n, err := r.u64()
	if err == nil && (n > r.left()/each || n > most) {
		err = r.fail(rule, "count is larger than the file or the cap of %d", most)
	}
	return n, err
}

// length reads the length of a string.
func (r *reader) length(rule string, most uint64) (uint64, error) {
	n, err := r.u64()
	switch {
	case err != nil:
	case n > r.left():
		err = r.fail("string-length", "string ends outside the file")
	case n > most:
		err = r.fail(rule, "string above %d bytes", most)
	}
	return n, err
}

// text reads a string of at most most bytes. Memory grows with the bytes that are there.
func (r *reader) text(rule string, most uint64) ([]byte, error) {
	n, err := r.length(rule, most)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, min(n, uint64(len(r.skip))))
	for uint64(len(out)) < n {
		k := min(n-uint64(len(out)), uint64(len(r.skip)))
		if err := r.read(r.skip[:k]); err != nil {
			return nil, err
		}
		out = append(out, r.skip[:k]...)
	}
	return out, nil
}

// name is a string that names something: it must be UTF-8 without control characters. Readers in C end it at a NUL: a key
// with one is another key to them, and the checks of this package would have been of another file.
func (r *reader) name(rule string, most uint64) (string, error) {
	b, err := r.text(rule, most)
	switch {
	case err != nil:
	case !utf8.Valid(b):
		err = r.fail("utf8", "a name is not UTF-8")
	case bytes.ContainsFunc(b, unicode.IsControl):
		err = r.fail("name-control", "a name has a control character")
	}
	return string(b), err
}
