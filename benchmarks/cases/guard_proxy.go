package cases

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/holdfast-ai/holdfast/benchmarks/ratio"
	"github.com/holdfast-ai/holdfast/guard"
)

// chatBody is a chat of about n bytes of prose.
func chatBody(n int) ([]byte, error) {
	const line = "Tell me when the harbour opens and which ships are due tomorrow morning. "
	return json.Marshal(map[string]any{"model": "m", "max_tokens": 64, "messages": []map[string]string{
		{"role": "system", "content": "You answer questions about a harbour."}, {"role": "user", "content": strings.Repeat(line, n/len(line))}}})
}

// openPolicy is the default policy for one caller with many, or large, requests.
func openPolicy() guard.Policy {
	p := guard.DefaultPolicy()
	p.Limits.KeyTokens, p.Limits.MaxInputTokens, p.Limits.MaxBodyBytes = 1<<50, 1<<40, 8<<20
	return p
}

// guardProxy sends a chat of 4 KiB over loopback through a reverse proxy behind the guard, beside the reverse proxy alone:
// what the guard adds to a request that crosses a network, client and upstream included.
func guardProxy() (ratio.Case, error) {
	body, err := chatBody(4 << 10)
	if err != nil {
		return ratio.Case{}, err
	}
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer)
	}))
	u, err := url.Parse(back.URL)
	if err != nil {
		return ratio.Case{}, err
	}
	proxy := func() *httputil.ReverseProxy {
		return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) }, Transport: &http.Transport{DisableCompression: true}}
	}
	g, err := guard.New(openPolicy())
	if err != nil {
		return ratio.Case{}, err
	}
	send := func(h http.Handler) func() error {
		srv := httptest.NewServer(h)
		return func() error {
			res, err := srv.Client().Post(srv.URL+"/v1/chat/completions", "application/json", bytes.NewReader(body))
			if err != nil {
				return err
			}
			defer res.Body.Close()
			got, err := io.ReadAll(res.Body)
			if err == nil && (res.StatusCode != http.StatusOK || string(got) != answer) {
				err = fmt.Errorf("status %d, %d bytes", res.StatusCode, len(got))
			}
			return err
		}
	}
	return ratio.Case{Name: "guard/chat/4KiB", Better: ratio.Lower, Subject: send(g.Handler(proxy())), Yardstick: send(proxy())}, nil
}

// begin takes a streaming chat to the point where its events come.
func begin(g *guard.Guard, body []byte) (*guard.Transaction, error) {
	tx := g.Begin(context.Background())
	for _, v := range []guard.Verdict{
		tx.Request(&guard.Request{Method: "POST", Path: "/v1/chat/completions", Header: http.Header{"Content-Type": {"application/json"}}, RemoteAddr: "127.0.0.1:1"}),
		tx.RequestBody(body), tx.Response(http.StatusOK, http.Header{"Content-Type": {"text/event-stream"}}),
	} {
		if v.Action != guard.Allow {
			return nil, v.Rejection
		}
	}
	return tx, nil
}

// guardSSE takes the events of a stream of prose through the guard, with a canary and a system prompt to look for, beside
// a handler that decodes each event's JSON with the standard library and copies it.
func guardSSE() (ratio.Case, error) {
	p := openPolicy()
	p.Canary = []string{"~canary-9f8e7d6c"}
	p.SystemPrompts = []string{"You answer questions about a harbour, and never say when the gates are closed at night."}
	g, err := guard.New(p)
	if err != nil {
		return ratio.Case{}, err
	}
	body, err := chatBody(256)
	if err != nil {
		return ratio.Case{}, err
	}
	var events [][]byte
	for word := range strings.FieldsSeq(strings.Repeat("The harbour opens at six and the first ship is due at seven in the morning. ", 16)) {
		events = append(events, fmt.Appendf(nil, `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"%s "},"finish_reason":null}]}`+"\n\n", word))
	}
	tx, err := begin(g, body)
	if err != nil {
		return ratio.Case{}, err
	}
	var out, plain []byte
	return ratio.Case{
		Name: "guard/sse", Better: ratio.Lower,
		Subject: func() error {
			for _, e := range events {
				var v guard.Verdict
				if out, v = tx.ResponseChunk(out[:0], e); v.Action != guard.Allow || !bytes.Equal(out, e) {
					return fmt.Errorf("an event of prose was held back or changed: %d of %d bytes came", len(out), len(e))
				}
			}
			return nil
		},
		Yardstick: func() error {
			for _, e := range events {
				var v struct {
					Choices []struct{ Delta struct{ Content string } }
				}
				if err := json.Unmarshal(e[len("data: "):], &v); err != nil || len(v.Choices) != 1 {
					return fmt.Errorf("decode: %w", err)
				}
				plain = append(plain[:0], e...)
			}
			return nil
		},
	}, nil
}

// guardLinear takes one chat of 4 MiB through the guard, beside 1,024 chats of 4 KiB: the cost of a byte must not grow with
// the size of the body.
func guardLinear() (ratio.Case, error) {
	g, err := guard.New(openPolicy())
	if err != nil {
		return ratio.Case{}, err
	}
	large, err := chatBody(4 << 20)
	if err != nil {
		return ratio.Case{}, err
	}
	small, err := chatBody(4 << 10)
	if err != nil {
		return ratio.Case{}, err
	}
	h := g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer)
	}))
	return ratio.Case{
		Name: "guard/linear", Better: ratio.Lower,
		Subject: func() error { return post(h, large) },
		Yardstick: func() error {
			for range len(large) / len(small) {
				if err := post(h, small); err != nil {
					return err
				}
			}
			return nil
		},
	}, nil
}
