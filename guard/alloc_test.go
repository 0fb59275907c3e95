package guard_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// An event of prose is released at once, and costs no allocation; the design allows 2.
func TestEventsOfProse(t *testing.T) {
	p := redacting(guard.ModeBlock)
	p.Canary = []string{"~hf-canary-7Q2x9"}
	g := newGuard(t, p)
	for name, s := range streamers {
		tx := g.Begin(t.Context())
		tx.Request(&guard.Request{Method: "POST", Path: guard.Routes(s.kind)[0].Path, Header: http.Header{"Content-Type": {"application/json"}}, RemoteAddr: "a:1"})
		tx.RequestBody([]byte(s.body))
		if v := tx.Response(200, http.Header{"Content-Type": {s.media}}); v.Action != guard.Allow {
			t.Fatal(v.Rejection)
		}
		var out []byte
		words := strings.SplitAfter(strings.Repeat("The keeper lit the lamp and wrote the weather into a book, as he did when he was young. ", 4), " ")
		events := make([][]byte, len(words)-1)
		wants := make([][]byte, len(words)-1)
		for i := range events {
			wants[i] = []byte(js(words[i]))
			whole := s.events([]string{words[i], words[i]})
			end := "\n\n"
			switch {
			case s.media == ndjson:
				end = "\n"
			case strings.Contains(whole, "\r\n"):
				end = "\r\n\r\n"
			}
			for _, e := range strings.SplitAfter(whole, end) { // the last that carries the word
				if strings.Contains(e, js(words[i])) && !strings.Contains(e, "response.completed") {
					events[i] = []byte(e)
				}
			}
		}
		i, held := 0, 0
		n := testing.AllocsPerRun(len(events)-1, func() {
			var v guard.Verdict
			if out, v = tx.ResponseChunk(out[:0], events[i]); v.Action != guard.Allow {
				t.Fatal(name, v.Rejection, v.Rejection.Err)
			}
			if !bytes.Contains(out, wants[i]) {
				held++
			}
			i++
		})
		if n > 0 && name != "log probabilities" || held > 0 { // those are rewritten
			t.Errorf("%s: %v allocations for an event, %d of %d held", name, n, held, i)
		}
		tx.Close()
	}
}

// The guard adds at most 36 allocations to a request of 4 KiB; the design allows 60.
func TestChatAllocations(t *testing.T) {
	if testkit.Race {
		t.Skip("pools forget at random under the race detector")
	}
	p := guard.DefaultPolicy()
	p.Limits.KeyTokens = 1 << 50
	h := newGuard(t, p).Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"choices":[]}`))
	}))
	body := chatOf(4 << 10)
	n := testing.AllocsPerRun(100, func() {
		r := httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		h.ServeHTTP(&discard{header: http.Header{}}, r)
	})
	bare := testing.AllocsPerRun(100, func() {
		r := httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		_ = discard{header: http.Header{}}
		_ = r
	})
	if n-bare > 36 {
		t.Errorf("%v allocations, %v of them the test's", n, bare)
	}
}
