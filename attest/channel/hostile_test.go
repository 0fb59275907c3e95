package channel

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
)

// A connection that is kept open carries requests as long as its statement says, and no longer.
func TestConnectionsExpireWithTheirStatement(t *testing.T) {
	w := newWorld(t, nil)
	expires := time.Now().Add(time.Hour)
	tr := w.transport(t, func(c *Config) {
		verify := c.Verify
		c.Verify = func(ctx context.Context, doc []byte, ch *[32]byte) (*attest.Statement, error) {
			st, err := verify(ctx, doc, ch)
			if st != nil {
				st.Expires = expires
			}
			return st, err
		}
	})
	for i, want := range []int64{1, 1, 2, 2} {
		switch i {
		case 1: // what was verified first expires now
			known := tr.known[w.http.Listener.Addr().String()]
			known.until = time.Time{}
			tr.known[w.http.Listener.Addr().String()] = known
		case 2:
			tr.known[w.http.Listener.Addr().String()].st.Expires = time.Now()
		}
		if _, body, err := post(t, tr, w.http.URL+"/chat"); err != nil || body != "PROMPT" {
			t.Fatalf("request %d: %q, %v", i, body, err)
		}
		if got := w.verified.Load(); got != want {
			t.Errorf("request %d: %d statements were verified, want %d", i, got, want)
		}
	}
	if n := w.prompts.Load(); n != 4 {
		t.Errorf("%d prompts were sent for 4 requests", n)
	}
	// What cannot be sent again fails, and nothing of it was sent.
	tr.known[w.http.Listener.Addr().String()].st.Expires = time.Now()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.http.URL+"/chat", io.MultiReader(strings.NewReader("once")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tr.RoundTrip(req); !errors.Is(err, ErrBinding) || w.prompts.Load() != 4 {
		t.Errorf("%v, %d prompts", err, w.prompts.Load())
	}
}

// Neither a proxy of the environment, nor a resumed session, nor a redirect leads a request to another end.
func TestNoWayAround(t *testing.T) {
	proxied := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a proxy was asked") }))
	defer proxied.Close()
	t.Setenv("HTTPS_PROXY", proxied.URL)
	t.Setenv("https_proxy", proxied.URL)
	t.Setenv("NO_PROXY", "")
	w := newWorld(t, nil)
	url := relay(t, w.http)
	cache := tls.NewLRUClientSessionCache(8)
	resume := func(c *Config) { c.TLS = &tls.Config{InsecureSkipVerify: true, ClientSessionCache: cache} }
	tr := w.transport(t, resume)
	resumed := false
	for range 3 {
		resp, body, err := post(t, tr, w.http.URL+"/chat")
		if err != nil || body != "PROMPT" {
			t.Fatalf("%q, %v", body, err)
		}
		resumed = resumed || resp.TLS.DidResume
		tr.CloseIdleConnections()
	}
	if !resumed {
		t.Error("no session was resumed: the test shows less than it says")
	}
	w.refused(t, w.transport(t, resume), url+"/chat", ErrBinding)

	mux := http.NewServeMux()
	mux.Handle("/.well-known/holdfast/", w.server)
	mux.Handle("/relay", http.RedirectHandler(url+"/chat", http.StatusTemporaryRedirect))
	mux.Handle("/plain", http.RedirectHandler("http://"+w.http.Listener.Addr().String()+"/chat", http.StatusTemporaryRedirect))
	w.http.Config.Handler = mux
	w.refused(t, w.transport(t, nil), w.http.URL+"/relay", ErrBinding)
	w.refused(t, w.transport(t, nil), w.http.URL+"/plain", ErrProtocol)
}
