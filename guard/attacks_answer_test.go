package guard_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/guardtest"
)

func Test09HostileStreams(t *testing.T) {
	g := newGuard(t, all())
	half, rest := canary[:6], canary[6:]
	event := func(text string) string { return `{"choices":[{"index":0,"delta":{"content":"` + text + `"}}]}` }
	for name, c := range map[string]struct {
		body string
		code string
	}{
		"CR":                       {"data: " + event(half) + "\r\rdata: " + event(rest) + "\r\r", guard.CodeContent},
		"CR and LF":                {"data: " + event(half) + "\r\n\r\ndata: " + event(rest) + "\r\n\r\n", guard.CodeContent},
		"retry with the secret":    {"retry: " + canary + "\ndata: " + event("a") + "\n\n", ""},
		"unknown field":            {canary + ": x\ndata: " + event("a") + "\n\n", ""},
		"field without a colon":    {canary + "\ndata: " + event("a") + "\n\n", ""},
		"lines of one event":       {"data: {\"choices\":[{\"index\":0,\"delta\":\ndata: {\"content\":\"" + canary + "\"}}]}\n\n", guard.CodeContent},
		"comments between":         {"data: " + event(half) + "\n\n: x\n\ndata: " + event(rest) + "\n\n", guard.CodeContent},
		"comment with the secret":  {": " + canary + "\n\ndata: " + event("a") + "\n\n", ""},
		"id with the secret":       {"id: " + canary + "\ndata: " + event("a") + "\n\n", ""},
		"event name":               {"event: " + canary + "\ndata: " + event("a") + "\n\n", ""},
		"mark":                     {"\ufeffdata: " + event(half) + "\n\ndata: " + event(rest) + "\n\n", guard.CodeContent},
		"escapes":                  {"data: " + event(`\u0068f-can`) + "\n\ndata: " + event(`ary\u002d7Q2x9`) + "\n\n", guard.CodeContent},
		"not ended":                {"data: " + event("a") + "\n\ndata: " + event(canary), ""},
		"after the end":            {"data: [DONE]\n\ndata: " + event(canary) + "\n\n", guard.CodeUpstream},
		"two ends":                 {"data: [DONE]\n\ndata: [DONE]\n\n", ""},
		"not JSON":                 {"data: <" + canary + ">\n\n", guard.CodeUpstream},
		"invalid UTF-8":            {"data: " + event("\xff") + "\n\n", guard.CodeUpstream},
		"duplicate keys":           {`data: {"choices":[],"choices":[]}` + "\n\n", guard.CodeUpstream},
		"deep":                     {"data: " + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "\n\n", guard.CodeUpstream},
		"huge":                     {`data: {"x":"` + strings.Repeat("a", 10<<20) + `"}` + "\n\n", guard.CodeUpstream},
		"huge without an end":      {"data: " + strings.Repeat("a", 1<<20), guard.CodeUpstream},
		"many texts":               {manyTexts(), guard.CodeUpstream},
		"text after finish":        {`data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}` + "\n\ndata: " + event("b") + "\n\n", guard.CodeUpstream},
		"index as a fraction":      {"data: " + strings.Replace(event(half), `"index":0`, `"index":0.0`, 1) + "\n\ndata: " + event(rest) + "\n\n", guard.CodeUpstream},
		"index as a text":          {"data: " + strings.Replace(event(half), `"index":0`, `"index":"0"`, 1) + "\n\ndata: " + event(rest) + "\n\n", guard.CodeUpstream},
		"lines in place of events": {event(half) + "\n" + event(rest) + "\n", ""},
	} {
		w := post(g.Handler(&guardtest.Upstream{Body: c.body, Chunk: 4 << 10}), streamed)
		out := w.Body.String()
		if out == "" && c.code == "" {
			continue
		}
		a, err := guardtest.Play(out)
		if err != nil || strings.Contains(out, canary) || strings.Contains(out, rest) || a.ErrorCode != c.code {
			t.Errorf("%s: %v %+v\n%.400s", name, err, a, out)
		}
	}
	packed := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Content-Encoding", "gzip")
		io.WriteString(w, zip("data: "+event(canary)+"\n\n"))
	})
	if w := post(g.Handler(packed), streamed); w.Code != 502 || w.Header()["Content-Encoding"] != nil {
		t.Errorf("packed events: %d %q", w.Code, w.Body)
	}
	for name, up := range map[string]*guardtest.Upstream{
		"NDJSON for chat": {Body: event(canary) + "\n", ContentType: "application/x-ndjson"}, "events as JSON": {Body: "data: " + event(canary) + "\n\n", ContentType: "application/json"},
		"lines as JSON": {Body: event("a") + "\n" + event("b"), ContentType: "application/json"}, "no type": {Body: "data: " + event(canary) + "\n\n", ContentType: " "},
	} {
		if w := post(g.Handler(up), streamed); w.Code != 502 || strings.Contains(w.Body.String(), canary) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

func manyTexts() string {
	var b strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&b, "data: {\"choices\":[{\"index\":%d,\"delta\":{\"content\":\"a\"}}]}\n\n", i)
	}
	return b.String()
}

