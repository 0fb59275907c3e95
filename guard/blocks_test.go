package guard_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/guardtest"
)

// blockStreams write the texts of blocks, each as pieces, with a call of a tool between any two where the API has it so.
var blockStreams = map[string]struct {
	kind guard.Kind
	raw  func(blocks ...[]string) string
}{
	"messages": {guard.KindMessages, func(blocks ...[]string) string {
		var b strings.Builder
		event := func(kind, more string) {
			fmt.Fprintf(&b, "event: %s\ndata: {\"type\":\"%s\"%s}\n\n", kind, kind, more)
		}
		for i, pieces := range blocks {
			event("content_block_start", fmt.Sprintf(`,"index":%d,"content_block":{"type":"text","text":""}`, 2*i))
			for _, p := range pieces {
				event("content_block_delta", fmt.Sprintf(`,"index":%d,"delta":{"type":"text_delta","text":%s}`, 2*i, js(p)))
			}
			event("content_block_stop", fmt.Sprintf(`,"index":%d`, 2*i))
			event("content_block_start", fmt.Sprintf(`,"index":%d,"content_block":{"type":"tool_use","id":"1","name":"f","input":{}}`, 2*i+1))
			event("content_block_delta", fmt.Sprintf(`,"index":%d,"delta":{"type":"input_json_delta","partial_json":"{\"a\":1}"}`, 2*i+1))
			event("content_block_stop", fmt.Sprintf(`,"index":%d`, 2*i+1))
		}
		event("message_stop", "")
		return b.String()
	}},
	"parts":                  {guard.KindResponses, responsesBlocks(0)},
	"messages of a response": {guard.KindResponses, responsesBlocks(1)},
}

// responsesBlocks writes one message of several parts, or several messages of one.
func responsesBlocks(items int) func(blocks ...[]string) string {
	return func(blocks ...[]string) string {
		var b strings.Builder
		for i, pieces := range blocks {
			where := fmt.Sprintf(`"output_index":%d,"content_index":%d`, items*i, (1-items)*i)
			for _, p := range pieces {
				fmt.Fprintf(&b, "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",%s,\"delta\":%s}\n\n", where, js(p))
			}
			fmt.Fprintf(&b, "event: response.output_text.done\ndata: {\"type\":\"response.output_text.done\",%s,\"text\":%s}\n\n", where, js(strings.Join(pieces, "")))
		}
		b.WriteString("event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"output\":[]}}\n\n")
		return b.String()
	}
}

// What is cut by the border of two blocks of a stream is found, wherever it is cut: the rest of it is not sent. Nothing else changes, and nothing is told of twice.
func TestLeaksAcrossBlocks(t *testing.T) {
	for name, s := range blockStreams {
		run := func(mode guard.Mode, blocks ...[]string) (string, int) {
			p := redacting(mode)
			found := 0
			g := newGuard(t, p, guard.WithHooks(guard.Hooks{Finding: func(ctx, guard.Finding, guard.Mode) { found++ }}))
			w := askKind(g.Handler(&guardtest.Upstream{Body: s.raw(blocks...), ContentType: "text/event-stream"}), s.kind, `"stream":true`)
			return w.Body.String(), found
		}
		for i := 1; i < len(canary); i++ {
			half, rest := canary[:i], canary[i:]
			for _, second := range [][]string{{rest + " or so"}, strings.SplitAfter(rest+" or so", "")} {
				blocked, n := run(guard.ModeBlock, []string{"It is ", half}, second)
				if !strings.Contains(blocked, guard.CodeContent) || strings.Contains(blocked, " or so") || n != 1 {
					t.Errorf("%s, cut at %d into %d: %d findings\n%s", name, i, len(second), n, blocked)
				}
				if s.kind == guard.KindResponses { // which repeats each block: what is taken out of one would come in the other
					if got, _ := run(guard.ModeRedact, []string{"It is ", half}, second); !strings.Contains(got, guard.CodeContent) || strings.Contains(got, " or so") {
						t.Errorf("%s, cut at %d into %d:\n%s", name, i, len(second), got)
					}
					continue
				}
				redacted, n := run(guard.ModeRedact, []string{"It is ", half}, second)
				want := s.raw([]string{"It is ", half}, append(append([]string{"[redacted]"}, make([]string, len(second)-1)...), " or so"))
				if len(second) == 1 {
					want = s.raw([]string{"It is ", half}, []string{"[redacted] or so"})
				}
				if got := texts(redacted); got != texts(want) || n != 1 {
					t.Errorf("%s, cut at %d into %d: %d findings\n%s\nwant %s", name, i, len(second), n, got, texts(want))
				}
			}
		}
		if _, n := run(guard.ModeMonitor, []string{canary[:6]}, []string{canary[6:]}); n != 1 {
			t.Errorf("%s: %d findings of what is watched", name, n)
		}
		if got, n := run(guard.ModeRedact, []string{"a"}, []string{canary}, []string{"b " + canary}); n != map[guard.Kind]int{guard.KindMessages: 2, guard.KindResponses: 4}[s.kind] || strings.Contains(got, canary) {
			t.Errorf("%s: whole ones: %d findings\n%s", name, n, got)
		}
		if got, _ := run(guard.ModeBlock, []string{canary[:6]}, []string{"no "}, []string{canary[6:]}); strings.Contains(got, guard.CodeContent) {
			t.Errorf("%s: with words between, it was stopped\n%s", name, got)
		}
		if got, _ := run(guard.ModeBlock, []string{"x"}, []string{canary[:4]}, []string{canary[4:8]}, []string{canary[8:]}); !strings.Contains(got, guard.CodeContent) {
			t.Errorf("%s: over three borders\n%s", name, got)
		}
		long := strings.Repeat("the tide is high ", 2000)
		clean := [][]string{{"Let me ", "see. ", long}, {"It is ", "hf-", "can"}, {"did", "."}, {}, {"Bye"}}
		if got, n := run(guard.ModeBlock, clean...); got != s.raw(clean...) || n != 0 {
			t.Errorf("%s: a clean stream was changed", name)
		}
		if got, _ := run(guard.ModeBlock, []string{long, "hf-"}, []string{canary[3:]}); !strings.Contains(got, guard.CodeContent) {
			t.Errorf("%s: behind a long text", name)
		}
	}
}

