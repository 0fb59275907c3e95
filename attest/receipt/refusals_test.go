package receipt

import (
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/internal/dsse"
)

// A receipt has one form: K does not sign others, and who has K's word on another one has no receipt.
func TestOneForm(t *testing.T) {
	k, err := attest.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	pub, chain := k.Public().(*ecdsa.PublicKey), attest.Digest{1}
	b, err := json.Marshal(Receipt{Chain: chain, Complete: true, Time: time.Unix(1e9, 0).UTC()})
	if err != nil {
		t.Fatal(err)
	}
	good := string(b)
	for name, c := range map[string]struct {
		payload string
		want    error
	}{
		"as it is signed": {good, nil},
		"no JSON":         {good[1:], ErrFormat},
		"a field more":    {strings.Replace(good, "{", `{"x":1,`, 1), ErrFormat},
		"a field less":    {strings.Replace(good, `"complete":true,`, "", 1), ErrFormat},
		"null":            {strings.Replace(good, `"complete":true`, `"complete":null`, 1), ErrFormat},
		"space":           {strings.Replace(good, `"complete":true`, `"complete": true`, 1), ErrFormat},
		"time of a zone":  {strings.Replace(good, `Z"`, `+00:00"`, 1), ErrFormat},
	} {
		if (c.payload == good) != (c.want == nil) {
			t.Fatalf("%s: nothing is changed", name)
		}
		env, err := dsse.Sign(k, PayloadType, []byte(c.payload))
		if err != nil {
			t.Fatal(err)
		}
		if r, err := Verify(pub, chain, env); !errors.Is(err, c.want) || (r == nil) == (c.want == nil) {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
	// The bound is on the envelope: what is larger is not looked at.
	env, err := dsse.Sign(k, PayloadType, b)
	if err != nil {
		t.Fatal(err)
	}
	full := func(n int) []byte { return append([]byte(strings.Repeat(" ", n-len(env))), env...) }
	if _, err := Verify(pub, chain, full(maxReceipt)); err != nil {
		t.Errorf("as long as may be: %v", err)
	}
	if _, err := Verify(pub, chain, full(maxReceipt+1)); !errors.Is(err, ErrFormat) {
		t.Errorf("longer: %v", err)
	}
}

func newWriter(inner http.ResponseWriter) *writer {
	return &writer{inner: inner, id: "id", mac: hmac.New(sha256.New, nil)}
}

type failingWriter struct{ http.ResponseWriter }

func (failingWriter) Write(p []byte) (int, error) { return len(p) / 2, errors.New("cut") }
func (failingWriter) FlushError() error           { return errors.New("cut") }

// What reached the client is what the receipt is about, and nothing follows it.
func TestWriter(t *testing.T) {
	rec := httptest.NewRecorder()
	w := newWriter(rec)
	if _, err := w.Write([]byte("answer")); err != nil {
		t.Fatal(err)
	}
	if got, all := w.finish(); !all || got != MAC([32]byte{}, []byte("answer")) {
		t.Errorf("%v, %v", got, all)
	}
	if _, err := w.Write([]byte(" and more")); !errors.Is(err, http.ErrHandlerTimeout) || rec.Body.String() != "answer" {
		t.Errorf("after the receipt: %q, %v", rec.Body, err)
	}
	for name, use := range map[string]func(*writer) error{
		"write": func(w *writer) error { _, err := w.Write([]byte("answer")); return err },
		"flush": func(w *writer) error { return w.FlushError() },
	} {
		w := newWriter(failingWriter{httptest.NewRecorder()})
		if err := use(w); err == nil {
			t.Errorf("%s: the error is lost", name)
		}
		if _, all := w.finish(); all {
			t.Errorf("%s: what was cut is complete", name)
		}
	}
	w = newWriter(failingWriter{httptest.NewRecorder()})
	_, _ = w.Write([]byte("answer"))
	if got, _ := w.finish(); got != MAC([32]byte{}, []byte("ans")) {
		t.Error("the receipt is about more than was sent")
	}
	w = newWriter(httptest.NewRecorder())
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
	w.WriteHeader(http.StatusTeapot) // the first counts
	if _, all := w.finish(); !all || w.inner.(*httptest.ResponseRecorder).Code != http.StatusOK || w.Header().Get(HeaderID) != "id" {
		t.Errorf("an empty answer of announced length: %v, %v", all, w.Header())
	}
	w = newWriter(httptest.NewRecorder())
	w.WriteHeader(http.StatusEarlyHints)
	if w.started {
		t.Error("an informational answer is taken for the answer")
	}
	w.WriteHeader(http.StatusNoContent)
	if w.Header().Get(HeaderID) != "id" {
		t.Error("no receipt's id where there are no trailers")
	}
}

// Receipts that are asked for while they are made are waited for, once, and an exchange without one leaves nothing behind.
func TestStoreWaits(t *testing.T) {
	s := &store{most: 2, byID: map[string][]byte{}, pending: map[string]chan struct{}{}}
	s.begin("a")
	got := make(chan string)
	go func() {
		env, _ := s.get(t.Context(), "a")
		got <- string(env)
	}()
	select {
	case x := <-got:
		t.Fatalf("%q before it is made", x)
	case <-time.After(20 * time.Millisecond):
	}
	s.end("a", []byte("receipt"))
	start := time.Now()
	if x := <-got; x != "receipt" || time.Since(start) > patience/2 {
		t.Errorf("%q after %v", x, time.Since(start))
	}
	s.begin("b")
	s.end("b", nil)
	if env, ok := s.get(t.Context(), "b"); ok || env != nil || len(s.pending) != 0 || len(s.ring) != 1 {
		t.Errorf("%q of an exchange without a receipt; %d pending", env, len(s.pending))
	}
}

func TestNewHandlerRefuses(t *testing.T) {
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	subject := func(*http.Request) Subject { return Subject{} }
	for name, c := range map[string]Config{"no next": {Subject: subject}, "no subject": {Next: next}} {
		if _, err := NewHandler(c); err == nil {
			t.Error(name)
		}
	}
	h, err := NewHandler(Config{Next: next, Subject: subject})
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"00", strings.Repeat("00", 33), strings.Repeat("0g", 32)} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
		r.Header.Set(HeaderSalt, bad)
		rec := httptest.NewRecorder()
		if h.ServeHTTP(rec, r); rec.Code != http.StatusBadRequest {
			t.Errorf("salt %q: %d", bad, rec.Code)
		}
	}
	rec := httptest.NewRecorder()
	if h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodPost, PathPrefix+"x", nil)); rec.Code != http.StatusMethodNotAllowed {
		t.Errorf("a receipt is posted: %d", rec.Code)
	}
}