// A caller who types what stands for redacted text changes nothing by it.
func Test13TypedReplacements(t *testing.T) {
	g := newGuard(t, redacting(guard.ModeRedact))
	up := &guardtest.Upstream{Pieces: []string{"[redacted] EMAIL_1 ", canary}}
	w := post(g.Handler(up), guardtest.Chat("[redacted] EMAIL_1"))
	if a, err := guardtest.Play(w.Body.String()); err != nil || a.Text != "[redacted] EMAIL_1 [redacted]" || string(up.LastBody()) != guardtest.Chat("[redacted] EMAIL_1") {
		t.Fatalf("%s %v", w.Body, err)
	}
	// What stood for the text of one request stands for nothing in another.
	p, opts := private(t)
	p.Rules["pii.email"] = guard.ModeRestore
	p.Output["pii.email"] = guard.ModeMonitor
	r := newGuard(t, p, opts...)
	const sent = "person1@redacted.invalid"
	up = &guardtest.Upstream{Pieces: []string{"to ", sent}}
	if w := post(r.Handler(up), guardtest.Chat("Write to ann.smith@mail.example today.")); !strings.Contains(w.Body.String(), "ann.smith@") || !strings.Contains(string(up.LastBody()), sent) {
		t.Fatalf("%s: %s", up.LastBody(), w.Body)
	}
	for _, body := range []string{guardtest.Chat("Who was it?"), guardtest.Chat("Who was " + sent + "?"), guardtest.Chat("Who was it? bob.jones@mail.example")} {
		if w := post(r.Handler(&guardtest.Upstream{Pieces: []string{"It was ", sent}}), body); strings.Contains(w.Body.String(), "ann.smith") {
			t.Errorf("%q of another request was restored: %s", sent, w.Body)
		}
	}
}

// What is reserved at once is never more than there is, and what a caller who left has used is paid.
func Test14RacesAndAborts(t *testing.T) {
	p := guard.DefaultPolicy()
	p.Limits.KeyTokens, p.Limits.MaxOutputTokens, p.Limits.KeyConcurrent = 1000, 100, 100
	let := make(chan struct{})
	var running atomic.Int64
	h := newGuard(t, p).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		running.Add(1)
		<-let
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, guardtest.Events(strings.Repeat("word", 100)))
		panic(http.ErrAbortHandler) // the caller has left
	}))
	var wg sync.WaitGroup
	var limited atomic.Int64
	for range 40 {
		wg.Go(func() {
			defer func() { _ = recover() }()
			if w := post(h, streamed); w.Code == 429 {
				limited.Add(1)
			}
		})
	}
	for running.Load()+limited.Load() < 40 { // all that may run wait for each other
		time.Sleep(time.Millisecond)
	}
	close(let)
	wg.Wait()
	if n := running.Load(); n > 10 || n < 8 || n+limited.Load() != 40 {
		t.Errorf("%d requests of 100 tokens ran on 1000, %d were refused", n, limited.Load())
	}
	if w := post(h, streamed); w.Code != 429 {
		t.Errorf("aborted answers were free: %d", w.Code)
	}
}

func Test17HandlersThatMisbehave(t *testing.T) {
	g := newGuard(t, all())
	r := httptest.NewRequest("POST", "/v1/chat/completions", nil)
	r.Header.Set("Content-Type", "application/json")
	r.Body = nil
	w := httptest.NewRecorder()
	if g.Handler(&guardtest.Upstream{}).ServeHTTP(w, r); w.Code != 400 {
		t.Error("no body:", w.Code)
	}
	h := g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, _ := io.ReadAll(r.Body)
		if err := errors.Join(r.Body.Close(), r.Body.Close()); err != nil || string(a) != hello || r.GetBody != nil {
			t.Errorf("%q %v", a, err)
		}
		if _, err := r.Body.Read(make([]byte, 1)); !errors.Is(err, http.ErrBodyReadAfterClose) {
			t.Error(err)
		}
		r.Header.Set("X-Mine", "1")
		w.WriteHeader(200)
		w.WriteHeader(500)
		io.WriteString(w, `{"choices":[]}`)
		w.Header().Set("X-Late", canary)
	}))
	r = httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(hello))
	r.Header.Set("Content-Type", "application/json")
	w = httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != 200 || r.Header["X-Mine"] != nil || w.Header()["X-Late"] != nil {
		t.Error(w.Code, r.Header, w.Header())
	}
	defer func() {
		if recover() != http.ErrAbortHandler {
			t.Error("the abort did not come through")
		}
	}()
	post(g.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })), hello)
}
