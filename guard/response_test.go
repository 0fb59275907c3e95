package guard_test

import (
	"context"
	"errors"
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

const (
	canary = "hf-canary-7Q2x9"
	system = "You are the harbour clerk. Never tell anyone the tide tables before the bell has rung twice today."
)

func leaky() guard.Policy {
	p := guard.DefaultPolicy()
	p.Canary = []string{canary}
	p.SystemPrompts = []string{system}
	return p
}

const streamed = `{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}`

// A leak ends the answer whatever its form: as one body, and as events cut anywhere, down to single bytes.
func TestLeaksAreStopped(t *testing.T) {
	for name, c := range map[string]struct {
		pieces []string
		leak   string // no part of it that is longer than half may be sent
	}{
		"canary":           {[]string{"The word is ", "hf-can", "ary-7", "Q2x9", ", use it."}, canary},
		"canary by letter": {strings.Split("It is "+canary+" yes", ""), canary},
		"prompt":           {[]string{"I was told: never tell any", "one the tide tab", "les before the bell has", " rung twice"}, "tide tables before the bell"},
		"at the end":       {[]string{"so: ", "never tell anyone the tide tables before ", "the"}, "tide tables before the"},
	} {
		for _, chunk := range []int{0, 1, 7, 1 << 20} {
			t.Run(name, func(t *testing.T) {
				up := &guardtest.Upstream{Pieces: c.pieces, Chunk: chunk}
				h := newGuard(t, leaky()).Handler(up)
				w := post(h, hello)
				if a, err := guardtest.Play(w.Body.String()); w.Code != 400 || err != nil || a.ErrorCode != guard.CodeContent || a.Text != "" {
					t.Fatalf("whole: %d %s", w.Code, w.Body)
				}
				w = post(h, streamed)
				a, err := guardtest.Play(w.Body.String())
				if w.Code != 200 || err != nil || a.ErrorCode != guard.CodeContent || a.Finish != "content_filter" || !a.Done {
					t.Fatalf("stream: %d %+v %v\n%s", w.Code, a, err, w.Body)
				}
				if strings.Contains(w.Body.String(), c.leak) || strings.Contains(a.Text, c.leak[:len(c.leak)/2]) && strings.Contains(a.Text, c.leak) {
					t.Fatalf("sent %q", a.Text)
				}
				if !strings.HasPrefix(strings.Join(c.pieces, ""), a.Text) {
					t.Fatalf("sent %q, which the upstream did not say", a.Text)
				}
			})
		}
	}
}

// Leaks outside the content: other choices, tool calls, reasoning, member names, and logprobs.
func TestLeaksElsewhere(t *testing.T) {
	half, rest := canary[:7], canary[7:]
	delta := func(choice, d string) string {
		return `data: {"choices":[{"delta":` + d + `,"index":` + choice + `}]}` + "\n\n"
	}
	for name, body := range map[string]string{
		"second choice":        delta("0", `{"content":"a"}`) + delta("1", `{"content":"`+half+`"}`) + delta("0", `{"content":"b"}`) + delta("1", `{"content":"`+rest+`"}`),
		"index after delta":    `data: {"choices":[{"delta":{"content":"` + half + `"},"index":3}]}` + "\n\n" + `data: {"choices":[{"index":3,"delta":{"content":"` + rest + `"}}]}` + "\n\n",
		"reasoning":            delta("0", `{"reasoning_content":"`+half+`"}`) + delta("0", `{"reasoning_content":"`+rest+`"}`),
		"unknown channel":      delta("0", `{"thoughts":{"x":"`+half+`"}}`) + delta("0", `{"thoughts":{"x":"`+rest+`"}}`),
		"tool arguments":       delta("0", `{"tool_calls":[{"index":1,"function":{"arguments":"`+half+`"}}]}`) + delta("0", `{"tool_calls":[{"function":{"arguments":"`+rest+`"},"index":1}]}`),
		"interleaved calls":    delta("0", `{"tool_calls":[{"index":0,"function":{"arguments":"x"}},{"index":1,"function":{"arguments":"`+half+`"}}]}`) + delta("0", `{"tool_calls":[{"index":0,"function":{"arguments":"y"}}]}`) + delta("0", `{"tool_calls":[{"index":1,"function":{"arguments":"`+rest+`"}}]}`),
		"escaped":              delta("0", `{"content":"hf\u002dcan"}`) + delta("0", `{"content":"ary-7Q2x9"}`),
		"escape after escape":  delta("0", `{"content":"hf"}`) + delta("0", `{"content":"\u002d"}`) + delta("0", `{"content":"canary-7\u00512x9"}`),
		"escaped in arguments": delta("0", `{"tool_calls":[{"index":0,"function":{"arguments":"{\"q\":\"hf\\u002dcan"}}]}`) + delta("0", `{"tool_calls":[{"index":0,"function":{"arguments":"ary\\u002d7Q2x9\"}"}}]}`),
		"letter by letter":     delta("0", `{"content":"h f - c a n a"}`) + delta("0", `{"content":" r y - 7 Q 2 x 9"}`),
		"member name":          `data: {"` + canary + `":1}` + "\n\n",
		"another field":        `data: {"system_fingerprint":"` + canary + `","choices":[]}` + "\n\n",
		"legacy text":          `data: {"choices":[{"text":"` + half + `"}]}` + "\n\n" + `data: {"choices":[{"text":"` + rest + `"}]}` + "\n\n",
		"two data lines":       "data: {\"choices\":[{\"delta\":{\"content\":\ndata: \"" + canary + "\"}}]}\n\n",
		"carriage returns":     "data: {\"choices\":[{\"delta\":{\"content\":\"" + canary + "\"}}]}\r\rdata: [DONE]\r\r",
	} {
		t.Run(name, func(t *testing.T) {
			w := post(newGuard(t, leaky()).Handler(&guardtest.Upstream{Body: body, Chunk: 3}), streamed)
			a, err := guardtest.Play(w.Body.String())
			if err != nil || a.ErrorCode != guard.CodeContent || strings.Contains(w.Body.String(), canary) || strings.Contains(w.Body.String(), rest) {
				t.Fatalf("%+v %v\n%s", a, err, w.Body)
			}
		})
	}
}

// An upstream that does not follow its format is an error, not a way around.
func TestBadUpstreams(t *testing.T) {
	event := "data: {\"choices\":[]}\n\n"
	for name, c := range map[string]struct {
		up   *guardtest.Upstream
		body string
	}{
		"whole, not JSON":      {&guardtest.Upstream{Body: "hello"}, hello},
		"whole, duplicate key": {&guardtest.Upstream{Body: `{"choices":[],"choices":[]}`}, hello},
		"events as JSON":       {&guardtest.Upstream{Body: event, ContentType: "application/json"}, streamed},
		"event, not JSON":      {&guardtest.Upstream{Body: "data: hello\n\n"}, streamed},
		"event, invalid UTF-8": {&guardtest.Upstream{Body: "data: {\"x\":\"\xff\"}\n\n"}, streamed},
		"after the end":        {&guardtest.Upstream{Body: event + "data: [DONE]\n\n" + event}, streamed},
		"event of 300 KiB":     {&guardtest.Upstream{Body: `data: {"x":"` + strings.Repeat("x", 300<<10) + "\"}\n\n"}, streamed},
		"body of 9 MiB":        {&guardtest.Upstream{Body: `{"x":"` + strings.Repeat("x", 9<<20) + `"}`}, hello},
	} {
		t.Run(name, func(t *testing.T) {
			w := post(newGuard(t, leaky()).Handler(c.up), c.body)
			if a, err := guardtest.Play(w.Body.String()); err != nil || a.ErrorCode != guard.CodeUpstream {
				t.Fatalf("%d %+v %v\n%.300s", w.Code, a, err, w.Body)
			}
		})
	}
	gz := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "identity" {
			t.Error("the upstream may encode")
		}
		w.Header().Set("Content-Encoding", "gzip")
		io.WriteString(w, "x")
	})
	if w := post(newGuard(t, leaky()).Handler(gz), hello); w.Code != 502 || w.Header().Get("Content-Encoding") != "" {
		t.Fatal(w.Code, w.Header())
	}
}

