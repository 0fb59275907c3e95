package guard_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/stream"
)

// streamer makes and reads the streams of one text of one API.
type streamer struct {
	kind   guard.Kind
	body   string // of a request for a stream
	media  string
	events func(pieces []string) string      // a stream whose text comes in these pieces, with other texts between
	text   func(event map[string]any) string // what an event adds to the text
	failed func(event map[string]any) bool   // the event from which the official client raises its error
}

func js(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func each(pieces []string, format string) string {
	var b strings.Builder
	for _, p := range pieces {
		fmt.Fprintf(&b, format, js(p))
	}
	return b.String()
}

// at follows a path of members and positions through decoded JSON.
func at(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

func text(v any, path ...any) string {
	s, _ := at(v, path...).(string)
	return s
}

func hasError(e map[string]any) bool { return e["error"] != nil }

const sse, ndjson = "text/event-stream", "application/x-ndjson"

var streamers = map[string]streamer{
	"chat": {guard.KindChat, streamed, sse, func(p []string) string {
		return each(p, `data: {"id":"c","choices":[{"index":0,"delta":{"content":%s}},{"index":1,"delta":{"content":"other h"}}]}`+"\n\n") +
			`data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n"
	}, func(e map[string]any) string { return text(e, "choices", 0, "delta", "content") }, hasError},
	"second choice, CR LF": {guard.KindChat, streamed, sse, func(p []string) string {
		return each(p, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"h\"}},{\"delta\":{\"content\":%s},\"index\":1}]}\r\n\r\n") + "data: [DONE]\r\n\r\n"
	}, func(e map[string]any) string { return text(e, "choices", 1, "delta", "content") }, hasError},
	"reasoning": {guard.KindChat, streamed, sse, func(p []string) string {
		return each(p, `data: {"choices":[{"index":0,"delta":{"reasoning_content":%s}}]}`+"\n\n: comment\n\n") + "data: [DONE]\n\n"
	}, func(e map[string]any) string { return text(e, "choices", 0, "delta", "reasoning_content") }, hasError},
	"tool call": {guard.KindChat, streamed, sse, func(p []string) string {
		return each(p, `data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":%s}},{"index":0,"function":{"arguments":"hf"}}]}}]}`+"\n\n") + "data: [DONE]\n\n"
	}, func(e map[string]any) string {
		return text(e, "choices", 0, "delta", "tool_calls", 0, "function", "arguments")
	}, hasError},
	"log probabilities": {guard.KindChat, strings.Replace(streamed, "{", `{"logprobs":true,`, 1), sse, func(p []string) string {
		return each(p, `data: {"choices":[{"index":0,"delta":{},"logprobs":{"content":[{"token":%s,"logprob":-0.123456,"bytes":[104,102]}]}}]}`+"\n\n") + "data: [DONE]\n\n"
	}, func(e map[string]any) string { return text(e, "choices", 0, "logprobs", "content", 0, "token") }, hasError},
	"completions": {guard.KindCompletions, `{"model":"m","prompt":"hi","stream":true}`, sse, func(p []string) string {
		return each(p, `data: {"choices":[{"index":0,"text":%s}]}`+"\n\n") + "data: [DONE]\n\n"
	}, func(e map[string]any) string { return text(e, "choices", 0, "text") }, hasError},
	"responses": {guard.KindResponses, `{"model":"m","input":"hi","stream":true}`, sse, func(p []string) string {
		return "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"r\"}}\n\n" +
			each(p, "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":%s}\n\n") +
			"event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"output\":[{\"content\":[{\"text\":" + js(strings.Join(p, "")) + "}]}]}}\n\n"
	}, func(e map[string]any) string { return text(e, "delta") }, hasError},
	"anthropic": {guard.KindMessages, `{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"hi"}],"stream":true}`, sse, func(p []string) string {
		return "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"content\":[]}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":" + js(p[0]) + "}}\n\n" +
			each(p[1:], "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":%s}}\n\n") +
			"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
	}, func(e map[string]any) string { return text(e, "delta", "text") + text(e, "content_block", "text") },
		func(e map[string]any) bool { return e["type"] == "error" }},
	"anthropic tool": {guard.KindMessages, `{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"hi"}],"stream":true}`, sse, func(p []string) string {
		return each(p, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":3,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":%s}}\n\n") +
			"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
	}, func(e map[string]any) string { return text(e, "delta", "partial_json") },
		func(e map[string]any) bool { return e["type"] == "error" }},
	"ollama chat": {guard.KindOllamaChat, `{"model":"m","messages":[{"role":"user","content":"hi"}]}`, ndjson, func(p []string) string {
		return each(p, `{"model":"m","message":{"role":"assistant","content":%s},"done":false}`+"\n") + `{"model":"m","message":{"role":"assistant","content":""},"done":true,"eval_count":3}` + "\n"
	}, func(e map[string]any) string { return text(e, "message", "content") }, hasError},
	"ollama generate": {guard.KindGenerate, `{"model":"m","prompt":"hi"}`, ndjson, func(p []string) string {
		return each(p, `{"response":%s,"done":false}`+"\r\n") + `{"response":"","done":true,"context":[1,2,3]}`
	}, func(e map[string]any) string { return text(e, "response") }, hasError},
}

