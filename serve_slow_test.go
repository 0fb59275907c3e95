package holdfast_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-ai/holdfast"
	"github.com/holdfast-ai/holdfast/attest/channel"
	"github.com/holdfast-ai/holdfast/attest/receipt"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// Nobody holds a connection by sending a body that is not read, whatever the path; what the engine answers with may take its time.
func TestBodiesThatNobodyReads(t *testing.T) {
	cfg, _, _ := reloadable(t)
	engine := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(30 * time.Second)
		newAnswer().ServeHTTP(w, r)
		if r.Context().Err() != nil {
			t.Error("the request ended while it was answered")
		}
	})
	_, h := serve(t, cfg, engine)
	for _, line := range []string{
		"GET " + holdfast.PathMBOM, "PUT " + holdfast.PathMBOM, "GET " + channel.PathEvidence, "POST " + receipt.PathPrefix, "GET /.well-known/holdfast/x",
		"POST /nowhere", "GET /", "DELETE /v1/chat/completions",
	} {
		t.Run(line, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if held := testkit.Held(h, line+" HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n", true); held > time.Minute {
					t.Errorf("the connection was held for %v", held)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		text := fmt.Sprintf("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(question), question)
		if held := testkit.Held(h, text, false); held < 30*time.Second {
			t.Errorf("an answer that takes 30 s ended after %v", held)
		}
	})
}
