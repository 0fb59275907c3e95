package kek

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

var errKMS = errors.New("the KMS is away")

// deadKMS fails in one way.
type deadKMS struct {
	err   error
	calls *int
}

func (k deadKMS) EncryptWithContext(context.Context, []byte, []byte) ([]byte, error) {
	return nil, k.err
}

func (k deadKMS) DecryptWithContext(context.Context, []byte, []byte) ([]byte, error) {
	*k.calls++
	return nil, k.err
}

// away is how a KMS client says that the KMS could not be asked; refused says the contrary in the same way.
type away struct{}

func (away) Error() string { return "away" }

func (away) Unavailable() bool { return true }

type refused struct{ away }

func (refused) Unavailable() bool { return false }

// A KMS that could not be asked does not look like a wrong key, and the cause of a failure is not lost.
func TestKMSFailure(t *testing.T) {
	h := must(NewKeyset())(t)
	good := must(must(FromAEAD("kms", tinkAEAD(t)))(t).Wrap(t.Context(), h, infoOf(t, h)))(t)
	for name, c := range map[string]struct {
		cause, want error
		calls       int // with unbound keysets allowed: a second try only after an answer
	}{
		"unknown":  {errKMS, ErrUnwrap, 2},
		"away":     {away{}, ErrUnavailable, 1},
		"refused":  {refused{}, ErrUnwrap, 2},
		"network":  {&net.OpError{Op: "dial", Err: errKMS}, ErrUnavailable, 1},
		"deadline": {context.DeadlineExceeded, ErrUnavailable, 1},
		"canceled": {context.Canceled, ErrUnavailable, 1},
	} {
		calls := 0
		k := must(FromAEAD("kms", deadKMS{fmt.Errorf("call: %w", c.cause), &calls}))(t)
		if _, err := k.Wrap(t.Context(), h, infoOf(t, h)); !errors.Is(err, c.cause) {
			t.Errorf("%s: wrap: %v", name, err)
		}
		_, err := Source{KEK: k, InsecureAllowUnboundKeyset: true}.Keyset(t.Context(), infoOf(t, h), []seal.Wrapped{good})
		if !errors.Is(err, c.cause) || !errors.Is(err, c.want) || errors.Is(err, ErrUnwrap) == errors.Is(err, ErrUnavailable) || calls != c.calls {
			t.Errorf("%s: unwrap: %v after %d calls", name, err, calls)
		}
	}
}
