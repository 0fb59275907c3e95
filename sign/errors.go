package sign

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"

	"github.com/holdfast-ai/holdfast/sign/bundle"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// What went wrong, one sentinel for each thing a caller does next.
var (
	// ErrFormat: the signature, its manifest or holdfast.json is malformed; details in [*manifest.FormatError].
	ErrFormat = manifest.ErrFormat
	// ErrUnsupported: a well-known kind of signature that this version cannot verify.
	ErrUnsupported = manifest.ErrUnsupported
	// ErrKey: a key that cannot sign or verify models.
	ErrKey = bundle.ErrKey
	// ErrSignature: there is no signature, or none by a trusted key.
	ErrSignature = errors.New("sign: no trusted signature")
	// ErrPolicy: signed by a trusted key and still not the model that the policy asks for, or the policy itself is
	// incomplete; details in [*PolicyError].
	ErrPolicy = errors.New("sign: refused by policy")
	// ErrVersion: older than the policy's minimum version. It unwraps to [ErrPolicy].
	ErrVersion = fmt.Errorf("%w: rollback", ErrPolicy)
	// ErrDenied: on the deny list: the model, one of its files, or who signed it. It unwraps to [ErrPolicy].
	ErrDenied = fmt.Errorf("%w: denied", ErrPolicy)
	// ErrMismatch: the bytes of a file are not those that were signed; details in [*MismatchError].
	ErrMismatch = errors.New("sign: file is not what was signed")
	// ErrMissing: a signed file does not exist in the source. It unwraps to [fs.ErrNotExist].
	ErrMissing = fmt.Errorf("sign: signed file is missing: %w", fs.ErrNotExist)
	// ErrNotSigned: the name is not in the manifest, so it does not exist. It unwraps to [fs.ErrNotExist].
	ErrNotSigned = fmt.Errorf("sign: not a signed file: %w", fs.ErrNotExist)
	// ErrNotRegular: a symbolic link, device, pipe, socket or directory stands where a file should.
	ErrNotRegular = errors.New("sign: not a regular file")
	// ErrTooLarge: larger than a memory limit; details in [*SizeError].
	ErrTooLarge = errors.New("sign: larger than the memory limit")
	// ErrTap: a tap refused the content of a file. The tap's own error is wrapped beside it.
	ErrTap = errors.New("sign: content refused")
)

// A MismatchError names the file whose bytes are not those that were signed. It unwraps to [ErrMismatch].
type MismatchError struct {
	Path string
	Want []byte // digest in the manifest, or nil where the file goes on after its last shard
	Got  []byte // digest of the bytes that were read, or nil where the length is not the signed one, or changed meanwhile

	Algorithm  string // of the digests, "" where the length alone decided
	Start, End int64  // bytes of the first shard that differs, or of the chunk that changed; 0 where the file has one digest
}

// Error names the file and, where they are known, the range and the digests.
func (e *MismatchError) Error() string {
	if e.Algorithm == "" && e.End > 0 {
		return fmt.Sprintf("%v (%q: changed at %d after it was verified)", ErrMismatch, e.Path, e.Start)
	}
	if e.Algorithm == "" {
		return fmt.Sprintf("%v (%q: its length is another, or changed while reading)", ErrMismatch, e.Path)
	}
	part := ""
	if e.End > 0 {
		part = fmt.Sprintf(" at %d", e.Start)
	}
	return fmt.Sprintf("%v (%q%s: want %s %s, got %s)", ErrMismatch, e.Path, part, e.Algorithm, digestText(e.Want), digestText(e.Got))
}

func digestText(d []byte) string {
	if d == nil {
		return "no bytes"
	}
	return hex.EncodeToString(d)
}

// Unwrap returns [ErrMismatch].
func (e *MismatchError) Unwrap() error { return ErrMismatch }

// A PolicyError names the field of the [Policy] that refused. It unwraps to [ErrPolicy], [ErrVersion] or [ErrDenied].
type PolicyError struct {
	Field string // of Policy
	Want  string // what the policy asks for
	Got   string // what the model says
	Err   error  // ErrPolicy, ErrVersion or ErrDenied
}

// Error names the field of the policy, what is wanted and what there is.
func (e *PolicyError) Error() string {
	return fmt.Sprintf("%v (%s: want %s, got %s)", e.Err, e.Field, e.Want, e.Got)
}

// Unwrap returns the sentinel.
func (e *PolicyError) Unwrap() error { return e.Err }

// A SizeError names a file that is larger than the limit for content that is held in memory. It unwraps to [ErrTooLarge].
type SizeError struct {
	Path        string
	Size, Limit int64 // bytes
}

// Error names the file, its size and the limit.
func (e *SizeError) Error() string {
	return fmt.Sprintf("%v (%q: %d bytes, limit %d)", ErrTooLarge, e.Path, e.Size, e.Limit)
}

// Unwrap returns [ErrTooLarge].
func (e *SizeError) Unwrap() error { return ErrTooLarge }

// A FileError names the file that could not be read: it is missing ([ErrMissing]), no regular file ([ErrNotRegular]), or the
// source failed. It unwraps to the reason.
type FileError struct {
	Path string
	Err  error
	Kind fs.FileMode // type of what stands in its place, with ErrNotRegular; may be 0
}

// Error names the file and what is the matter with it.
func (e *FileError) Error() string {
	switch {
	case e.Kind != 0:
		return fmt.Sprintf("%v (%q: %s)", e.Err, e.Path, e.Kind)
	case errors.Is(e.Err, ErrMissing), errors.Is(e.Err, ErrNotRegular):
		return fmt.Sprintf("%v (%q)", e.Err, e.Path)
	}
	return fmt.Sprintf("sign: %q: %v", e.Path, e.Err)
}

// Unwrap returns the reason.
func (e *FileError) Unwrap() error { return e.Err }

// in adds the path to a fault of the source, which stays what it is.
func in(path string, err error) error { return &FileError{Path: path, Err: err} }

// errNotOpened is what the zero [Model] says: nobody signed it.
var errNotOpened = fmt.Errorf("%w: the model was not opened", ErrSignature)

// errNoFiles: there is nothing to sign. It unwraps to [ErrFormat]: no statement can say so.
type errNoFiles struct{}

func (errNoFiles) Error() string { return "sign: model has no files to sign" }
func (errNoFiles) Unwrap() error { return ErrFormat }
