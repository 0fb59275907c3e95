package channel

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// A peer that nobody knows yet holds no connection by sending its request slowly.
func TestSlowExchange(t *testing.T) {
	w := newWorld(t, nil)
	for _, line := range []string{"POST " + PathChannel, "GET " + PathChannel, "GET " + PathEvidence, "POST /"} {
		t.Run(line, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if held := testkit.Held(w.server, line+" HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n", true); held > time.Minute {
					t.Errorf("the connection was held for %v", held)
				}
			})
		})
	}
}
