// Package guardtest has what tests of a guarded server need. [Conform] is the kit for those who run one: it holds a server
// against hostile and ordinary requests and answers of every route and dialect, streamed and not, and says what failed:
//
//	func TestGuarded(t *testing.T) {
//		guardtest.Conform(t, func(upstream http.Handler) http.Handler { return newServer(upstream) })
//	}
//
// Below it are an upstream whose answers are any text one chooses, cut where one chooses, in every dialect; vocabularies that cut
// it where tokenizers of models do ([Pieces]), and write a tiny model that says the text in a real engine ([Vocabulary.GGUF]); a
// reader of what a client gets; and a table of hostile chat requests with their benign twins.
package guardtest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/holdfast-ai/holdfast/guard/api"
)

// An Upstream is a server of every dialect that answers with fixed text, in the dialect of the path it is asked on. Set its
// fields before it serves.
type Upstream struct {
	Pieces []string // the answer, as it is cut into events; see the function of this name
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
	kind := kindOf(r.URL.Path)
	streamed := wantsStream(kind, body)
	out, contentType := u.Body, u.ContentType
	switch {
	case u.Body != "":
	case streamed:
		out = strings.Join(Stream(kind, u.Pieces...), "")
	default:
		out = Say(kind, strings.Join(u.Pieces, ""))
	}
	if contentType == "" {
		contentType = media(kind, streamed)
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(max(u.Status, http.StatusOK))
	end := "\n\n"
	if framing(kind) == api.NDJSON {
		end = "\n"
	}
	for _, piece := range cut(out, u.Chunk, streamed, end) {
		if _, err := io.WriteString(w, piece); err != nil || r.Context().Err() != nil {
			u.cut.Store(true)
			return
		}
		_ = http.NewResponseController(w).Flush() // a recorder in a test need not flush
	}
}

// wantsStream reports whether a request is for a stream. Ollama streams unless it is told not to.
func wantsStream(k api.Kind, body []byte) bool {
	var req struct {
		Stream *bool `json:"stream"`
	}
	if json.Unmarshal(body, &req) != nil || !Streams(k) {
		return false
	}
	if req.Stream == nil {
		return framing(k) == api.NDJSON
	}
	return *req.Stream
}

func cut(s string, n int, events bool, end string) []string {
	if n <= 0 && events {
		return strings.SplitAfter(s, end)
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
