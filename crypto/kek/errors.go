package kek

import "errors"

var (
	// ErrNoWrap means that the sealed directory holds no keyset for this key encryption key.
	ErrNoWrap = errors.New("kek: no wrapped keyset for this key")
	// ErrUnwrap means that the wrapped keyset does not open: the key is wrong, it was altered, or it belongs to another
	// model. For a KMS it wraps the cause, which may be a failed call.
	ErrUnwrap = errors.New("kek: keyset does not unwrap")
	// ErrFormat means that a wrapped keyset, key file or cleartext keyset is malformed.
	ErrFormat = errors.New("kek: malformed")
	// ErrParameters means parameters out of bounds: an id, a passphrase, or what it is stretched with.
	ErrParameters = errors.New("kek: parameters out of bounds")
)
