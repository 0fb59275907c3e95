package channel

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"
)

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
