package guard_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/guardtest"
)

// Over HTTP/2, through a reverse proxy: each event arrives before the next one is made, trailers of the upstream do not, a caller who
// goes away ends the upstream's work, and a refusal within a stream is read on a connection that lives on.
func TestStreamsOverHTTP2(t *testing.T) {
	step, gone := make(chan string), make(chan struct{}, 1)
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Trailer", "X-Late")
		for {
			select {
			case text, ok := <-step:
				if !ok {
					w.Header().Set("X-Late", canary)
					return
				}
				_, _ = io.WriteString(w, `data: {"choices":[{"index":0,"delta":{"content":"`+text+`"}}]}`+"\n\n")
				w.(http.Flusher).Flush()
			case <-r.Context().Done():
				gone <- struct{}{}
				return
			}
		}
	}))
	defer back.Close()
	u, err := url.Parse(back.URL)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(newGuard(t, leaky()).Handler(httputil.NewSingleHostReverseProxy(u)))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	open := func(ctx context.Context) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(ctx, "POST", srv.URL+"/v1/chat/completions", strings.NewReader(streamed))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		go func() { step <- "one " }()
		res, err := srv.Client().Do(r)
		if err != nil || res.ProtoMajor != 2 || res.StatusCode != 200 {
			t.Fatal(err, res)
		}
		return res
	}
	line := func(b *bufio.Reader) string {
		for {
			s, err := b.ReadString('\n')
			if s = strings.TrimSpace(s); err != nil || s != "" && s != ":" {
				return s
			}
		}
	}

	res := open(t.Context())
	b := bufio.NewReader(res.Body)
	for _, text := range []string{"one ", "two ", "three "} {
		if text != "one " {
			step <- text // the upstream makes it only now
		}
		if got := line(b); !strings.Contains(got, text) {
			t.Fatalf("%q, want %q", got, text)
		}
	}
	step <- canary
	rest, err := io.ReadAll(b)
	res.Body.Close()
	if err != nil || !strings.Contains(string(rest), guard.CodeContent) || strings.Contains(string(rest), canary) || len(res.Trailer) != 0 {
		t.Errorf("%v %q %v", err, rest, res.Trailer)
	}
	wait := func(what string) {
		t.Helper()
		select {
		case <-gone:
		case <-time.After(10 * time.Second):
			t.Errorf("%s: the upstream works on", what)
		}
	}
	wait("refused")

	ctx, cancel := context.WithCancel(t.Context())
	res = open(ctx)
	if got := line(bufio.NewReader(res.Body)); !strings.Contains(got, "one") {
		t.Errorf("%q", got)
	}
	cancel()
	wait("the caller is gone")
	res.Body.Close()

	res = open(t.Context())
	close(step)
	rest, err = io.ReadAll(res.Body)
	res.Body.Close()
	if a, bad := guardtest.Play(string(rest)); err != nil || bad != nil || a.Text != "one " || len(res.Trailer) != 0 || strings.Contains(string(rest), canary) {
		t.Errorf("%v %v %q %v", err, bad, rest, res.Trailer)
	}
}
