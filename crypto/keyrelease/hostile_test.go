package keyrelease

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
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

// slow makes a server of one place and n senders that never end, and waits until it reads from all.
func slow(t *testing.T, w *world, reading time.Duration, n int) *Server {
	t.Helper()
	w.config.Concurrent = 1
	s, err := NewServer(w.config)
	if err != nil {
		t.Fatal(err)
	}
	s.reading = reading
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	w.client.URL, w.client.HTTP = srv.URL, srv.Client()
	for range n {
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		const head = "POST /v1/release HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
		if _, err := conn.Write([]byte(head)); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(10 * time.Second); len(s.bodies) < n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d slow senders are in", len(s.bodies), n)
		}
	}
	return s
}

// Senders that never end do not keep others out: their place is free again after a while.
func TestSlowSenders(t *testing.T) {
	w := newWorld(t)
	s := slow(t, w, 200*time.Millisecond, bodiesPerWork)
	if _, err := w.client.Keyset(t.Context(), w.info, nil); !errors.Is(err, ErrUnavailable) {
		t.Errorf("no place left: %v", err)
	}
	for deadline := time.Now().Add(3 * time.Second); len(s.bodies) != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the slow senders keep their places")
		}
	}
	if _, err := w.client.Keyset(t.Context(), w.info, nil); err != nil {
		t.Error(err)
	}
}

// Whoever only sends holds no place of those who are decided on: with one place, one slow sender was enough to keep every
// guest out for as long as it liked to come again.
func TestSlowSendersHoldNoWork(t *testing.T) {
	w := newWorld(t)
	slow(t, w, time.Minute, bodiesPerWork-1)
	if _, err := w.client.Keyset(t.Context(), w.info, nil); err != nil {
		t.Error(err)
	}
}

// With the default rate, one address cannot hold all places for bodies beyond its burst: what its rate lets in while the first
// are read is less.
func TestOneAddressLeavesPlaces(t *testing.T) {
	if held := int(maxReading / defaultAddressEvery); held >= DefaultConcurrent*bodiesPerWork {
		t.Errorf("%d of %d", held, DefaultConcurrent*bodiesPerWork)
	}
}

// Bytes of messages have one form. A list of numbers costs the server many times what base64 does, before anything is known of its sender.
func TestBytesHaveOneForm(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	if _, err := w.client.Keyset(t.Context(), w.info, nil); err != nil {
		t.Fatal(err)
	}
	message := string(w.seen["/v1/release"])
	before, rest, _ := strings.Cut(message, `"token":"`)
	token, after, ok := strings.Cut(rest, `"`)
	if !ok {
		t.Fatal(message)
	}
	for form, status := range map[string]int{
		`"` + token + `"`:                              http.StatusForbidden, // it was used
		`"` + token[:8] + `\n` + token[8:] + `"`:       http.StatusBadRequest,
		"[" + strings.Repeat("0,", tokenSize-1) + "0]": http.StatusBadRequest,
		"null": http.StatusBadRequest,
		`"\u00` + fmt.Sprintf("%02x", token[0]) + token[1:] + `"`: http.StatusForbidden,
		`"` + token[:4] + `"`: http.StatusForbidden,
		`"` + token[:3] + `"`: http.StatusBadRequest,
	} {
		if got, b := w.post(t, "/v1/release", []byte(before+`"token":`+form+after)); got != status {
			t.Errorf("%.40s: %d %s, want %d", form, got, b, status)
		}
	}
}