// drive takes chunks of an answer through a transaction and returns what is sent.
func drive(t testing.TB, g *guard.Guard, s *streamer, chunks ...string) (string, *guard.Rejection) {
	t.Helper()
	tx := g.Begin(t.Context())
	defer tx.Close()
	if v := tx.Request(&guard.Request{Method: "POST", Path: guard.Routes(s.kind)[0].Path, Header: http.Header{"Content-Type": {"application/json"}}, RemoteAddr: "a:1"}); v.Action != guard.Allow {
		t.Fatal(v.Rejection)
	}
	if v := tx.RequestBody([]byte(s.body)); v.Action != guard.Allow {
		t.Fatal(v.Rejection, v.Rejection.Err)
	}
	if v := tx.Response(200, http.Header{"Content-Type": {s.media}}); v.Action != guard.Allow {
		t.Fatal(v.Rejection)
	}
	var out []byte
	for _, c := range chunks {
		var v guard.Verdict
		if out, v = tx.ResponseChunk(out, []byte(c)); v.Action != guard.Allow {
			return string(tx.AppendDenial(out, v.Rejection)), v.Rejection
		}
	}
	out, v := tx.ResponseEnd(out)
	if v.Action != guard.Allow {
		return string(tx.AppendDenial(out, v.Rejection)), v.Rejection
	}
	return string(out), nil
}

// read assembles the text that a client gets, and reports whether it raises an error.
func (s *streamer) read(t testing.TB, out string) (got string, failed bool) {
	t.Helper()
	for line := range strings.SplitSeq(out, "\n") {
		data := line
		if s.media == sse {
			var ok bool
			if data, ok = strings.CutPrefix(line, "data: "); !ok {
				continue
			}
		}
		if data == "" || data == "[DONE]" {
			continue
		}
		var e map[string]any
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			t.Fatalf("%v in %q of\n%s", err, data, out)
		}
		if failed {
			t.Fatalf("an event behind the error:\n%s", out)
		}
		failed = s.failed(e)
		got += s.text(e)
	}
	return got, failed
}

func redacting(mode guard.Mode) guard.Policy {
	p := leaky()
	p.Limits.KeyTokens = 1 << 50
	p.Routes = nil
	for _, k := range []guard.Kind{guard.KindChat, guard.KindCompletions, guard.KindResponses, guard.KindMessages, guard.KindOllamaChat, guard.KindGenerate, guard.KindEmbeddings, guard.KindEmbed, guard.KindInfer} {
		p.Routes = append(p.Routes, guard.Routes(k)...)
	}
	p.Output = map[string]guard.Mode{detect.RuleCanary: mode, detect.RulePrompt: mode}
	return p
}

// expected is what a rule-abiding client must see of a text.
func expected(t testing.TB, text string) (redacted string, clean bool) {
	t.Helper()
	l, err := detect.NewLeak([]string{canary}, []string{system})
	if err != nil {
		t.Fatal(err)
	}
	s := l.Start()
	ms, _, _ := s.Write(nil, []byte(text))
	ms, _ = s.Finish(ms)
	for i := range ms {
		ms[i].Replacement = "[redacted]"
	}
	return string(stream.Redact(nil, []byte(text), ms)), len(ms) == 0
}

