package guard_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/guardtest"
	"github.com/holdfast-ai/holdfast/guard/limit"
)

// charged runs one request, of 10 tokens in and 60 reserved for the answer, and returns what it cost.
func charged(t *testing.T, p guard.Policy, run func(g *guard.Guard)) int64 {
	t.Helper()
	const budget = 100_000
	p.Budgets = []limit.Rule{{Unit: limit.Tokens, Amount: budget, WindowSeconds: 86400}}
	store := limit.NewMemory(nil)
	run(newGuard(t, p, guard.WithStore(store), guard.WithTokenizer(func(b []byte) int { return len(b) / 4 })))
	l, err := limit.NewLimiter(p.Budgets, store)
	if err != nil {
		t.Fatal(err)
	}
	low, high := int64(0), int64(budget) // how much is left
	for low < high {
		n := (low + high + 1) / 2
		r, err := l.Reserve(t.Context(), limit.Subject{}, limit.Use{Tokens: n})
		if err != nil {
			high = n - 1
			continue
		}
		low = n
		if err := r.Cancel(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return budget - low
}

// What nobody can tell the use of costs what was reserved: a caller who leaves just before a whole answer is sent has had it generated, whatever a proxy in
// between says then, and so has one whose answer takes too long.
func TestUnknownUseIsCharged(t *testing.T) {
	leaves := func(after func(w http.ResponseWriter)) func(g *guard.Guard) {
		return func(g *guard.Guard) {
			ctx, leave := context.WithCancel(context.Background())
			r := httptest.NewRequestWithContext(ctx, "POST", "/v1/chat/completions", strings.NewReader(tenIn))
			r.Header.Set("Content-Type", "application/json")
			g.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				leave()
				after(w)
			})).ServeHTTP(httptest.NewRecorder(), r)
		}
	}
	stays := func(upstream http.HandlerFunc) func(g *guard.Guard) {
		return func(g *guard.Guard) { post(g.Handler(upstream), tenIn) }
	}
	for name, c := range map[string]struct {
		run  func(g *guard.Guard)
		want int64
	}{
		"the proxy answers 502":    {leaves(func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) }), 70},
		"the engine gives up":      {leaves(func(http.ResponseWriter) {}), 70},
		"it was done":              {leaves(func(w http.ResponseWriter) { io.WriteString(w, guardtest.Completion("word word")) }), 13},
		"nothing to say":           {stays(func(http.ResponseWriter, *http.Request) {}), 10},
		"the upstream panics":      {stays(func(http.ResponseWriter, *http.Request) { panic("x") }), 70},
		"the upstream refuses":     {stays(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400) }), 10},
		"the upstream is not well": {stays(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }), 10},
	} {
		if got := charged(t, guard.DefaultPolicy(), c.run); got != c.want {
			t.Errorf("%s: %d tokens, want %d", name, got, c.want)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		p := guard.DefaultPolicy()
		p.Limits.AnswerSeconds = 60
		if got := charged(t, p, stays(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })); got != 70 {
			t.Errorf("no answer in time: %d tokens, want 70", got)
		}
		// A proxy that has waited for long tells of an answer that is still being made, one that says so at once of a server that is not there.
		for after, want := range map[time.Duration]int64{time.Second: 10, 5 * time.Minute: 70} {
			for _, status := range []int{502, 504} {
				if got := charged(t, guard.DefaultPolicy(), stays(func(w http.ResponseWriter, _ *http.Request) {
					time.Sleep(after)
					w.WriteHeader(status)
				})); got != want {
					t.Errorf("%d after %v: %d tokens, want %d", status, after, got, want)
				}
			}
		}
	})
}

// The same through a reverse proxy, whose caller hangs up.
func TestHangingUpIsNotFree(t *testing.T) {
	begun := make(chan struct{}, 1)
	engine := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		begun <- struct{}{}
		<-r.Context().Done()
	}))
	defer engine.Close()
	target, err := url.Parse(engine.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	got := charged(t, guard.DefaultPolicy(), func(g *guard.Guard) {
		done := make(chan struct{})
		h := g.Handler(proxy)
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(done)
			h.ServeHTTP(w, r)
		}))
		defer srv.Close()
		ctx, leave := context.WithCancel(context.Background())
		go func() {
			<-begun
			leave()
		}()
		r, err := http.NewRequestWithContext(ctx, "POST", srv.URL+"/v1/chat/completions", strings.NewReader(tenIn))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if res, err := srv.Client().Do(r); err == nil {
			res.Body.Close()
			t.Error("it was answered")
		}
		<-done
	})
	if got != 70 {
		t.Errorf("%d tokens, want 70", got)
	}
}

