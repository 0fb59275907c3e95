package keyrelease

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// Nobody who is not known yet holds a connection of the server by sending slowly, whether it reads that or not.
func TestSlowRequestsHoldNoConnection(t *testing.T) {
	w := newWorld(t)
	for _, begin := range []string{
		"POST /v1/release HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n",
		"POST /v1/release HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 4000\r\n\r\n",
		"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n",
	} {
		for name, h := range map[string]http.Handler{"server": w.server(t), "zero": new(Server)} {
			synctest.Test(t, func(t *testing.T) {
				if d := testkit.Held(h, begin, true); d > 2*time.Minute {
					t.Errorf("%s: %q held the connection for %v", name, begin, d)
				}
			})
		}
	}
}