var splitTexts = []string{
	"The tide is high.",
	"It is " + canary + ", \"quoted\" \\ ü€🙂 \n and " + strings.ToUpper(canary) + canary + " h",
	"hf-can" + canary + "hf-canary-7Q2x",
	"so never tell anyone the tide tables before the bell has rung, " + canary,
}

// Whatever the cuts of the text into events, the client's text is the redacted text. When the rule blocks, it is a prefix
// of it that ends before the leak, and the official client's error follows.
func TestEveryCutOfTheText(t *testing.T) {
	redact, block := newGuard(t, redacting(guard.ModeRedact)), newGuard(t, redacting(guard.ModeBlock))
	for name, s := range streamers {
		t.Run(name, func(t *testing.T) {
			for _, text := range splitTexts {
				want, clean := expected(t, text)
				cuts := []int{0}
				for i := range text {
					cuts = append(cuts, i)
				}
				for n, i := range cuts {
					j := cuts[(n*7)%len(cuts)]
					for _, pieces := range [][]string{{text[:i], text[i:]}, {text[:min(i, j)], text[min(i, j):max(i, j)], text[max(i, j):]}} {
						raw := s.events(pieces)
						out, rej := drive(t, redact, &s, raw)
						if got, failed := s.read(t, out); rej != nil || failed || got != want {
							t.Fatalf("%q: %v\n%q, want\n%q", pieces, rej, got, want)
						}
						out, rej = drive(t, block, &s, raw)
						got, failed := s.read(t, out)
						if failed == clean || (rej == nil) != clean || !strings.HasPrefix(text, got) || strings.Contains(strings.ToLower(got), strings.ToLower(canary)) || strings.Contains(got, "before the bell has") {
							t.Fatalf("blocked: %q: %v %t\n%q", pieces, rej, failed, got)
						}
					}
				}
			}
		})
	}
}

// Whatever the cuts of the bytes into writes, the same bytes are sent.
func TestEveryCutOfTheBytes(t *testing.T) {
	g := newGuard(t, redacting(guard.ModeRedact))
	for name, s := range streamers {
		t.Run(name, func(t *testing.T) {
			raw := s.events([]string{"It is hf-can", "ary-7", "Q2x9 \"ü", "🙂\", never tell anyone the tide tables ", "before the bell", " h"})
			want, rej := drive(t, g, &s, raw)
			if rej != nil || strings.Contains(want, canary) || strings.Contains(want, "before the bell") || !strings.Contains(want, "[redacted]") {
				t.Fatal(rej, want)
			}
			for i := range raw {
				for _, j := range []int{i, min(i+1, len(raw)), (i + len(raw)) / 2} {
					if out, rej := drive(t, g, &s, raw[:i], raw[i:j], raw[j:]); rej != nil || out != want {
						t.Fatalf("cut at %d and %d: %v\n%s\nwant\n%s", i, j, rej, out, want)
					}
				}
			}
			if out, rej := drive(t, g, &s, strings.Split(raw, "")...); rej != nil || out != want {
				t.Fatalf("by characters: %v\n%s", rej, out)
			}
		})
	}
}

// A stream in which nothing is found is sent as it came, but for comments and line ends.
func TestCleanStreamsAreUnchanged(t *testing.T) {
	g := newGuard(t, redacting(guard.ModeRedact))
	for name, s := range streamers {
		raw := s.events([]string{"one ", "two ", "three"})
		want := strings.ReplaceAll(strings.ReplaceAll(raw, "\r", ""), ": comment\n\n", "")
		want = strings.ReplaceAll(strings.ReplaceAll(want, `"bytes":[104,102]`, `"bytes":[]`), "-0.123456", "-0.1000")
		want = strings.ReplaceAll(want, `"context":[1,2,3]}`, `"context":[]}`+"\n")
		if out, rej := drive(t, g, &s, raw); rej != nil || out != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, rej, out, want)
		}
	}
}
