package channel

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/attest"
)

// Zero values serve and send nothing, and do not panic.
func TestZeroValues(t *testing.T) {
	var s Server
	for _, r := range []*http.Request{
		httptest.NewRequest(http.MethodGet, PathEvidence, nil), httptest.NewRequest(http.MethodPost, PathChannel, strings.NewReader(`{"nonce":"`+attest.Digest{1}.String()+`"}`)),
	} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s: %d", r.URL.Path, w.Code)
		}
	}
	if _, err := NewServer(&attest.Chain{}); err == nil {
		t.Error("a server without evidence")
	}
	w := newWorld(t, nil)
	w.server.Swap(&attest.Chain{})
	if w.server.Chain() != w.chain {
		t.Error("swapped for nothing")
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://localhost/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := new(Transport).RoundTrip(r); err == nil {
		t.Error("sent without a policy")
	}
	new(Transport).CloseIdleConnections()
}
