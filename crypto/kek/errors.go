package kek

import (
	"context"
	"errors"
	"net"
)

var (
	// ErrNoWrap means that the sealed directory holds no keyset for this key encryption key.
	ErrNoWrap = errors.New("kek: no wrapped keyset for this key")
	// ErrUnavailable means that the key encryption key could not be asked: a KMS that is away or throttles. Try again later.
	// It wraps the cause.
	ErrUnavailable = errors.New("kek: key unavailable")
	// ErrUnwrap means that the wrapped keyset does not open: the key is wrong, it was altered, or it belongs to another
	// model. For a KMS it wraps the cause, which may be a denial.
	ErrUnwrap = errors.New("kek: keyset does not unwrap")
	// ErrFormat means that a wrapped keyset, key file or cleartext keyset is malformed.
	ErrFormat = errors.New("kek: malformed")
	// ErrParameters means parameters out of bounds: an id, a passphrase, or what it is stretched with.
	ErrParameters = errors.New("kek: parameters out of bounds")
)

// unavailable tells a call that failed from a refusal: a fault of the way to a KMS must not look like a wrong key. A KMS client says so by
// an error with a method Unavailable, which package vault and keyrelease.Federated have.
func unavailable(err error) bool {
	if u, ok := errors.AsType[interface {
		error
		Unavailable() bool
	}](err); ok {
		return u.Unavailable()
	}
	_, ok := errors.AsType[net.Error](err)
	return ok || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