// Tokens that are generated and not sent have no text to be counted by: a stream costs what was reserved then, or what the server says.
func TestUnseenTokensAreCharged(t *testing.T) {
	usage := `data: {"choices":[],"usage":{"completion_tokens":33}}` + "\n\n"
	for name, c := range map[string]struct {
		fields, more string
		want         int64
	}{
		"ordinary":         {`"include_reasoning":true,"ignore_eos":false`, "", 11},
		"end of text":      {`"ignore_eos":true`, "", 70},
		"hidden reasoning": {`"include_reasoning":false`, "", 70},
		"both":             {`"include_reasoning":false,"ignore_eos":false`, "", 70},
		"with usage":       {`"include_reasoning":false`, usage, 43},
	} {
		body := strings.Replace(tenIn, "{", `{"stream":true,`+c.fields+",", 1)
		up := &guardtest.Upstream{Body: strings.Replace(guardtest.Events("word"), "data: [DONE]", c.more+"data: [DONE]", 1)}
		if got := charged(t, guard.DefaultPolicy(), func(g *guard.Guard) { post(g.Handler(up), body) }); got != c.want {
			t.Errorf("%s: %d tokens, want %d", name, got, c.want)
		}
	}
}

// A stream that goes on beyond what was reserved takes more as it goes, and ends where there is no more: not all servers know each bound, and some have none.
func TestStreamsBeyondTheirReservation(t *testing.T) {
	body := guardtest.With(`"stream":true,"max_completion_tokens":60,"messages":[` + guardtest.Message("user", strings.Repeat("abcd", 6)) + `]`)
	long := strings.Split(strings.Repeat("word,", 1000), ",") // a token each
	run := func(p guard.Policy) (guardtest.Answer, int64) {
		var a guardtest.Answer
		got := charged(t, p, func(g *guard.Guard) {
			up := &guardtest.Upstream{Pieces: long}
			w := post(g.Handler(up), body)
			var err error
			if a, err = guardtest.Play(w.Body.String()); err != nil {
				t.Fatal(err)
			}
		})
		return a, got
	}
	if a, got := run(guard.DefaultPolicy()); a.ErrorCode != "" || len(a.Text) != 4000 || got != 1010 {
		t.Errorf("with a budget: %q, %d bytes, %d tokens", a.ErrorCode, len(a.Text), got)
	}
	p := guard.DefaultPolicy()
	p.Limits.KeyTokens = 500
	if a, got := run(p); a.ErrorCode != guard.CodeLimit || len(a.Text) < 4*(490-64) || len(a.Text) > 4*(490+64) || got > 500+2*64 {
		t.Errorf("of a key: %q, %d bytes, %d tokens", a.ErrorCode, len(a.Text), got)
	}
	// A budget of the policy, by cost.
	p = guard.DefaultPolicy()
	p.Prices = map[string]limit.Price{"*": {Prompt: 1_000_000, Completion: 1_000_000}}
	p.Budgets = []limit.Rule{{Per: []limit.Scope{limit.PerKey}, Unit: limit.Cost, Amount: 500, WindowSeconds: 60}, {Unit: limit.Requests, Amount: 5, WindowSeconds: 60}}
	w := post(newGuard(t, p).Handler(&guardtest.Upstream{Pieces: long}), body)
	if a, err := guardtest.Play(w.Body.String()); err != nil || a.ErrorCode != guard.CodeLimit || len(a.Text) > 4*(490+64) {
		t.Errorf("by cost: %q, %d bytes, %v", a.ErrorCode, len(a.Text), err)
	}
	// A window that ends while the stream goes on: the new one pays for what comes in it.
	synctest.Test(t, func(t *testing.T) {
		p := guard.DefaultPolicy()
		p.Limits.KeyTokens, p.Limits.KeyWindowSeconds, p.Limits.AnswerSeconds = 500, 60, 86400
		store := limit.NewMemory(nil)
		g := newGuard(t, p, guard.WithStore(store), guard.WithTokenizer(func(b []byte) int { return len(b) / 4 }))
		w := post(g.Handler(slow(300*time.Millisecond, long...)), body)
		if a, err := guardtest.Play(w.Body.String()); err != nil || a.ErrorCode != "" {
			t.Errorf("over five windows: %q %v", a.ErrorCode, err)
		}
	})
}

// panicky is a store that panics for some keys.
type panicky struct {
	limit.Store
	at func(key string) bool
}

func (s *panicky) Reserve(ctx context.Context, key string, n int64, b limit.Budget) (time.Time, error) {
	if s.at(key) {
		panic("store")
	}
	return s.Store.Reserve(ctx, key, n, b)
}

