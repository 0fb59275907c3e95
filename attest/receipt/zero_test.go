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
		Next:    http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "ok") }),
		Subject: func(*http.Request) receipt.Subject { return receipt.SubjectOf(&attest.Chain{}) },
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	defer s.Close()
	resp, err := http.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || string(body) != "ok" || resp.Header.Get(receipt.HeaderID)+resp.Trailer.Get(receipt.HeaderID) != "" {
		t.Errorf("%q, %v, %v %v", body, err, resp.Header, resp.Trailer)
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
