package session_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/detect/session"
	"github.com/holdfast-ai/holdfast/guard/guardtest"
)

// Somebody tries one prompt again and again. The rules of this package are signals, for whoever looks after callers.
func Example() {
	s, err := session.New(session.Config{Iterations: 3, Caller: func(context.Context) string { return "alice" }})
	if err != nil {
		fmt.Println(err)
		return
	}
	policy := guard.DefaultPolicy()
	policy.Rules = map[string]guard.Mode{}
	for _, id := range session.IDs() {
		policy.Rules[id] = guard.ModeMonitor
	}
	seen := map[string]int{}
	g, err := guard.New(policy, guard.WithDetector(s, session.IDs()...),
		guard.WithHooks(guard.Hooks{Finding: func(_ context.Context, f guard.Finding, _ guard.Mode) { seen[f.Rule]++ }}))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, word := range []string{"quickly", "slowly", "at last", "by night", "on Monday"} {
		r := httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(guardtest.Chat("Please tell me how the ships that lie at the northern quay leave the harbour when the tide is low, the wind is from the west, and no pilot has come aboard "+word)))
		r.Header.Set("Content-Type", "application/json")
		g.Handler(&guardtest.Upstream{Pieces: []string{"They wait for the tide."}}).ServeHTTP(httptest.NewRecorder(), r)
	}
	fmt.Println(seen)
	// Output: map[session.iteration:3]
}
