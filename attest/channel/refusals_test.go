package channel

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
)

// What is remembered of an address serves until it is too old, as long as the epoch is the same, and never where each
// connection is to have a quote of its own.
func TestRememberedStatements(t *testing.T) {
	st := &attest.Statement{Epoch: attest.Digest{1}, Expires: time.Now().Add(time.Hour)}
	tr := &Transport{known: map[string]known{}}
	tr.remember("a", st)
	if left := time.Until(tr.known["a"].until); left > DefaultReuse || left < DefaultReuse/2 {
		t.Errorf("remembered for %v", left)
	}
	if tr.remembered("a", st.Epoch) != st || tr.remembered("b", st.Epoch) != nil || tr.remembered("a", attest.Digest{2}) != nil {
		t.Error("another address or epoch is taken for the one that is known")
	}
	tr.cfg.FreshQuotes = true
	if tr.remembered("a", st.Epoch) != nil {
		t.Error("an old quote is taken for a fresh one")
	}
	tr.cfg.FreshQuotes = false
	tr.known["a"] = known{st, time.Now().Add(-time.Second)}
	if tr.remembered("a", st.Epoch) != nil {
		t.Error("remembered for ever")
	}
	soon := *st
	soon.Expires = time.Now().Add(time.Minute)
	tr.remember("a", &soon)
	if !tr.known["a"].until.Equal(soon.Expires) {
		t.Error("remembered for longer than the policy's age of quotes")
	}
	for i := range 3 * maxReused {
		tr.remember(fmt.Sprint(i), st)
		if len(tr.known) > maxReused {
			t.Fatalf("%d addresses are remembered", len(tr.known))
		}
	}
}

