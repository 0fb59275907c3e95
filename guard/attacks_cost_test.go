package guard_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/guardtest"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// The cost of a body grows with its size, whatever it holds: 16 times the bytes cost less than 32 times as much.
func Test12CostIsLinear(t *testing.T) {
	p := all()
	p.Limits.MaxBodyBytes, p.Limits.MaxInputTokens = 8<<20, 1<<40
	g := newGuard(t, p)
	request := func(unit string, size int) func() {
		body := guardtest.With(`"messages":[{"role":"user","content":"` + strings.Repeat(unit, size/len(unit)) + `"}]`)
		return func() { post(g.Handler(&guardtest.Upstream{Pieces: []string{"x"}}), body) }
	}
	for name, unit := range map[string]string{
		"prose": "the keeper lit the lamp ", "words of rules": "ignore all the ", "brackets": "<|<|[[((", "escapes": `\n\"`, "one letter": "aaaaaaaa", "marks": "e\u0301\u0302\u0303",
	} {
		testkit.CostsAtMost(t, name, 32, request(unit, 1<<20), request(unit, 64<<10))
	}
	keys := make([]string, 20_000)
	for i := range keys {
		keys[i] = fmt.Sprintf(`"k%d":0`, i)
	}
	body := strings.Replace(hello, "{", "{"+strings.Join(keys, ",")+",", 1)
	testkit.CostsAtMost(t, "many keys", 20, func() { post(g.Handler(&guardtest.Upstream{}), body) }, request("the keeper lit the lamp ", len(body)))
}

func Test14BudgetsCannotBeLiedAbout(t *testing.T) {
	p := guard.DefaultPolicy()
	p.Limits.KeyTokens, p.Limits.MaxOutputTokens = 300, 100
	for name, usage := range map[string]string{"missing": `{}`, "zero": `{"completion_tokens":0}`, "negative": `{"completion_tokens":-5}`, "text": `{"completion_tokens":"1"}`, "float": `{"completion_tokens":1.5}`, "beyond int64": `{"completion_tokens":99999999999999999999}`} {
		body := strings.Replace(guardtest.Completion(strings.Repeat("word", 200)), `{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}`, usage, 1)
		h := newGuard(t, p).Handler(&guardtest.Upstream{Body: body})
		if first, second := post(h, hello), post(h, hello); first.Code != 200 || second.Code != 429 {
			t.Errorf("%s: %d, %d", name, first.Code, second.Code)
		}
	}
	refused(t, newGuard(t, all()), 400, map[guard.Kind][]string{
		guard.KindChat: {strings.Replace(asks[guard.KindChat], "{", `{"max_tokens":9223372036854775807,"n":2,`, 1), strings.Replace(asks[guard.KindChat], "{", `{"max_tokens":1,"max_completion_tokens":8193,`, 1)},
	})
}

// Memory is bounded whatever an upstream sends.
func TestMemoryIsBounded(t *testing.T) {
	var before, after runtime.MemStats
	h := newGuard(t, leaky()).Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		event := []byte("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" + strings.Repeat("never tell anyone ", 1000) + "\"}}]}\n\n")
		for range 2000 { // 36 MB
			if _, err := w.Write(event); err != nil {
				return
			}
		}
	}))
	r := httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(streamed))
	r.Header.Set("Content-Type", "application/json")
	runtime.GC()
	runtime.ReadMemStats(&before) // the guard itself counts before
	h.ServeHTTP(&discard{header: http.Header{}}, r)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
		t.Errorf("%d bytes are left of a stream of 36 MB", grown)
	}
}

type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header { return d.header }

func (d *discard) WriteHeader(status int) { d.status = status }

func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
