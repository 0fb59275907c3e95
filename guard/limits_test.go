package guard_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/guardtest"
	"github.com/holdfast-ai/holdfast/guard/limit"
)

type ctx = context.Context

func serve(h http.Handler, r guardtest.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.HTTP())
	return w
}

// A budget is reserved for the most that a request may use, given back for what it did not, and kept apart for each
// caller.
func TestTokenBudget(t *testing.T) {
	p := guard.DefaultPolicy()
	p.Limits.KeyTokens, p.Limits.MaxOutputTokens = 100, 60
	who := "a"
	g := newGuard(t, p, guard.WithCaller(func(*guard.Request) string { return who }), guard.WithTokenizer(func(b []byte) int { return len(b) / 4 }))
	up := &guardtest.Upstream{Pieces: []string{strings.Repeat("word", 20)}} // 20 tokens, though it says 1
	h := g.Handler(up)
	body := guardtest.With(`"max_tokens":60,"messages":[` + guardtest.Message("user", strings.Repeat("abcd", 6)) + `]`) // 6 + 4
	for i, want := range []int{200, 200, 429} {                                                                         // 70 of 100, then 30 + 70, then 60 + 70
		w := post(h, body)
		if w.Code != want {
			t.Fatalf("request %d: %d %s", i, w.Code, w.Body)
		}
		if want == 429 && w.Header().Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	if who = "b"; post(h, body).Code != 200 {
		t.Error("another caller pays")
	}
	if who = ""; post(h, body).Code != 403 {
		t.Error("a caller without a name is served")
	}
	if up.Ran() != 3 {
		t.Error("ran", up.Ran())
	}
}

// Who has a network of IPv6 has an address for each request, and one budget; an address of IPv4 tells by itself, however it is
// written.
func TestAddressesOfOneSubscriber(t *testing.T) {
	for name, c := range map[string]struct {
		first, second string
		prefix        int
		same          bool
	}{
		"one address":       {"192.0.2.1:1", "192.0.2.1:2", 0, true},
		"two of IPv4":       {"192.0.2.1:1", "192.0.2.2:1", 0, false},
		"mapped":            {"192.0.2.1:1", "[::ffff:192.0.2.1]:1", 0, true},
		"two mapped":        {"[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:1", 0, false},
		"one network":       {"[2001:db8:0:1::1]:1", "[2001:db8:0:1:ffff::2]:9", 0, true},
		"two networks":      {"[2001:db8:0:1::1]:1", "[2001:db8:0:2::1]:1", 0, false},
		"spelt differently": {"[2001:db8:0:1:0:0:0:1]:1", "[2001:DB8::1:0:0:0:9]:1", 0, true},
		"wider":             {"[2001:db8:0:1::1]:1", "[2001:db8:0:2::1]:1", 56, true},
		"wider, outside":    {"[2001:db8:0:1::1]:1", "[2001:db8:0:100::1]:1", 56, false},
		"two behind NAT64":  {"[64:ff9b::192.0.2.1]:1", "[64:ff9b::192.0.2.2]:1", 0, false},
		"one behind NAT64":  {"[64:ff9b::192.0.2.1]:1", "192.0.2.1:2", 0, true},
		"networks of 6to4":  {"[2002:c000:201:1::1]:1", "[2002:c000:201:ffff::1]:1", 0, true},
		"6to4 and IPv4":     {"[2002:c000:201::1]:1", "192.0.2.1:2", 0, true},
		"two behind 6to4":   {"[2002:c000:201::1]:1", "[2002:c000:202::1]:1", 0, false},
		"beside NAT64":      {"[64:ff9b:0:1::1]:1", "[64:ff9b:0:1::2]:1", 0, true},
		"whole":             {"[2001:db8::1]:1", "[2001:db8::2]:1", 128, false},
		"zone":              {"[fe80::1%eth0]:1", "[fe80::2%eth1]:1", 0, true},
		"no address":        {"@", "@", 0, true},
	} {
		p := guard.DefaultPolicy()
		p.Limits.KeyTokens, p.Limits.MaxOutputTokens, p.Limits.IPv6Prefix = 100, 60, c.prefix
		h := newGuard(t, p).Handler(&guardtest.Upstream{Pieces: []string{strings.Repeat("word", 60)}})
		for i, addr := range []string{c.first, c.second} {
			r := guardtest.Request{Body: hello}.HTTP()
			r.RemoteAddr = addr
			w := httptest.NewRecorder()
			if h.ServeHTTP(w, r); (w.Code == 429) != (i == 1 && c.same) {
				t.Errorf("%s: request %d: %d", name, i, w.Code)
			}
		}
	}
}

// A request without max_tokens reserves the most there is.
func TestMissingMaxTokensReservesAll(t *testing.T) {
	p := guard.DefaultPolicy()
	p.Limits.KeyTokens, p.Limits.MaxOutputTokens = 50, 60
	if w := post(newGuard(t, p).Handler(&guardtest.Upstream{}), hello); w.Code != 429 {
		t.Fatal(w.Code)
	}
}

// broken is a store that is down.
type broken struct{}

func (broken) Reserve(ctx, string, int64, limit.Budget) (time.Time, error) {
	return time.Time{}, errors.New("down")
}
func (broken) Return(ctx, string, int64, time.Time) error { return errors.New("down") }

func TestBrokenStoreCloses(t *testing.T) {
	up := &guardtest.Upstream{}
	if w := post(newGuard(t, guard.DefaultPolicy(), guard.WithStore(broken{})).Handler(up), hello); w.Code != 500 || up.Ran() != 0 {
		t.Fatal(w.Code, up.Ran())
	}
}

func TestTokenizerMustBePlausible(t *testing.T) {
	for _, n := range []int{-1, 1 << 30} {
		if w := post(newGuard(t, guard.DefaultPolicy(), guard.WithTokenizer(func([]byte) int { return n })).Handler(&guardtest.Upstream{}), hello); w.Code != 500 {
			t.Fatal(n, w.Code)
		}
	}
}

// Requests beyond the limit are refused while the others run, and let in when those are done.
func TestConcurrency(t *testing.T) {
	p := guard.DefaultPolicy()
	p.Limits.KeyConcurrent = 1
	running, finish := make(chan struct{}), make(chan struct{})
	h := newGuard(t, p).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		running <- struct{}{}
		<-finish
		io.WriteString(w, "{}")
	}))
	for range 2 {
		done := make(chan int)
		go func() { done <- post(h, hello).Code }()
		<-running
		if w := post(h, hello); w.Code != 429 {
			t.Fatal(w.Code)
		}
		finish <- struct{}{}
		if code := <-done; code != 200 {
			t.Fatal(code)
		}
	}
}

// A body that lies about its length, and one that does not say it, are read no further than the limit.
func TestBodyLimitWithoutLength(t *testing.T) {
	p := guard.DefaultPolicy()
	p.Limits.MaxBodyBytes = 1000
	up := &guardtest.Upstream{}
	r := guardtest.Request{}.HTTP()
	src := &endless{}
	r.Body, r.ContentLength = io.NopCloser(src), -1
	w := httptest.NewRecorder()
	newGuard(t, p).Handler(up).ServeHTTP(w, r)
	if w.Code != 413 || up.Ran() != 0 || src.n > 1<<20 {
		t.Fatal(w.Code, up.Ran(), src.n)
	}
}

type endless struct{ n int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	e.n += len(p)
	return len(p), nil
}