func TestDigestNeedsTLS13(t *testing.T) {
	for name, cs := range map[string]*tls.ConnectionState{
		"no TLS": nil, "no handshake": {Version: tls.VersionTLS13}, "TLS 1.2": {Version: tls.VersionTLS12, HandshakeComplete: true},
		"no exporter": {Version: tls.VersionTLS13, HandshakeComplete: true},
	} {
		func() {
			defer func() {
				if p := recover(); p != nil && name != "no exporter" { // which crypto/tls takes for granted
					t.Errorf("%s: panics", name)
				}
			}()
			if _, err := digest(cs, attest.Digest{1}, attest.Digest{2}, attest.Digest{3}); !errors.Is(err, ErrProtocol) {
				t.Errorf("%s: %v", name, err)
			}
		}()
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := NewTransport(Config{}); err == nil {
		t.Error("a transport that verifies nothing")
	}
	if _, err := NewServer(nil); err == nil {
		t.Error("a server of no chain")
	}
	// The caller's configuration stays as it is.
	given := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2"}}
	verify := func(context.Context, []byte, *[32]byte) (*attest.Statement, error) { return nil, nil }
	tr, err := NewTransport(Config{TLS: given, Verify: verify})
	if err != nil || given.MinVersion != tls.VersionTLS12 || given.NextProtos[0] != "h2" {
		t.Errorf("%v, %v", given, err)
	}
	if tr.cfg.Timeout != DefaultTimeout || fmt.Sprint(tr.cfg.TLS.NextProtos) != "[http/1.1]" {
		t.Errorf("%v", tr.cfg)
	}
	if tr, err = NewTransport(Config{Verify: verify}); err != nil || tr.cfg.TLS.MinVersion != tls.VersionTLS13 {
		t.Error("no TLS 1.3 without a configuration")
	}
	if StatementOf(nil) != nil || StatementOf(&http.Response{}) != nil {
		t.Error("a statement of no connection")
	}
}

// The body of a refused request is closed, as [http.RoundTripper] says.
func TestRefusedRequestClosesItsBody(t *testing.T) {
	tr := newWorld(t, nil).transport(t, nil)
	b := &closed{}
	if resp, err := tr.RoundTrip(&http.Request{Body: b}); !errors.Is(err, ErrProtocol) {
		t.Errorf("%v, %v", resp, err)
	}
	if !b.is {
		t.Error("the body is left open")
	}
}

type closed struct{ is bool }

func (*closed) Read([]byte) (int, error) { return 0, io.EOF }
func (c *closed) Close() error           { c.is = true; return nil }

// Verify that says neither yes nor no, or yes to nothing, binds nothing.
func TestVerifyOfNothing(t *testing.T) {
	w := newWorld(t, nil)
	_, epoch := w.chain.Current()
	for name, c := range map[string]struct {
		st   *attest.Statement
		want error
	}{
		"no statement":              {nil, ErrProtocol},
		"a statement without a key": {&attest.Statement{Epoch: epoch, Expires: time.Now().Add(time.Hour)}, ErrBinding},
	} {
		tr := w.transport(t, func(cfg *Config) {
			cfg.Verify = func(context.Context, []byte, *[32]byte) (*attest.Statement, error) { return c.st, nil }
		})
		t.Run(name, func(t *testing.T) { w.refused(t, tr, w.http.URL+"/chat", c.want) })
	}
}

// A server that says more than it was asked for, so that it would answer a request that is yet to come, or that wants to end
// the connection, gets no request.
func TestAnswersBeforeTheRequest(t *testing.T) {
	w := newWorld(t, nil)
	for name, c := range map[string]func(head, body string) string{
		"bytes behind the answer": func(head, body string) string {
			return head + "\r\n" + body + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
		},
		"connection is closed": func(head, body string) string { return head + "Connection: close\r\n\r\n" + body },
		"answer too long":      func(head, body string) string { return head + "\r\n" + body + "{}" },
		"answer cut":           func(head, body string) string { return head[:len(head)-1] },
	} {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/chat" {
				w.prompts.Add(1)
			}
			if r.URL.Path != PathChannel {
				w.server.ServeHTTP(rw, r)
				return
			}
			rec := httptest.NewRecorder()
			w.server.ServeHTTP(rec, r)
			body := rec.Body.String()
			raw, _, err := http.NewResponseController(rw).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			n := len(body)
			if name == "answer too long" {
				n = maxExchange + 1
				body += strings.Repeat(" ", n)
			}
			_, _ = io.WriteString(raw, c(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n", n), body))
			time.AfterFunc(time.Second, func() { _ = raw.Close() })
		}))
		s.StartTLS()
		defer s.Close()
		tr := w.transport(t, nil)
		// The evidence is known: the exchange is one request.
		if _, _, err := post(t, tr, w.http.URL+"/chat"); err != nil {
			t.Fatal(err)
		}
		tr.known[s.Listener.Addr().String()] = tr.known[w.http.Listener.Addr().String()]
		t.Run(name, func(t *testing.T) { w.refused(t, tr, s.URL+"/chat", ErrProtocol) })
	}
}

// A challenge is one, and a server without evidence says so.
func TestFreshRequests(t *testing.T) {
	w := newWorld(t, nil, WithFreshQuotes(time.Hour))
	one := strings.Repeat("ab", 32)
	get := func(query string) *httptest.ResponseRecorder {
		rec := httptest.NewRecorder()
		w.server.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, PathEvidence+query, nil))
		if rec.Header().Get("Cache-Control") != "no-store" {
			t.Error("an answer that may be stored")
		}
		return rec
	}
	if rec := get("?challenge=" + one + "&challenge=" + one); rec.Code != http.StatusBadRequest {
		t.Errorf("two challenges: %d", rec.Code)
	}
	if rec := get("?challenge=" + one); rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), one) {
		t.Errorf("a fresh quote: %d", rec.Code)
	}
	if rec := get("?challenge=" + one); rec.Code != http.StatusTooManyRequests || rec.Header().Get("Retry-After") != "3601" {
		t.Errorf("one more: %d, %v", rec.Code, rec.Header())
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	w.server.fresh.next = time.Time{}
	rec := httptest.NewRecorder()
	w.server.ServeHTTP(rec, httptest.NewRequestWithContext(canceled, http.MethodGet, PathEvidence+"?challenge="+one, nil))
	if rec.Code != http.StatusServiceUnavailable {
		t.Errorf("a device that fails: %d", rec.Code)
	}
}
