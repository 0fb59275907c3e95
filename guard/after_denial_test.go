package guard_test

import (
	"net/http"
	"testing"

	"github.com/holdfast-ai/holdfast/guard"
)

// A transaction that was denied stays denied, by the same rejection, in each phase that would come next.
func TestNothingFollowsADenial(t *testing.T) {
	g := newGuard(t, all())
	request := &guard.Request{Method: "POST", Path: "/v1/chat/completions", Header: http.Header{"Content-Type": {"application/json"}}, Length: -1, RemoteAddr: "192.0.2.1:1"}
	for name, deny := range map[string]func(*guard.Transaction) guard.Verdict{
		"request": func(tx *guard.Transaction) guard.Verdict {
			other := *request
			other.Path = "/v1/other"
			return tx.Request(&other)
		},
		"body": func(tx *guard.Transaction) guard.Verdict {
			if v := tx.Request(request); v.Action != guard.Allow {
				t.Fatal(v)
			}
			return tx.RequestBody([]byte(`{"model":"m","messages":[{"role":"user","content":"` + attack + `"}]}`))
		},
	} {
		tx := g.Begin(t.Context())
		v := deny(tx)
		if v.Action != guard.Deny || v.Rejection == nil {
			t.Fatalf("%s: %v", name, v)
		}
		if name == "request" {
			if next := tx.RequestBody([]byte(hello)); next.Action != guard.Deny || next.Rejection != v.Rejection {
				t.Errorf("%s: the body: %v", name, next)
			}
		}
		if next := tx.Response(200, http.Header{"Content-Type": {"application/json"}}); next.Action != guard.Deny || next.Rejection != v.Rejection {
			t.Errorf("%s: the response: %v", name, next)
		}
		if out, next := tx.ResponseChunk(nil, []byte(`{}`)); next.Action != guard.Deny || next.Rejection != v.Rejection || len(out) != 0 {
			t.Errorf("%s: a chunk: %q, %v", name, out, next)
		}
		if end := tx.Close(); end.Action != guard.Deny {
			t.Errorf("%s: the end: %v", name, end)
		}
	}
}
