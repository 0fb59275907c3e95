package attest

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrFormat means that evidence, document or claims are not one well-formed value of a known version.
	ErrFormat = errors.New("attest: malformed")
	// ErrKind means that a verifier does not judge this kind of evidence.
	ErrKind = errors.New("attest: other kind of evidence")
	// ErrSignature means that a signature or certificate chain does not verify: the evidence proves nothing.
	ErrSignature = errors.New("attest: signature does not verify")
	// ErrBinding means that genuine evidence was made over something else: another key, challenge, role or claims.
	ErrBinding = errors.New("attest: evidence is about something else")
	// ErrPolicy means that genuine evidence is not what the policy accepts. See [PolicyError].
	ErrPolicy = errors.New("attest: refused by policy")
	// ErrUnavailable means that the device gave no evidence; it may later.
	ErrUnavailable = errors.New("attest: no evidence available")
)

// A PolicyError is one field of a policy that was not met. It unwraps to [ErrPolicy]. Want and Got hold public values only.
type PolicyError struct {
	Field     string // stable code of the check, as in [Check]
	Want, Got string
}

// Error names the check, what there was and what is wanted.
func (e *PolicyError) Error() string {
	return fmt.Sprintf("attest: refused by policy: %s is %s, want %s", e.Field, e.Got, e.Want)
}

// Unwrap returns [ErrPolicy].
func (e *PolicyError) Unwrap() error { return ErrPolicy }

// Refused is the verdict of a policy that was not met: all its checks, at least one of them failed. It unwraps to one
// [*PolicyError] for each failed check.
type Refused struct{ Checks []Check }

// Error lists the checks that failed.
func (e *Refused) Error() string {
	var b strings.Builder
	b.WriteString("attest: refused by policy")
	sep := ": "
	for _, c := range e.Checks {
		if c.Status == Fail {
			fmt.Fprintf(&b, "%s%s is %s, want %s", sep, c.Code, c.Got, c.Want)
			sep = "; "
		}
	}
	return b.String()
}

// Unwrap returns one [*PolicyError] for each failed check.
func (e *Refused) Unwrap() []error {
	var out []error
	for _, c := range e.Checks {
		if c.Status == Fail {
			out = append(out, &PolicyError{Field: c.Code, Want: c.Want, Got: c.Got})
		}
	}
	return out
}
