package guard_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/audit"
	"github.com/holdfast-ai/holdfast/guard/guardtest"
	"github.com/holdfast-ai/holdfast/guard/limit"
)

// A machine has 2^64 IPv6 addresses: they share a budget. A network beside it, and IPv4, have their own.
func TestBudgetsOfAddresses(t *testing.T) {
	p := guard.DefaultPolicy()
	p.Limits.KeyTokens, p.Limits.MaxOutputTokens = 120, 100
	h := newGuard(t, p).Handler(&guardtest.Upstream{Pieces: []string{strings.Repeat("a ", 200)}})
	for _, c := range []struct {
		from   string
		status int
	}{
		{"[2001:db8:1:2::1]:1000", 200}, {"[2001:db8:1:2::1]:2000", 429}, {"[2001:db8:1:2:ffff::9]:1", 429}, {"[2001:db8:1:2::1%eth0]:1", 429},
		{"[2001:db8:1:3::1]:1", 200}, {"192.0.2.1:1", 200}, {"192.0.2.1:2", 429}, {"[::ffff:192.0.2.1]:3", 429}, {"192.0.2.2:1", 200},
	} {
		r := httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(hello))
		r.Header.Set("Content-Type", "application/json")
		r.RemoteAddr = c.from
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != c.status {
			t.Errorf("%s: %d, want %d", c.from, w.Code, c.status)
		}
	}
}

// Who fills a request, or has an answer filled, with thousands of findings writes no thousands of lines into the audit, and
// hides no finding of another rule behind them. The decision counts them all.
func TestFindingsDoNotFloodTheAudit(t *testing.T) {
	p, opts := private(t)
	p.Limits.KeyTokens, p.Limits.MaxInputTokens = 1<<40, 1<<40
	p.Rules["pii.email"], p.Output["pii.email"] = guard.ModeRedact, guard.ModeRedact
	var out, logged bytes.Buffer
	var last guard.Decision
	opts = append(opts, guard.WithLogger(slog.New(slog.NewTextHandler(&logged, nil))), guard.WithHooks(guard.JoinHooks(audit.New(slog.New(audit.NewHandler(&out)), audit.Config{}).Hooks(),
		guard.Hooks{Decision: func(_ context.Context, d guard.Decision) { last = d }})))
	var many strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&many, "user%d@example.com ", i)
	}
	h := newGuard(t, p, opts...).Handler(&guardtest.Upstream{Pieces: []string{many.String()}})
	from := time.Now()
	w := post(h, guardtest.Chat(many.String()+" My card is 4111 1111 1111 1111."))
	if w.Code != 400 || last.Findings < 20_000 {
		t.Fatalf("%d, %d findings", w.Code, last.Findings)
	}
	if n := strings.Count(out.String(), "\n"); n > 64 || strings.Count(logged.String(), "\n") > 64 || !strings.Contains(out.String(), "pii.card") {
		t.Errorf("%d events, %d lines", n, strings.Count(logged.String(), "\n"))
	}
	out.Reset()
	logged.Reset()
	w = post(h, guardtest.Chat(many.String()))
	if w.Code != 200 || last.Findings < 40_000 || !last.Redacted || strings.Contains(w.Body.String(), "example.com") {
		t.Fatalf("%d, %d findings: %.300s", w.Code, last.Findings, w.Body)
	}
	if n := strings.Count(out.String(), "\n"); n > 64 || strings.Count(logged.String(), "\n") > 64 {
		t.Errorf("%d events, %d lines", n, strings.Count(logged.String(), "\n"))
	}
	t.Log(time.Since(from))
}

// A caller who has the log filled with findings of a rule that requests are only watched for hides neither those of another
// rule nor the one that has his answer refused.
func TestWatchedFindingsHideNoOther(t *testing.T) {
	p, opts := private(t)
	p.Limits.MaxInputTokens = 1 << 20
	p.Rules["pii.email"], p.Output["pii.email"] = guard.ModeMonitor, guard.ModeBlock
	p.Rules["pii.card"] = guard.ModeMonitor
	told, cards := map[guard.Mode]int{}, 0
	opts = append(opts, guard.WithHooks(guard.Hooks{Finding: func(_ context.Context, f guard.Finding, m guard.Mode) {
		switch f.Rule {
		case "pii.email":
			told[m]++
		case "pii.card":
			cards++
		}
	}}))
	h := newGuard(t, p, opts...).Handler(&guardtest.Upstream{Pieces: []string{"Write to leak@example.com at once."}})
	w := post(h, guardtest.Chat(strings.Repeat("a user99@example.com and ", 100)+"card 4111 1111 1111 1111."))
	if w.Code == 200 || told[guard.ModeMonitor] != 16 || told[guard.ModeBlock] != 1 || cards != 1 {
		t.Errorf("%d, told of %v and %d cards", w.Code, told, cards)
	}
}

// The budget of a route with a name in its path is one budget, whatever names a caller makes up.
func TestBudgetOfAPattern(t *testing.T) {
	p := guard.DefaultPolicy()
	p.Routes = guard.Routes(guard.KindInfer)
	p.Budgets = []limit.Rule{{Per: []limit.Scope{limit.PerRoute}, Unit: limit.Requests, Amount: 3, WindowSeconds: 60}}
	h := newGuard(t, p).Handler(&guardtest.Upstream{Body: `{"outputs":[]}`})
	var codes []int
	for i := range 6 {
		r := httptest.NewRequest("POST", fmt.Sprintf("/v2/models/m%d/infer", i), strings.NewReader(`{"inputs":[{"name":"x","shape":[1],"datatype":"INT8","data":[1]}]}`))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		codes = append(codes, w.Code)
	}
	if want := []int{200, 200, 200, 429, 429, 429}; !slices.Equal(codes, want) {
		t.Errorf("%v, want %v", codes, want)
	}
}

// One event ends as many texts as a request can have asked for; each of them is looked for.
func TestEventsEndFewTexts(t *testing.T) {
	ends := func(n int) string {
		return `data: {"choices":[` + strings.Repeat(`{"index":0,"finish_reason":"stop"},`, n-1) + `{"index":0,"finish_reason":"stop"}]}` + "\n\n"
	}
	for n, ok := range map[int]bool{1: true, 128: true, 5000: false} {
		w := post(newGuard(t, leaky()).Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(w, ends(n)+"data: [DONE]\n\n")
		})), streamed)
		if got := !strings.Contains(w.Body.String(), guard.CodeUpstream); got != ok {
			t.Errorf("%d ends: %.300s", n, w.Body)
		}
	}
}