// A store that panics, wherever, refuses the request and takes no place for ever.
func TestPanicsOfTheStore(t *testing.T) {
	p := guard.DefaultPolicy()
	p.Budgets = []limit.Rule{{Unit: limit.Concurrent, Amount: 1}, {Unit: limit.Tokens, Amount: 1_000_000, WindowSeconds: 60}}
	for name, at := range map[string]func(key string) bool{
		"of a budget": func(key string) bool { return strings.HasPrefix(key, "tokens") }, "of the key": func(key string) bool { return !strings.HasPrefix(key, "tokens") },
	} {
		bad := true
		store := &panicky{limit.NewMemory(nil), func(key string) bool { return bad && at(key) }}
		h := newGuard(t, p, guard.WithStore(store)).Handler(&guardtest.Upstream{Pieces: []string{"x"}})
		for range 3 {
			if w := post(h, hello); w.Code != 500 {
				t.Errorf("%s: %d %s", name, w.Code, w.Body)
			}
		}
		bad = false
		if w := post(h, hello); w.Code != 200 {
			t.Errorf("after a panic %s: %d %s", name, w.Code, w.Body)
		}
	}
}

// A prompt costs what the server says it had, where that is more than was estimated: its templates and its images are not in the text. An image is
// reserved for too, and costs that where nobody says anything.
func TestPromptsAreCharged(t *testing.T) {
	usage := func(in string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `{"choices":[{"index":0,"message":{"content":"word"},"finish_reason":"stop"}],"usage":{"completion_tokens":1,"prompt_tokens":`+in+`}}`)
		}
	}
	refuses := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400) }
	gone := func(http.ResponseWriter, *http.Request) { panic("x") }
	looks := func(pictures ...string) string {
		var body strings.Builder
		body.WriteString(strings.Replace(tenIn, `"`+strings.Repeat("abcd", 6)+`"`, `[{"type":"text","text":"`+strings.Repeat("abcd", 6)+`"}`, 1))
		for _, p := range pictures {
			body.WriteString(`,{"type":"image_url","image_url":{"url":"` + p + `"}}`)
		}
		return strings.Replace(body.String(), "}]}", "", 1) + "]}]}"
	}
	small, large := "data:image/png;base64,"+picture(75, 100), "data:image/png;base64,"+picture(3000, 3000)
	p := guard.DefaultPolicy()
	p.Media = &guard.MediaRules{Hosts: []string{"img.example.com"}}
	for name, c := range map[string]struct {
		body string
		up   http.HandlerFunc
		want int64
	}{
		"as estimated": {tenIn, usage("10"), 11}, "more": {tenIn, usage("500"), 501}, "less": {tenIn, usage("3"), 11}, "none": {tenIn, usage("0"), 11}, "less than none": {tenIn, usage("-5"), 11},
		"refused": {tenIn, refuses, 10}, "nobody knows": {tenIn, gone, 70},
		"image": {looks(small), usage("0"), 22}, "image that is more": {looks(small), usage("99"), 100}, "large image": {looks(large), usage("0"), 1611},
		"image elsewhere": {looks("https://img.example.com/a.png"), usage("0"), 1611}, "two images": {looks(small, large), usage("0"), 1622}, "image of an answer nobody saw": {looks(large), gone, 1670},
	} {
		if got := charged(t, p, func(g *guard.Guard) { post(g.Handler(c.up), c.body) }); got != c.want {
			t.Errorf("%s: %d tokens, want %d", name, got, c.want)
		}
	}
	// Of a stream too, whichever event says it; and a decision tells of it.
	var told guard.Decision
	up := &guardtest.Upstream{Body: strings.Replace(guardtest.Events("word"), "data: [DONE]", `data: {"choices":[],"usage":{"prompt_tokens":40,"completion_tokens":1}}`+"\n\ndata: [DONE]", 1)}
	g := newGuard(t, p, guard.WithHooks(guard.Hooks{Decision: func(_ context.Context, d guard.Decision) { told = d }}))
	if post(g.Handler(up), strings.Replace(tenIn, "{", `{"stream":true,`, 1)); told.Input != 40 || told.Output != 1 {
		t.Errorf("%+v", told)
	}
	// Texts of tensors are what a model has said, too.
	p.Routes = guard.Routes(guard.KindInfer)
	said := `{"outputs":[{"name":"y","shape":[1],"datatype":"BYTES","data":["` + strings.Repeat("word", 20) + `"]}]}`
	if got := charged(t, p, func(g *guard.Guard) {
		ask(g.Handler(&guardtest.Upstream{Body: said}), guard.KindInfer, asks[guard.KindInfer])
	}); got < 20 {
		t.Errorf("tensors: %d tokens", got)
	}
}
