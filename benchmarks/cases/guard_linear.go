package cases

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-ai/holdfast/benchmarks/ratio"
	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/tensor"
)

// A linear is one direction of one API whose cost is measured by size.
type linear struct {
	name, path, media string
	request           func(n int) ([]byte, error) // of about n bytes
	answer            func(n int) []byte          // nil = a short one, whatever n
}

const harbour = "Tell me when the harbour opens and which ships are due tomorrow morning. "

func prompt(member string) func(int) ([]byte, error) {
	return func(n int) ([]byte, error) {
		return json.Marshal(map[string]any{"model": "m", member: strings.Repeat(harbour, n/len(harbour))})
	}
}

// repeated is an answer of about n bytes: events, and what ends them.
func repeated(event, last string) func(int) []byte {
	return func(n int) []byte { return []byte(strings.Repeat(event, n/len(event)) + last) }
}

func short(body string) func(int) ([]byte, error) {
	return func(int) ([]byte, error) { return []byte(body), nil }
}

// floats is an inference request whose tensor is about n bytes of JSON.
func floats(n int) ([]byte, error) {
	const each = len("0.8191,")
	b := fmt.Appendf(nil, `{"inputs":[{"name":"x","shape":[%d],"datatype":"FP32","data":[`, n/each)
	for i := range n / each {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendFloat(b, 0.1+float64(i%8191)/10007, 'f', 4, 64)
	}
	return append(b, "]}]}"...), nil
}

// linears are the cases of guard/linear.
func linears() []linear {
	chat := `{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}`
	return []linear{
		{name: "chat", path: "/v1/chat/completions", request: chatBody},
		{name: "completions", path: "/v1/completions", request: prompt("prompt")},
		{name: "ollama", path: "/api/generate", request: prompt("prompt")},
		{name: "kserve", path: "/v2/models/m/infer", request: floats},
		{name: "answer", path: "/v1/chat/completions", request: short(strings.Replace(chat, "true", "false", 1)), media: "application/json", answer: func(n int) []byte {
			return fmt.Appendf(nil, `{"choices":[{"index":0,"message":{"role":"assistant","content":"%s"},"finish_reason":"stop"}]}`, strings.Repeat(harbour, n/len(harbour)))
		}},
		{name: "sse", path: "/v1/chat/completions", request: short(chat), media: "text/event-stream",
			answer: repeated(`data: {"id":"c","choices":[{"index":0,"delta":{"content":"the harbour "},"finish_reason":null}]}`+"\n\n", "data: [DONE]\n\n")},
		{name: "ndjson", path: "/api/chat", request: short(chat), media: "application/x-ndjson",
			answer: repeated(`{"model":"m","message":{"role":"assistant","content":"the harbour "},"done":false}`+"\n", `{"model":"m","message":{"role":"assistant","content":""},"done":true}`+"\n")},
	}
}

// linearConstructors lists the cases of guard/linear.
func linearConstructors() []Constructor {
	var out []Constructor
	for _, l := range linears() {
		out = append(out, Constructor{"guard/linear/" + l.name, l.new})
	}
	return out
}

// new takes one message of 4 MiB through the guard, beside 1,024 of 4 KiB: the cost of a byte must not grow with the size of
// the message, whichever way it goes.
func (l linear) new() (ratio.Case, error) {
	p := watchful()
	p.Routes = slices.Concat(guard.Routes(guard.KindChat), guard.Routes(guard.KindCompletions), guard.Routes(guard.KindGenerate),
		guard.Routes(guard.KindOllamaChat), guard.Routes(guard.KindInfer))
	g, err := guard.New(p, guard.WithTensorSpecs(&tensor.Specs{Version: 1, Expires: time.Now().Add(24 * time.Hour), Inputs: []tensor.Spec{
		{Name: "x", DTypes: []tensor.DType{tensor.F32}, AnyDims: true, MaxElements: 1 << 20, AbsMax: 1000}}}))
	if err != nil {
		return ratio.Case{}, err
	}
	large, err := l.exchange(g, 4<<20)
	if err != nil {
		return ratio.Case{}, err
	}
	small, err := l.exchange(g, 4<<10)
	if err != nil {
		return ratio.Case{}, err
	}
	return ratio.Case{
		Name: "guard/linear/" + l.name, Better: ratio.Lower, Bytes: 4 << 20,
		Subject: large,
		Yardstick: func() error {
			for range 1 << 10 {
				if err := small(); err != nil {
					return err
				}
			}
			return nil
		},
	}, nil
}

// exchange returns one request and its answer, of which one has about n bytes.
func (l linear) exchange(g *guard.Guard, n int) (func() error, error) {
	body, err := l.request(n)
	if err != nil {
		return nil, err
	}
	media, reply := "application/json", []byte("{}")
	if l.answer != nil {
		media, reply = l.media, l.answer(n)
	}
	if len(body)+len(reply) < n*9/10 {
		return nil, errors.New("guard/linear: the message is too short")
	}
	h := g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", media)
		for b := reply; len(b) > 0; { // as it comes from a connection
			some := min(len(b), 4<<10)
			if _, err := w.Write(b[:some]); err != nil {
				return
			}
			b = b[some:]
		}
	}))
	return func() error {
		r, err := http.NewRequest(http.MethodPost, l.path, bytes.NewReader(body))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/json")
		r.RemoteAddr = "127.0.0.1:4000"
		w := counted{header: http.Header{}}
		h.ServeHTTP(&w, r)
		if w.status != http.StatusOK || w.n != len(reply) {
			return fmt.Errorf("guard/linear/%s: status %d, %d of %d bytes", l.name, w.status, w.n, len(reply))
		}
		return nil
	}, nil
}

// counted is a ResponseWriter that counts.
type counted struct {
	header    http.Header
	status, n int
}

func (w *counted) Header() http.Header    { return w.header }
func (w *counted) WriteHeader(status int) { w.status = status }
func (w *counted) Flush()                 {}
func (w *counted) Write(p []byte) (int, error) {
	w.n += len(p)
	return len(p), nil
}
