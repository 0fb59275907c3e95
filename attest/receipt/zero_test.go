package receipt_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/attest/receipt"
)

// An exchange that is about nothing, as of a model that Subject does not know, has an answer and no receipt.
func TestExchangeAboutNothing(t *testing.T) {
	h, err := receipt.NewHandler(receipt.Config{
		Next: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/length" { // where an id goes ahead of the body
				w.Header().Set("Content-Length", "2")
			}
			_, _ = io.WriteString(w, "ok")
		}),
		Subject: func(*http.Request) receipt.Subject { return receipt.SubjectOf(&attest.Chain{}) },
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	defer s.Close()
	for _, path := range []string{"/", "/length"} {
		resp, err := http.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || string(body) != "ok" || resp.Header.Get(receipt.HeaderID)+resp.Trailer.Get(receipt.HeaderID) != "" {
			t.Errorf("%s: %q, %v, %v %v", path, body, err, resp.Header, resp.Trailer)
		}
	}
}

// A handler that NewHandler did not make serves nothing.
func TestZeroHandler(t *testing.T) {
	w := httptest.NewRecorder()
	new(receipt.Handler).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusInternalServerError {
		t.Error(w.Code)
	}
	if _, err := receipt.Sign(nil, receipt.Receipt{}); err == nil {
		t.Error("signed by nobody")
	}
}
