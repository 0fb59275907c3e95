package keyrelease

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tink-crypto/tink-go/v2/keyset"
)

// A server that holds no keyset unwraps one for an accepted machine alone, and releases the right one or none.
func TestUnwrapOnRelease(t *testing.T) {
	errKMS := errors.New("the KMS is away")
	calls := 0
	var give *keyset.Handle
	var giveErr error
	w := newWorld(t)
	unwrap := func(context.Context) (*keyset.Handle, error) { calls++; return give, giveErr }
	m := w.config.Models["tiny"]
	m.Versions = []Version{{Version: 7, Commitment: w.info.Commitment, Unwrap: unwrap}}
	w.config.Models["tiny"] = m
	w.start(t)

	w.client.Config[0]++
	if _, err := w.client.Keyset(t.Context(), w.info, nil); !code(CodeConfig)(err) || calls != 0 {
		t.Errorf("refused guest: %v, %d calls", err, calls)
	}
	w.client.Config[0]--
	for name, c := range map[string]struct {
		h   *keyset.Handle
		err error
		ok  bool
	}{
		"right": {w.v7, nil, true}, "another": {w.v6, nil, false}, "none": {nil, nil, false}, "away": {nil, errKMS, false},
		// of another key server: passing, and not what this one thinks of the guest
		"denied": {nil, denied(CodeMachine), false}, "malformed": {nil, ErrProtocol, false},
	} {
		give, giveErr = c.h, c.err
		_, err := w.client.Keyset(t.Context(), w.info, nil)
		if c.ok && err != nil || !c.ok && !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, v := range map[string]Version{
		"neither": {Version: 7}, "both": {Version: 7, Keyset: w.v7, Unwrap: unwrap},
	} {
		m.Versions = []Version{v}
		w.config.Models["tiny"] = m
		if _, err := NewServer(w.config); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A recorded request that is played again costs neither a call to the KMS nor what the machine may still get.
func TestReplaysCostNothing(t *testing.T) {
	w := newWorld(t)
	calls := 0
	w.config.PerMachine = Rate{time.Hour, 2}
	m := w.config.Models["tiny"]
	m.Versions = []Version{{Version: 7, Commitment: w.info.Commitment, Unwrap: func(context.Context) (*keyset.Handle, error) { calls++; return w.v7, nil }}}
	w.config.Models["tiny"] = m
	w.start(t)
	if _, err := w.client.Keyset(t.Context(), w.info, nil); err != nil {
		t.Fatal(err)
	}
	recorded := w.seen["/v1/release"]
	for range 5 {
		if status, b := w.post(t, "/v1/release", recorded); status != http.StatusForbidden || !strings.Contains(string(b), string(CodeReplay)) {
			t.Errorf("%d %s", status, b)
		}
	}
	if calls != 1 {
		t.Errorf("%d calls to the KMS", calls)
	}
	if _, err := w.client.Keyset(t.Context(), w.info, nil); err != nil {
		t.Errorf("the machine pays for the replays: %v", err)
	}
}

// A verifier that asks for another attempt is heard, whatever else its error says.
func TestVerifierAway(t *testing.T) {
	w := newWorld(t)
	w.config.Verify = func(context.Context, []byte, [64]byte) (Machine, error) {
		return Machine{}, fmt.Errorf("%w: %w", ErrUnavailable, denied(CodeModel))
	}
	w.start(t)
	if _, err := w.client.Keyset(t.Context(), w.info, nil); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
}

func TestZeroServer(t *testing.T) {
	rec := httptest.NewRecorder()
	new(Server).ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/v1/challenge", nil))
	if rec.Code != http.StatusServiceUnavailable {
		t.Error(rec.Code)
	}
	if err := new(Server).Update(newWorld(t).config); !errors.Is(err, ErrConfig) {
		t.Error(err)
	}
}
