package guard_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/guardtest"
)

func post(h http.Handler, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func newGuard(t testing.TB, p guard.Policy, opts ...guard.Option) *guard.Guard {
	t.Helper()
	g, err := guard.New(p, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

const hello = `{"model":"m","messages":[{"role":"user","content":"Tell me a story about a lighthouse."}]}`

func TestAllowedRequestIsForwardedUnchanged(t *testing.T) {
	up := &guardtest.Upstream{Pieces: []string{"Once upon", " a time"}}
	h := newGuard(t, guard.DefaultPolicy()).Handler(up)
	for _, body := range []string{hello, strings.Replace(hello, `{"model"`, `{ "stream" : true, "model"`, 1)} {
		w := post(h, body)
		a, err := guardtest.Play(w.Body.String())
		if w.Code != 200 || err != nil || a.Text != "Once upon a time" || a.Finish != "stop" {
			t.Fatalf("%d %+v %v\n%s", w.Code, a, err, w.Body)
		}
		if string(up.LastBody()) != body {
			t.Fatalf("the upstream read %q", up.LastBody())
		}
	}
}

// Every hostile request is refused with its code and never reaches the upstream; its twin does.
func TestCorpus(t *testing.T) {
	for _, c := range guardtest.Corpus() {
		t.Run(c.Name, func(t *testing.T) {
			up := &guardtest.Upstream{Pieces: []string{"fine"}}
			h := newGuard(t, guard.DefaultPolicy()).Handler(up)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, c.Hostile.HTTP())
			a, err := guardtest.Play(w.Body.String())
			if w.Code != c.Status || err != nil || a.ErrorCode != c.Code {
				t.Errorf("%d %s, want %d %s", w.Code, w.Body, c.Status, c.Code)
			}
			if up.Ran() != 0 {
				t.Error("the upstream ran")
			}
			w = httptest.NewRecorder()
			h.ServeHTTP(w, c.Twin.HTTP())
			if a, err = guardtest.Play(w.Body.String()); w.Code != 200 || err != nil || a.Text != "fine" || up.Ran() != 1 {
				t.Errorf("the twin: %d %s", w.Code, w.Body)
			}
		})
	}
}

// The zero policy refuses everything, and says so in the form of the API.
func TestZeroPolicyRefuses(t *testing.T) {
	up := &guardtest.Upstream{}
	h := newGuard(t, guard.Policy{}).Handler(up)
	for _, c := range guardtest.Corpus() {
		for _, r := range []guardtest.Request{c.Hostile, c.Twin} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r.HTTP())
			if a, err := guardtest.Play(w.Body.String()); w.Code != 404 || err != nil || a.ErrorCode != guard.CodeRoute {
				t.Errorf("%s: %d %s", c.Name, w.Code, w.Body)
			}
		}
	}
	if up.Ran() != 0 {
		t.Fatal("the upstream ran")
	}
}

// A reverse proxy cuts the connection when a write fails. An answer that the guard has ended is told to the caller all the same,
// and one that it could not end is cut.
func TestDenialReachesCallersOfAProxy(t *testing.T) {
	back := httptest.NewServer(&guardtest.Upstream{Pieces: []string{"It is ", canary, " yes"}})
	defer back.Close()
	u, err := url.Parse(back.URL)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(newGuard(t, leaky()).Handler(httputil.NewSingleHostReverseProxy(u)))
	defer srv.Close()
	for _, body := range []string{hello, streamed} {
		res, err := srv.Client().Post(srv.URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		res.Body.Close()
		if a, bad := guardtest.Play(string(got)); err != nil || bad != nil || a.ErrorCode != guard.CodeContent {
			t.Errorf("%v %v: %s", err, bad, got)
		}
	}
	// Without a denial, an abort of the upstream cuts.
	cut := httptest.NewServer(newGuard(t, leaky()).Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, guardtest.Events("Hello"))
		panic(http.ErrAbortHandler)
	})))
	defer cut.Close()
	res, err := cut.Client().Post(cut.URL+"/v1/chat/completions", "application/json", strings.NewReader(streamed))
	if err == nil {
		_, err = io.ReadAll(res.Body)
		res.Body.Close()
	}
	if err == nil {
		t.Error("an abort looks like the end of an answer")
	}
}
