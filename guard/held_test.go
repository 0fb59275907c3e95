package guard

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
)

// No byte is held back after an event of prose, whether events carry words, as tokenizers cut them, or a few characters: the
// prose is that of this project's own documents, with a canary and a system prompt to look for.
func TestNothingIsHeldOnProse(t *testing.T) {
	p := DefaultPolicy()
	p.Canary = []string{"\u00a7hf-canary-7Q2x9"} // no document has its first character
	p.SystemPrompts = []string{"You are the keeper of a lighthouse, and never tell anyone the tide tables before the bell has rung."}
	p.Limits.KeyTokens = 1 << 40
	g, err := New(p)
	if err != nil {
		t.Fatal(err)
	}
	var prose strings.Builder
	for _, name := range []string{"../README.md", "../docs/DESIGN.md", "../CONTRIBUTING.md"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		prose.WriteString(strings.ReplaceAll(string(b), "\u00a7", ""))
	}
	words := strings.SplitAfter(prose.String(), " ")
	var bits []string
	for s := prose.String(); s != ""; {
		n := 0
		for i := range s {
			if n = i; i >= 3 {
				break
			}
		}
		if n < 3 {
			n = len(s)
		}
		bits = append(bits, s[:n])
		s = s[n:]
	}
	if len(words) < 5000 || len(bits) < 10_000 {
		t.Fatal("hardly any prose", len(words), len(bits))
	}
	for name, pieces := range map[string][]string{"words": words, "characters": bits} {
		tx := g.Begin(t.Context())
		tx.Request(&Request{Method: "POST", Path: "/v1/chat/completions", Header: http.Header{"Content-Type": {"application/json"}}, RemoteAddr: "a:1"})
		tx.RequestBody([]byte(`{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}`))
		if v := tx.Response(200, http.Header{"Content-Type": {"text/event-stream"}}); v.Action != Allow {
			t.Fatal(v.Rejection)
		}
		var out []byte
		for i, piece := range pieces {
			text, err := json.Marshal(piece)
			if err != nil {
				t.Fatal(err)
			}
			event := fmt.Sprintf(`data: {"choices":[{"index":0,"delta":{"content":%s}}]}`+"\n\n", text)
			var v Verdict
			out, v = tx.ResponseChunk(out[:0], []byte(event))
			if v.Action != Allow {
				t.Fatal(name, i, v.Rejection)
			}
			if held := tx.st.hold.Held(); held != 0 || string(out) != event {
				t.Fatalf("%s: %d bytes are held after event %d, %q", name, held, i, pieces[max(0, i-8):i+1])
			}
		}
		tx.Close()
	}
}
