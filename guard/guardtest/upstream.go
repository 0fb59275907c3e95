// Package guardtest has what tests of a guarded server need: an upstream whose answers are any text one chooses, cut
// where one chooses, a reader of the stream that a client gets, and a table of hostile requests with their benign twins.
package guardtest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
)

// An Upstream is a chat server that answers with fixed text. Set its fields before it serves.
type Upstream struct {
	Pieces []string // the answer, as it is cut into events
	Chunk  int      // bytes for each write of a stream; 0 = one event each
	Body   string   // if set, the whole answer as it is, with ContentType
	Status int      // default 200

	ContentType string // default application/json, or text/event-stream for requests with stream set

	ran  atomic.Int64
	last atomic.Pointer[[]byte]
	cut  atomic.Bool
}

// Ran returns how many requests reached the upstream.
func (u *Upstream) Ran() int { return int(u.ran.Load()) }

// Cancelled reports whether a write failed or the context of a request was cancelled before its answer was complete.
func (u *Upstream) Cancelled() bool { return u.cut.Load() }

// LastBody returns the body of the latest request, as it arrived.
func (u *Upstream) LastBody() []byte {
	if b := u.last.Load(); b != nil {
		return *b
	}
	return nil
}

// ServeHTTP implements [http.Handler].
func (u *Upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.ran.Add(1)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "read", http.StatusInternalServerError)
		return
	}
	u.last.Store(&body)
	var req struct {
		Stream bool `json:"stream"`
	}
	streamed := json.Unmarshal(body, &req) == nil && req.Stream
	out, contentType := u.Body, u.ContentType
	switch {
	case u.Body != "":
	case streamed:
		out = Events(u.Pieces...)
	default:
		out = Completion(strings.Join(u.Pieces, ""))
	}
	if contentType == "" {
		contentType = "application/json"
		if streamed {
			contentType = "text/event-stream"
		}
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(max(u.Status, http.StatusOK))
	for _, piece := range cut(out, u.Chunk, streamed) {
		if _, err := io.WriteString(w, piece); err != nil || r.Context().Err() != nil {
			u.cut.Store(true)
			return
		}
		_ = http.NewResponseController(w).Flush() // a recorder in a test need not flush
	}
}

func cut(s string, n int, events bool) []string {
	if n <= 0 && events {
		return strings.SplitAfter(s, "\n\n")
	}
	if n <= 0 {
		return []string{s}
	}
	var out []string
	for len(s) > n {
		out, s = append(out, s[:n]), s[n:]
	}
	return append(out, s)
}

// Completion returns a chat completion with the given text.
func Completion(text string) string {
	return `{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":` +
		quote(text) + `},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}`
}

// Events returns a stream of chat completion chunks, one for each piece of the text, with its end.
func Events(pieces ...string) string {
	var b strings.Builder
	for _, p := range pieces {
		b.WriteString("data: " + chunk(`{"content":`+quote(p)+`}`, "null") + "\n\n")
	}
	b.WriteString("data: " + chunk(`{}`, `"stop"`) + "\n\ndata: [DONE]\n\n")
	return b.String()
}

func chunk(delta, finish string) string {
	return `{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":` +
		delta + `,"finish_reason":` + finish + `}]}`
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic("guardtest: internal error: " + err.Error())
	}
	return string(b)
}
