package guard_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// A body that the guard refuses before it reads it holds its connection no longer than one that it reads.
func TestRefusedBodiesHoldNoConnection(t *testing.T) {
	p := guard.DefaultPolicy()
	p.Limits.BodySeconds = 5
	g, err := guard.New(p)
	if err != nil {
		t.Fatal(err)
	}
	h := g.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the upstream was reached") }))
	for _, line := range []string{"POST /nowhere", "DELETE /v1/chat/completions", "POST /v1/chat/completions?x=1", "POST /v1/chat/completions"} {
		synctest.Test(t, func(t *testing.T) {
			if d := testkit.Held(h, line+" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n", true); d > time.Minute {
				t.Errorf("%s: the connection was held for %v", line, d)
			}
		})
	}
}
