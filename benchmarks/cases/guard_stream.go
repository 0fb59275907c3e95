package cases

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/holdfast-ai/holdfast/benchmarks/ratio"
	"github.com/holdfast-ai/holdfast/guard"
)

// watchful is an open policy with something to look for in answers.
func watchful() guard.Policy {
	p := openPolicy()
	p.Canary = []string{"~canary-9f8e7d6c"}
	p.SystemPrompts = []string{"You answer questions about a harbour, and never say when the gates are closed at night."}
	return p
}

func streamingChat() ([]byte, error) {
	return json.Marshal(map[string]any{"model": "m", "stream": true, "messages": []map[string]string{{"role": "user", "content": "When does the harbour open?"}}})
}

// proseEvents are the events of a streamed answer, a word in each.
func proseEvents() [][]byte {
	var events [][]byte
	for word := range strings.FieldsSeq(strings.Repeat("The harbour opens at six and the first ship is due at seven in the morning. ", 16)) {
		events = append(events, fmt.Appendf(nil, `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"%s "},"finish_reason":null}]}`+"\n\n", word))
	}
	return events
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
	g, err := guard.New(watchful())
	if err != nil {
		return ratio.Case{}, err
	}
	body, err := streamingChat()
	if err != nil {
		return ratio.Case{}, err
	}
	events := proseEvents()
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

// guardFlush sends the same stream over loopback, one write and one flush for each event as a proxy does it, through the
// guard, beside the same handler alone: what the guard adds to a bare copy that reaches the client.
func guardFlush() (ratio.Case, error) {
	g, err := guard.New(watchful())
	if err != nil {
		return ratio.Case{}, err
	}
	body, err := streamingChat()
	if err != nil {
		return ratio.Case{}, err
	}
	events := proseEvents()
	want := bytes.Join(events, nil)
	copied := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		rc := http.NewResponseController(w)
		for _, e := range events {
			if _, err := w.Write(e); err != nil || rc.Flush() != nil {
				return
			}
		}
	})
	var servers []*httptest.Server
	send := func(h http.Handler) func() error {
		srv := httptest.NewServer(h)
		servers = append(servers, srv)
		return func() error {
			res, err := srv.Client().Post(srv.URL+"/v1/chat/completions", "application/json", bytes.NewReader(body))
			if err != nil {
				return err
			}
			defer res.Body.Close()
			got, err := io.ReadAll(res.Body)
			if err == nil && (res.StatusCode != http.StatusOK || !bytes.Equal(got, want)) {
				err = fmt.Errorf("status %d, %d bytes", res.StatusCode, len(got))
			}
			return err
		}
	}
	return ratio.Case{
		Name: "guard/sse/flush", Better: ratio.Lower, Subject: send(g.Handler(copied)), Yardstick: send(copied),
		Close: func() {
			for _, s := range servers {
				s.Close()
			}
		},
	}, nil
}
