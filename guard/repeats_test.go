package guard_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// What every event repeats is looked at once; another text in its place, of the same length or cut short, is looked at.
func TestRepeatedTexts(t *testing.T) {
	clean := strings.Repeat("a", len(canary))
	for name, last := range map[string]string{"same length": canary, "other length": "x" + canary, "nothing": clean} {
		h := newGuard(t, leaky()).Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for i := range 20 {
				id := clean
				if i == 15 {
					id = last
				}
				_, _ = fmt.Fprintf(w, `data: {"id":%q,"model":"m%d","choices":[{"index":0,"delta":{"content":"x "}}]}`+"\n\n", id, i%7)
			}
			_, _ = io.WriteString(w, "data: [DONE]\n\n")
		}))
		body := post(h, streamed).Body.String()
		if leaked, stopped := strings.Contains(body, canary), !strings.HasSuffix(body, "data: [DONE]\n\n") || strings.Contains(body, "content_filter"); leaked || stopped != (name != "nothing") {
			t.Errorf("%s: leaked %v, stopped %v\n%s", name, leaked, stopped, body)
		}
	}
}

// What was harmless under one policy is looked at again under the next.
func TestRepeatsEndWithTheAnswer(t *testing.T) {
	p := leaky()
	p.Canary = []string{"another-canary-1234"}
	g := newGuard(t, p)
	h := g.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = fmt.Fprintf(w, `data: {"id":%q,"choices":[{"index":0,"delta":{"content":"x "}}]}`+"\n\ndata: [DONE]\n\n", canary)
	}))
	for range 20 { // memory is pooled, and comes back most times
		if body := post(h, streamed).Body.String(); !strings.Contains(body, canary) {
			t.Fatal(body)
		}
		if err := g.Reload(leaky()); err != nil {
			t.Fatal(err)
		}
		if body := post(h, streamed).Body.String(); strings.Contains(body, canary) {
			t.Fatal("the canary of the new policy got out")
		}
		if err := g.Reload(p); err != nil {
			t.Fatal(err)
		}
	}
}
