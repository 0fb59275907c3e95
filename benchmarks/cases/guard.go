package cases

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/holdfast-ai/holdfast/benchmarks/ratio"
	"github.com/holdfast-ai/holdfast/guard"
)

const answer = `{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,` +
	`"message":{"role":"assistant","content":"The harbour opens at six."},"finish_reason":"stop"}],` +
	`"usage":{"prompt_tokens":200,"completion_tokens":6,"total_tokens":206}}`

// guardChat sends a chat of about 1 KiB of prose through the guard with its default policy to a handler that reads the body
// and answers, beside a handler that reads and decodes the same body and gives the same answer without a guard.
func guardChat() (ratio.Case, error) {
	prose := strings.Repeat("Tell me when the harbour opens and which ships are due tomorrow morning. ", 12)
	body, err := json.Marshal(map[string]any{"model": "m", "max_tokens": 64, "messages": []map[string]string{
		{"role": "system", "content": "You answer questions about a harbour."}, {"role": "user", "content": prose}}})
	if err != nil {
		return ratio.Case{}, err
	}
	p := guard.DefaultPolicy()
	p.Limits.KeyTokens = 1 << 50 // one caller, many requests
	g, err := guard.New(p)
	if err != nil {
		return ratio.Case{}, err
	}
	reply := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer)
	}
	guarded := g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		reply(w)
	}))
	plain := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req struct {
			Model     string
			MaxTokens int `json:"max_tokens"`
			Messages  []struct{ Role, Content string }
		}
		b, err := io.ReadAll(r.Body)
		if err != nil || json.Unmarshal(b, &req) != nil || len(req.Messages) != 2 {
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		reply(w)
	})
	return ratio.Case{
		Name: "guard/chat/1KiB", Better: ratio.Lower,
		Subject:   func() error { return post(guarded, body) },
		Yardstick: func() error { return post(plain, body) },
	}, nil
}

// post gives the body to a handler and wants the answer back.
func post(h http.Handler, body []byte) error {
	r, err := http.NewRequest(http.MethodPost, "/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.RemoteAddr = "127.0.0.1:4000"
	w := response{header: http.Header{}}
	h.ServeHTTP(&w, r)
	if w.status != 0 && w.status != http.StatusOK || w.body.String() != answer {
		return fmt.Errorf("status %d, %d bytes", w.status, w.body.Len())
	}
	return nil
}

// response is the least ResponseWriter.
type response struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *response) Header() http.Header         { return w.header }
func (w *response) WriteHeader(status int)      { w.status = status }
func (w *response) Write(p []byte) (int, error) { return w.body.Write(p) }
func (w *response) Flush()                      {}
