// Package api turns the wire formats of inference APIs into one neutral view: every text that a backend may read, with
// its role, trust and offset, and the scalar fields that budgets and structural checks need. It reads a body once, with
// the strict scanner of internal/strictjson, and never rewrites it: what was checked is what is forwarded.
//
// It is the only package that uses a validation library; [Validator] checks scalar request fields and policies by tags.
package api

import (
	"errors"
	"fmt"
)

var (
	// ErrRequest means that a request does not follow its API; every [*FieldError] unwraps to it.
	ErrRequest = errors.New("api: invalid request")
	// ErrResponse means that an answer does not follow its API.
	ErrResponse = errors.New("api: invalid response")
)

// A FieldError names the field that was refused. It never quotes a value.
type FieldError struct {
	Field string // for example "temperature" or "messages.role"
	Why   string // for example "max" or "unsupported content part"
}

func (e *FieldError) Error() string { return fmt.Sprintf("api: invalid %s (%s)", e.Field, e.Why) }

// Unwrap returns [ErrRequest].
func (e *FieldError) Unwrap() error { return ErrRequest }

func refuse(field, why string) error { return &FieldError{Field: field, Why: why} }
