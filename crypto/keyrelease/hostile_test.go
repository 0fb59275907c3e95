package keyrelease

import (
	"context"
	"errors"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/tink-crypto/tink-go/v2/keyset"
)

// A verifier that takes long does not carry a challenge past its expiry, where the server forgets that it was used.
func TestExpiresWhileVerifying(t *testing.T) {
	w := newWorld(t)
	w.config.Verify = func(ctx context.Context, ev []byte, rd [64]byte) (Machine, error) {
		w.now = w.now.Add(DefaultLifetime + 2*time.Second)
		return w.vendor.verify(ctx, ev, rd)
	}
	w.start(t)
	if _, err := w.client.Keyset(t.Context(), w.info, nil); !code(CodeExpired)(err) {
		t.Errorf("%v, want %s", err, CodeExpired)
	}
}

// A keyset with a disabled key would hand that key out too: whoever has it can enable it.
func TestDisabledKeysAreNotReleased(t *testing.T) {
	w := newWorld(t)
	m := keyset.NewManagerFromHandle(w.v7)
	e, err := w.v6.Primary()
	if err != nil {
		t.Fatal(err)
	}
	id, err := m.AddKey(e.Key())
	if err == nil {
		err = m.Disable(id)
	}
	if err != nil {
		t.Fatal(err)
	}
	both, err := m.Handle()
	if err != nil {
		t.Fatal(err)
	}
	model := w.config.Models["tiny"]
	model.Versions = []Version{{Version: 7, Keyset: both}}
	w.config.Models["tiny"] = model
	if _, err := NewServer(w.config); !errors.Is(err, ErrConfig) {
		t.Errorf("%v, want ErrConfig", err)
	}
}

// Senders that never end do not keep others out: their place is free again after a while.
func TestSlowSenders(t *testing.T) {
	w := newWorld(t)
	w.config.Concurrent = 1
	s, err := NewServer(w.config)
	if err != nil {
		t.Fatal(err)
	}
	s.reading = 50 * time.Millisecond
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	w.client.URL, w.client.HTTP = srv.URL, srv.Client()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const head = "POST /v1/release HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
	if _, err := conn.Write([]byte(head)); err != nil {
		t.Fatal(err)
	}
	for len(s.working) == 0 { // until the slow one is in
		time.Sleep(time.Millisecond)
	}
	for deadline := time.Now().Add(3 * time.Second); len(s.working) != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the slow sender keeps its place")
		}
	}
	if _, err := w.client.Keyset(t.Context(), w.info, nil); err != nil {
		t.Error(err)
	}
}
