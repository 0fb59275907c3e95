// Package strictjson reads JSON that has exactly one meaning. It refuses what different parsers read differently:
// duplicate keys, keys that differ only in case, invalid UTF-8, lone surrogates, trailing bytes, and nesting, size or
// string lengths past a stated limit (RFC 8259 sections 4 and 8, RFC 7493 section 2).
//
// [Check] and [Walk] scan without building values; [Unmarshal] checks first and then fills a Go value through
// encoding/json, after making sure that every key names a field exactly.
package strictjson

import (
	"errors"
	"fmt"
)

// Sentinel errors, one for each thing a caller may answer differently. Every error returned here is a [*SyntaxError]
// that unwraps to one of them.
var (
	ErrSyntax    = errors.New("not valid JSON")
	ErrDuplicate = errors.New("duplicate or case-variant key")
	ErrUTF8      = errors.New("invalid UTF-8 or lone surrogate")
	ErrDepth     = errors.New("nested too deeply")
	ErrSize      = errors.New("too large")
	ErrTrailing  = errors.New("bytes after the value")
	ErrField     = errors.New("unknown field")
	ErrType      = errors.New("value of the wrong type")
)

// A SyntaxError tells where and why a text was refused. It never quotes the text.
type SyntaxError struct {
	Offset int   // in bytes from the start
	Err    error // one of the sentinels
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("json: %v (byte %d)", e.Err, e.Offset) }

// Unwrap returns the sentinel.
func (e *SyntaxError) Unwrap() error { return e.Err }

// Limits bound what a text may cost. A zero field takes the default.
type Limits struct {
	MaxBytes int // of the whole text; default 1 MiB
	MaxDepth int // of nested arrays and objects; default 64
	MaxKeys  int // in one object; default 100,000
	MaxItems int // in one array; default: no bound but that of MaxBytes
}

func (l Limits) withDefaults() Limits {
	if l.MaxBytes <= 0 {
		l.MaxBytes = 1 << 20
	}
	if l.MaxDepth <= 0 {
		l.MaxDepth = 64
	}
	if l.MaxKeys <= 0 {
		l.MaxKeys = 100_000
	}
	return l
}

// Check reports whether data is one strict JSON value within the limits.
func Check(data []byte, l Limits) error { return Walk(data, l, nil) }