// An upstream's own error passes with its status, but not with a leak in it.
func TestUpstreamErrors(t *testing.T) {
	for body, leak := range map[string]bool{
		`{"error":{"message":"no such model"}}`: false, "plain text": false, "": false,
		`{"error":{"message":"bad: ` + canary + `"}}`: true, "trace: " + canary: true,
	} {
		h := newGuard(t, leaky()).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(404)
			io.WriteString(w, body)
		}))
		if w := post(h, hello); !leak && (w.Code != 404 || w.Body.String() != body) || leak && w.Code != 400 {
			t.Errorf("%q: %d %q", body, w.Code, w.Body)
		}
	}
}

// Over real connections, before and behind a reverse proxy: each event reaches the client before the next is made.
func TestFlushReachesTheClient(t *testing.T) {
	next := make(chan struct{})
	up := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		rc := http.NewResponseController(w)
		for event := range strings.SplitAfterSeq(guardtest.Events("one ", "two ", "three "), "\n\n") {
			io.WriteString(w, event)
			if err := rc.Flush(); err != nil {
				t.Error(err)
			}
			if strings.Contains(event, "content") {
				<-next
			}
		}
	})
	proxy := func(h http.Handler) http.Handler {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		u, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		return httputil.NewSingleHostReverseProxy(u)
	}
	g := newGuard(t, leaky())
	for name, h := range map[string]http.Handler{
		"alone": g.Handler(up), "before a proxy": g.Handler(proxy(up)), "behind a proxy": proxy(g.Handler(up)),
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(h)
			defer s.Close()
			res, err := s.Client().Post(s.URL+"/v1/chat/completions", "application/json", strings.NewReader(streamed))
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			buf, got := make([]byte, 4096), ""
			for _, word := range []string{"one ", "two ", "three "} {
				for !strings.Contains(got, word) {
					n, err := res.Body.Read(buf)
					if got += string(buf[:n]); err != nil {
						t.Fatal(err)
					}
				}
				next <- struct{}{}
			}
			rest, err := io.ReadAll(res.Body)
			if err != nil || !strings.HasSuffix(string(rest), "data: [DONE]\n\n") {
				t.Fatalf("%q %v", rest, err)
			}
		})
	}
}

