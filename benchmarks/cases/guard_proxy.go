package cases

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/holdfast-ai/holdfast/benchmarks/ratio"
	"github.com/holdfast-ai/holdfast/guard"
)

// chatBody is a chat of about n bytes of prose.
func chatBody(n int) ([]byte, error) {
	return json.Marshal(map[string]any{"model": "m", "max_tokens": 64, "messages": []map[string]string{
		{"role": "system", "content": "You answer questions about a harbour."}, {"role": "user", "content": strings.Repeat(harbour, n/len(harbour))}}})
}

// openPolicy is the default policy for one caller with many, or large, requests.
func openPolicy() guard.Policy {
	p := guard.DefaultPolicy()
	p.Limits.KeyTokens, p.Limits.MaxInputTokens, p.Limits.MaxBodyBytes = 1<<50, 1<<40, 8<<20
	return p
}

// guardProxy sends a chat of 4 KiB over loopback through a reverse proxy behind the guard, beside the reverse proxy alone:
// what the guard adds to a request that crosses a network, client and upstream included.
func guardProxy() (ratio.Case, error) {
	body, err := chatBody(4 << 10)
	if err != nil {
		return ratio.Case{}, err
	}
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer)
	}))
	u, err := url.Parse(back.URL)
	if err != nil {
		return ratio.Case{}, err
	}
	proxy := func() *httputil.ReverseProxy {
		return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) }, Transport: &http.Transport{DisableCompression: true}}
	}
	g, err := guard.New(openPolicy())
	if err != nil {
		return ratio.Case{}, err
	}
	send := func(h http.Handler) func() error {
		srv := httptest.NewServer(h)
		return func() error {
			res, err := srv.Client().Post(srv.URL+"/v1/chat/completions", "application/json", bytes.NewReader(body))
			if err != nil {
				return err
			}
			defer res.Body.Close()
			got, err := io.ReadAll(res.Body)
			if err == nil && (res.StatusCode != http.StatusOK || string(got) != answer) {
				err = fmt.Errorf("status %d, %d bytes", res.StatusCode, len(got))
			}
			return err
		}
	}
	return ratio.Case{Name: "guard/chat/4KiB", Better: ratio.Lower, Subject: send(g.Handler(proxy())), Yardstick: send(proxy())}, nil
}
