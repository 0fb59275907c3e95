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