// texts are what a client reads of a stream of blocks.
func texts(raw string) string {
	var out []string
	for line := range strings.SplitSeq(raw, "\n") {
		for _, key := range []string{`"delta":"`, `"text_delta","text":"`} {
			if _, rest, ok := strings.Cut(line, key); ok {
				text, _, _ := strings.Cut(rest, `"}`)
				out = append(out, text)
			}
		}
	}
	return strings.Join(out, "")
}

// Of each kind of text the end is kept: there cannot be any number of kinds.
func TestKindsOfBlocksAreBounded(t *testing.T) {
	g := newGuard(t, all())
	for n, ok := range map[int]bool{64: true, 65: false} {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"text%d\":\"a\"}}\n\n", i)
		}
		w := askKind(g.Handler(&guardtest.Upstream{Body: b.String(), ContentType: "text/event-stream"}), guard.KindMessages, `"stream":true`)
		if strings.Contains(w.Body.String(), guard.CodeUpstream) == ok {
			t.Errorf("%d kinds: %s", n, w.Body)
		}
	}
}

// A text of a response in an object, which its API does not know, is a text all the same; an index that some readers take for another is none.
func TestTextsOfAResponseInOtherForms(t *testing.T) {
	delta := func(index, value string) string {
		return `data: {"type":"response.output_text.delta","output_index":` + index + `,"content_index":0,"delta":` + value + "}\n\n"
	}
	g := newGuard(t, all())
	for name, c := range map[string]struct{ raw, code string }{
		"objects": {delta("0", `{"text":"`+canary[:6]+`"}`) + delta("0", `{"text":"`+canary[6:]+`"}`), guard.CodeContent}, "clean objects": {delta("0", `{"text":"a"}`) + delta("0", `{"text":"b"}`), "response.output_text"},
		"fraction": {delta("0.0", `"a"`), guard.CodeUpstream}, "exponent": {delta("0e0", `"a"`), guard.CodeUpstream}, "text": {delta(`"0"`, `"a"`), guard.CodeUpstream}, "null": {delta("null", `"a"`), "response.output_text"},
	} {
		w := askKind(g.Handler(&guardtest.Upstream{Body: c.raw, ContentType: "text/event-stream"}), guard.KindResponses, `"stream":true`)
		if got := w.Body.String(); !strings.Contains(got, c.code) || strings.Contains(got, canary[6:]) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// Halves of a placeholder on both sides of a border are none, and identifiers cut by one are found.
func TestIdentifiersAcrossBlocks(t *testing.T) {
	p, opts := private(t)
	p.Routes = redacting(guard.ModeRedact).Routes
	p.Rules["pii.email"] = guard.ModeRestore
	p.Output["pii.email"] = guard.ModeRedact
	g := newGuard(t, p, opts...)
	s := blockStreams["messages"]
	for name, c := range map[string]struct {
		blocks [][]string
		not    string
	}{
		"placeholder": {[][]string{{"to person1@redac"}, {"ted.invalid now"}}, "ann.smith"},
		"address":     {[][]string{{"to bob.jones@ma"}, {"il.example now"}}, "il.example"},
	} {
		up := &guardtest.Upstream{Body: s.raw(c.blocks...), ContentType: "text/event-stream"}
		w := ask(g.Handler(up), s.kind, `{"model":"m","max_tokens":5,"stream":true,"messages":[{"role":"user","content":"Write to ann.smith@mail.example today."}]}`)
		if got := texts(w.Body.String()); w.Code != 200 || strings.Contains(got, c.not) || !strings.HasSuffix(got, " now") {
			t.Errorf("%s: %d %s\n%s", name, w.Code, got, w.Body)
		}
	}
}
