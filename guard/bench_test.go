package guard_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard"
)

// chatOf returns a chat request of about n bytes of English prose.
func chatOf(n int) string {
	prose := "The keeper climbed the stairs each evening, lit the lamp, and wrote the weather into a book. \\\"Nothing to report,\\\" he wrote.\\n"
	return `{"model":"tiny-stories","messages":[{"role":"system","content":"You are a helpful storyteller."},{"role":"user","content":"` +
		strings.Repeat(prose, max(1, (n-180)/len(prose))) + `"}],"max_tokens":64,"temperature":0.7,"stream":false}`
}

func BenchmarkChat1KiB(b *testing.B) {
	body := chatOf(1 << 10)
	type message struct{ Role, Content string }
	type chat struct {
		Model       string
		Messages    []message
		MaxTokens   int `json:"max_tokens"`
		Temperature float64
		Stream      bool
	}
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"choices":[]}`)
	})
	decode := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		var c chat
		if err != nil || json.Unmarshal(data, &c) != nil {
			b.Error("decode")
		}
		answer(w, r)
	})
	p := guard.DefaultPolicy()
	p.Limits.KeyTokens = 1 << 60
	p.Canary = []string{"canary-9f8e7d6c"}
	for _, v := range []struct {
		name string
		h    http.Handler
	}{{"bare", answer}, {"decode", decode}, {"guard", newGuard(b, p).Handler(answer)}} {
		b.Run(v.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			r := httptest.NewRequest("POST", "/v1/chat/completions", nil)
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			for b.Loop() {
				w.Body.Reset()
				r.Body = io.NopCloser(strings.NewReader(body))
				r.ContentLength = int64(len(body))
				v.h.ServeHTTP(w, r)
			}
			if w.Code != 200 {
				b.Fatal(w.Body)
			}
		})
	}
}
