package guardtest_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/guardtest"
)

// forwarding is a process of its own, as far as the kit can tell: a server that guards a reverse proxy.
func forwarding(t *testing.T, guarded func(http.Handler) http.Handler) func(context.Context, string) (string, error) {
	return func(_ context.Context, upstream string) (string, error) {
		u, err := url.Parse(upstream)
		if err != nil {
			return "", err
		}
		proxy := &httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) }, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0),
		}
		s := httptest.NewUnstartedServer(guarded(proxy))
		s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
		s.Start()
		t.Cleanup(s.Close)
		return s.URL, nil
	}
}

// The kit passes on a server that it only knows by its address, and asks for a key.
func TestGuardConformsByURL(t *testing.T) {
	g := guarded(t, nil)
	guardtest.ConformURL(t, guardtest.Remote{
		Start: forwarding(t, func(up http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "Bearer k" {
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				g.Handler(up).ServeHTTP(w, r)
			})
		}),
		Header:   http.Header{"authorization": {"Bearer k"}},
		Patience: 5 * time.Second,
	})
}

// Broken servers are found by their address, too, at an upstream of a fixed one.
func TestKitFindsBrokenServersByURL(t *testing.T) {
	g := guarded(t, nil)
	for attack, server := range map[string]func(http.Handler) http.Handler{
		"injection/plain": func(up http.Handler) http.Handler { return up },
		"stream/flush": func(up http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				g.Handler(up).ServeHTTP(struct{ http.ResponseWriter }{w}, r)
			})
		},
		"leak/tokens": guarded(t, func(p *guard.Policy) { p.Canary = nil }).Handler,
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := l.Addr().String()
		url, err := forwarding(t, server)(t.Context(), "http://"+address)
		if err != nil {
			t.Fatal(err)
		}
		l.Close() // the server under test could take the address itself before
		report, err := guardtest.CheckURL(t.Context(), guardtest.Remote{URL: url + "/", Upstream: address}, guard.KindChat)
		if err != nil {
			t.Fatal(err)
		}
		found(t, report, attack)
	}
}

// A server that is not there has passed nothing.
func TestRemoteErrors(t *testing.T) {
	nobody := func(context.Context, string) (string, error) { return "http://127.0.0.1:1", nil }
	for name, r := range map[string]guardtest.Remote{
		"nothing":     {},
		"no upstream": {URL: "http://127.0.0.1:1"},
		"both":        {URL: "http://127.0.0.1:1", Start: nobody},
		"nobody":      {Start: nobody},
		"no URL":      {Start: func(context.Context, string) (string, error) { return "x", nil }},
		"start":       {Start: func(context.Context, string) (string, error) { return "", context.Canceled }},
		"upstream":    {URL: "http://127.0.0.1:1", Upstream: "256.0.0.1:x"},
	} {
		if report, err := guardtest.CheckURL(t.Context(), r); err == nil || len(report.Cells) != 0 {
			t.Errorf("%s: %v, %v", name, report, err)
		}
	}
}
