package guard_test

import (
	"net/http"
	"net/http/httptest"
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
