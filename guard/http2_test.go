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

// A request over HTTP/2 is framed anew as well: neither its trailers nor what the connection says of itself reaches the upstream, and one that is refused
// costs no other request of the connection anything.
func TestRequestsOverHTTP2(t *testing.T) {
	type seen struct {
		trailer, header http.Header
		length          int64
		body            string
	}
	got := make(chan seen, 1)
	srv := httptest.NewUnstartedServer(newGuard(t, all()).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got <- seen{r.Trailer, r.Header, r.ContentLength, string(b)}
		io.WriteString(w, guardtest.Completion("hi"))
	})))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	trailers := http.Header{"X-Note": {canary}}
	send := func(path, body string, length int64) int {
		r, err := http.NewRequestWithContext(t.Context(), "POST", srv.URL+path, io.MultiReader(strings.NewReader(body)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Te", "trailers")
		r.Header.Set("Expect", "100-continue")
		r.Trailer = trailers
		r.ContentLength = length
		res, err := srv.Client().Do(r)
		if err != nil {
			return 0
		}
		defer res.Body.Close()
		if _, err := io.Copy(io.Discard, res.Body); err != nil || res.ProtoMajor != 2 {
			t.Error(err, res.Proto)
		}
		return res.StatusCode
	}
	for _, length := range []int64{-1, int64(len(hello))} {
		if code := send("/v1/chat/completions", hello, length); code != 200 {
			t.Fatal(code)
		}
		s := <-got
		if len(s.trailer) > 0 || s.header["Te"] != nil || s.header["Trailer"] != nil || s.header["Expect"] != nil || s.body != hello || s.length != int64(len(hello)) {
			t.Errorf("%+v", s)
		}
	}
	trailers = nil // behind a stream that was answered early they end the connection, guard or not
	ran := func(what string, want int) {
		t.Helper()
		for ; len(got) > 0; want-- {
			if s := <-got; s.body != hello {
				t.Errorf("%s: %+v", what, s)
			}
		}
		if want != 0 {
			t.Errorf("%s: %d requests are missing at the upstream", what, want)
		}
	}
	for name, c := range map[string]struct {
		path, body string
		status     int
	}{
		"injection": {"/v1/chat/completions", guardtest.Chat(attack), 400}, "no route": {"/v1/other", hello, 404}, "query": {"/v1/chat/completions?x=1", hello, 404},
		"too large": {"/v1/chat/completions", guardtest.Chat(strings.Repeat("a ", 1<<20)), 413},
	} {
		if code := send(c.path, c.body, -1); code != c.status {
			t.Errorf("%s: %d", name, code)
		}
		if code := send("/v1/chat/completions", hello, -1); code != 200 {
			t.Errorf("after %s: %d", name, code)
		}
		ran(name, 1)
	}
	for body, length := range map[string]int64{hello: int64(len(hello)) + 1, hello + " ": int64(len(hello))} { // the connection may end with it
		if code := send("/v1/chat/completions", body, length); code == 200 {
			t.Errorf("%d bytes of %d: %d", len(body), length, code)
		}
		ran("other length", 0)
	}
}