func TestResponseController(t *testing.T) {
	s := httptest.NewServer(newGuard(t, leaky()).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		if err := rc.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Error("no deadline through the guard:", err)
		}
		if _, _, err := rc.Hijack(); !errors.Is(err, http.ErrNotSupported) {
			t.Error("hijacked:", err)
		}
		io.WriteString(w, "{}")
	})))
	defer s.Close()
	res, err := s.Client().Post(s.URL+"/v1/chat/completions", "application/json", strings.NewReader(hello))
	if err != nil || res.StatusCode != 200 {
		t.Fatal(res, err)
	}
	res.Body.Close()
}

// A leak cancels the upstream, which may be in the middle of a long answer.
func TestBlockCancelsTheUpstream(t *testing.T) {
	done := make(chan error, 1)
	up := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, err := io.WriteString(w, guardtest.Events(canary))
		select {
		case <-r.Context().Done():
		case <-time.After(5 * time.Second):
			err = errors.New("not cancelled")
		}
		done <- err
	})
	w := post(newGuard(t, leaky()).Handler(up), streamed)
	rej, ok := errors.AsType[*guard.Rejection](<-done)
	if !ok || rej.Code != guard.CodeContent || strings.Contains(w.Body.String(), canary) {
		t.Fatal(rej, w.Body)
	}
}

// Faults close: a detector that fails, panics or reports what it did not declare; an upstream that panics.
func TestFaultsClose(t *testing.T) {
	for name, d := range map[string]guard.Detector{
		"error":      detector(func() ([]guard.Finding, error) { return nil, errors.New("secret text") }),
		"panic":      detector(func() ([]guard.Finding, error) { panic("secret text") }),
		"undeclared": detector(func() ([]guard.Finding, error) { return []guard.Finding{{Rule: "mine.other"}}, nil }),
	} {
		up := &guardtest.Upstream{}
		w := post(newGuard(t, guard.DefaultPolicy(), guard.WithDetector(d, "mine.rule")).Handler(up), hello)
		if a, err := guardtest.Play(w.Body.String()); w.Code != 500 || err != nil || a.ErrorCode != guard.CodeInternal || up.Ran() != 0 || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: %d %s, ran %d", name, w.Code, w.Body, up.Ran())
		}
	}
	boom := newGuard(t, guard.DefaultPolicy()).Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("secret") }))
	if w := post(boom, hello); w.Code != 500 || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	late := newGuard(t, guard.DefaultPolicy()).Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, guardtest.Events("a"))
		panic("secret")
	}))
	defer func() {
		if p := recover(); p != http.ErrAbortHandler {
			t.Errorf("a stream that broke off looks complete: %v", p)
		}
	}()
	post(late, streamed)
}

// detector runs a function in place of a detector.
type detector func() ([]guard.Finding, error)

func (d detector) Detect(_ context.Context, _ guard.View, f []guard.Finding) ([]guard.Finding, error) {
	more, err := d()
	return append(f, more...), err
}

// The body that the upstream got cannot be read once the request is over: its memory serves another by then.
func TestBodyIsDetached(t *testing.T) {
	var kept io.ReadCloser
	h := newGuard(t, guard.DefaultPolicy()).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kept = r.Body
		io.WriteString(w, `{}`)
	}))
	post(h, hello)
	if n, err := kept.Read(make([]byte, 10)); n != 0 || err == nil {
		t.Fatal(n, err)
	}
}

// Phases out of order, or after a denial, are denied.
func TestTransactionOrder(t *testing.T) {
	g := newGuard(t, guard.DefaultPolicy())
	tx := g.Begin(t.Context())
	if v := tx.RequestBody([]byte(hello)); v.Action != guard.Deny || v.Rejection.Status != 500 {
		t.Fatal(v)
	}
	if v := tx.Request(&guard.Request{Method: "GET", Path: "/healthz"}); v.Action != guard.Deny {
		t.Fatal(v)
	}
	if out, v := tx.ResponseChunk(nil, []byte("x")); v.Action != guard.Deny || len(out) > 0 {
		t.Fatal(v)
	}
	if v := tx.Close(); v.Action != guard.Deny {
		t.Fatal(v)
	}
	if v := tx.Close(); v.Action != guard.Deny {
		t.Fatal(v)
	}
	if v := tx.Request(&guard.Request{Method: "GET", Path: "/healthz"}); v.Action != guard.Deny {
		t.Fatal("a closed transaction allows")
	}
	if (guard.Verdict{}).Action != guard.Deny {
		t.Fatal("the zero verdict allows")
	}
}
