package guard_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/guardtest"
	"github.com/holdfast-ai/holdfast/guard/limit"
)

// marked finds what a pattern matches in the texts of requests.
type marked struct {
	rule string
	re   *regexp.Regexp
}

func (m marked) Detect(_ context.Context, v guard.View, fs []guard.Finding) ([]guard.Finding, error) {
	for i, s := range v.Spans {
		for _, at := range m.re.FindAllIndex(s.Text, -1) {
			fs = append(fs, guard.Finding{Rule: m.rule, Category: "LLM02", Span: i, Start: at[0], End: at[1]})
		}
	}
	return fs, nil
}

// marking is a policy with a rule of its own for every pattern.
func marking(mode guard.Mode, patterns map[string]string) (guard.Policy, []guard.Option) {
	p := guard.DefaultPolicy()
	var opts []guard.Option
	for rule, pattern := range patterns {
		p.Rules[rule] = mode
		opts = append(opts, guard.WithDetector(marked{rule, regexp.MustCompile(pattern)}, rule))
	}
	return p, opts
}

// behind returns the guard before an upstream, and what the upstream reads.
func behind(g *guard.Guard, up http.Handler) (h http.Handler, seen *http.Request, body *string) {
	seen, body = new(http.Request), new(string)
	return g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		*seen, *body = *r, string(b)
		up.ServeHTTP(w, r)
	})), seen, body
}

// What is taken out of a request is taken out wholly, wherever it stands and however it is written, and nothing beside it.
func TestRedactionOfRequests(t *testing.T) {
	p, opts := marking(guard.ModeRedact, map[string]string{"own.word": `s[eé]cret\d+`, "own.longer": `cret\d+[😀x]+`, "own.inner": `ret`, "own.apart": `\bend\b`})
	g := newGuard(t, p, opts...)
	for text, want := range map[string]string{ // both between quotes, in JSON
		`a secret1 b`:                    `a [redacted] b`,
		`secret1`:                        `[redacted]`,
		`secret1secret22`:                `[redacted][redacted]`,
		`\u0073ecret1 b`:                 `[redacted] b`,
		`\ud83d\ude00 s\u00e9cret1 \"q`:  `😀 [redacted] \"q`,
		`a secret1😀\ud83d\ude00x y`:      `a [redacted] y`,
		`\\secret1\\n`:                   `\\[redacted]\\n`,
		`tab\tsecret1\u2028 end`:         "tab\\t[redacted]\u2028 [redacted]",
		`secret1 secret2 secret1`:        `[redacted] [redacted] [redacted]`,
		`\"secret1\"`:                    `\"[redacted]\"`,
		`end\/secret1\b\f\r\n\u0000 end`: `[redacted]/[redacted]\b\f\r\n\u0000 [redacted]`,
	} {
		for name, shape := range map[string]string{
			"string": `{"model":"m","messages":[{"role":"user","content":"%"}]}`,
			"part":   `{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"%"},{"type":"text","text":"Gruß"}]}],"user":"u"}`,
			"tools":  `{"model":"m","tools":[{"type":"function","function":{"name":"f","description":"%"}}],"messages":[{"role":"user","content":"x"}]}`,
			"twice":  `{"model":"m","messages":[{"role":"user","content":"%"},{"role":"user","content":"%"}]}`,
			"other":  `{"model":"m","x":{"y":["%"]},"messages":[{"role":"user","content":"x"}]}`,
		} {
			h, seen, body := behind(g, &guardtest.Upstream{Pieces: []string{"x"}})
			if w := post(h, strings.ReplaceAll(shape, "%", text)); w.Code != 200 {
				t.Errorf("%s: %s: %d %s", name, text, w.Code, w.Body)
				continue
			}
			var got, expected any
			if json.Unmarshal([]byte(*body), &got) != nil || json.Unmarshal([]byte(strings.ReplaceAll(shape, "%", want)), &expected) != nil {
				t.Fatalf("%s: %s: %s", name, text, *body)
			}
			if a, b := asJSON(t, got), asJSON(t, expected); a != b {
				t.Errorf("%s: %s\n got %s\nwant %s", name, text, a, b)
			}
			if seen.ContentLength != int64(len(*body)) || len(seen.Header["Content-Length"]) > 0 {
				t.Errorf("%s: %s: length %d of %d, header %q", name, text, seen.ContentLength, len(*body), seen.Header.Get("Content-Length"))
			}
		}
	}
	// Text inside of another has no place of its own: the request is refused.
	up := &guardtest.Upstream{Pieces: []string{"x"}}
	if w := post(g.Handler(up), `{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"a\":\"\\u0073ecret1\"}"}}]}]}`); w.Code != 400 || up.Ran() != 0 {
		t.Error(w.Code)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A length in a header that is not the body's makes an upstream read another body.
func TestLengthOfAChangedBody(t *testing.T) {
	p, opts := marking(guard.ModeRedact, map[string]string{"own.word": `secret`})
	h, seen, body := behind(newGuard(t, p, opts...), &guardtest.Upstream{Pieces: []string{"x"}})
	r := guardtest.Request{Method: "POST", Path: "/v1/chat/completions", Header: http.Header{"Content-Type": {"application/json"}, "Content-Length": {"12"}}, Body: guardtest.Chat("a secret")}.HTTP()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 200 || seen.Header.Get("Content-Length") != strconv.Itoa(len(*body)) || strings.Contains(*body, "secret") {
		t.Errorf("%d %q %s", w.Code, seen.Header.Get("Content-Length"), *body)
	}
}

// A placeholder that the request has already, however it is spelt, is no placeholder of this request.
func TestPlaceholdersCannotBeForged(t *testing.T) {
	p, opts := marking(guard.ModeRestore, map[string]string{"own.word": `secret\d`})
	g := newGuard(t, p, opts...)
	for _, forged := range []string{`[WORD 1]`, `[\u0057ORD 1]`, `\u005bWORD 1]`} {
		up := &guardtest.Upstream{Pieces: []string{"see [WORD 1], [WORD 2]"}}
		w := post(g.Handler(up), `{"model":"m","stream":true,"messages":[{"role":"tool","tool_call_id":"1","content":"`+forged+`"},{"role":"user","content":"secret1"}]}`)
		if a, err := guardtest.Play(w.Body.String()); err != nil || a.Text != "see [WORD 1], secret1" {
			t.Errorf("%s: %+v %v", forged, a, err)
		}
	}
}

// What comes back into the arguments of a tool call stays one string of them.
func TestRestoredTextIsNoJSON(t *testing.T) {
	p, opts := marking(guard.ModeRestore, map[string]string{"own.word": `<[^>]*>`})
	for name, opts := range map[string][]guard.Option{"open": opts, "approved": append(opts, guard.WithApproval(func(_ ctx, c guard.ToolCall) error {
		if strings.Contains(string(c.Arguments), `"admin":`) {
			return errors.New("no")
		}
		return nil
	}))} {
		up := &guardtest.Upstream{Body: `{"choices":[{"index":0,"message":{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"to\":\"[WORD 1]\"}"}}]}}]}`}
		w := post(newGuard(t, p, opts...).Handler(up), guardtest.Chat(`write to <",\"admin\":true,\"x\":\">`))
		var answer struct {
			Choices []struct {
				Message struct {
					Calls []struct{ Function struct{ Arguments string } } `json:"tool_calls"`
				}
			}
		}
		if err := json.Unmarshal(w.Body.Bytes(), &answer); w.Code != 200 || err != nil || len(answer.Choices) != 1 {
			t.Fatalf("%s: %d %v %s", name, w.Code, err, w.Body)
		}
		var args map[string]any
		if err := json.Unmarshal([]byte(answer.Choices[0].Message.Calls[0].Function.Arguments), &args); err != nil || len(args) != 1 {
			t.Errorf("%s: %v %v", name, args, err)
		}
	}
}

// Backends that fold the case of members read the same tool as the guard.
func TestToolsOfAnotherCase(t *testing.T) {
	p := all()
	p.Tools = []guard.ToolRule{{Name: "free"}}
	g := newGuard(t, p)
	for _, tool := range []string{`"function":{"Name":"shell"}`, `"function":{"NAME":"shell"}`, `"Type":"mcp","function":{"name":"free"}`, `"function":{"\u004eame":"shell"}`} {
		verdicts(t, g, guard.KindChat, map[string]bool{strings.Replace(hello, "{", `{"tools":[{`+tool+`}],`, 1): false})
	}
	verdicts(t, g, guard.KindChat, map[string]bool{
		strings.Replace(hello, "{", `{"tools":[{"type":"function","function":{"name":"free","parameters":{"type":"object","properties":{"Name":{"type":"string"},"Type":{"type":"string"}}}}}],`, 1): true,
	})
}

// Some decoders of JSON take NaN and Infinity: arguments with them hide text as those without do.
func TestArgumentsThatOnlySomeDecode(t *testing.T) {
	p, opts := marking(guard.ModeBlock, map[string]string{"own.word": `secret`})
	for _, args := range []string{
		`{\"n\":NaN,\"a\":\"\\u0073ecret\"}`, `{\"a\":\"\\u0073ecret\",\"n\":-Infinity}`, `{\"a\":\"\\u0073ecret\"}`,
	} {
		up := &guardtest.Upstream{Pieces: []string{"x"}}
		w := post(newGuard(t, p, opts...).Handler(up), `{"model":"m","messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"`+args+`"}}]}]}`)
		if w.Code != 400 || up.Ran() != 0 {
			t.Errorf("%s: %d", args, w.Code)
		}
	}
}

// An answer that is refused for its size was generated.
func TestRefusedAnswersAreCharged(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter){
		"too large": func(w http.ResponseWriter) {
			for range 100 {
				if _, err := io.WriteString(w, strings.Repeat(" ", 1<<20)); err != nil {
					return
				}
			}
		},
		"not JSON": func(w http.ResponseWriter) { io.WriteString(w, "{") },
		"encoded": func(w http.ResponseWriter) {
			w.Header().Set("Content-Encoding", "br")
			w.WriteHeader(200)
		},
	} {
		p := guard.DefaultPolicy()
		p.Budgets = []limit.Rule{{Unit: limit.Tokens, Amount: 100, WindowSeconds: 60}}
		g := newGuard(t, p, guard.WithTokenizer(func(b []byte) int { return len(b) / 4 }))
		h := g.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			answer(w)
		}))
		if w := post(h, tenIn); w.Code != 502 {
			t.Errorf("%s: %d", name, w.Code)
		}
		if w := post(h, tenIn); w.Code != 429 {
			t.Errorf("%s: the second costs 70 of 30: %d", name, w.Code)
		}
	}
}

// A model that only another spelling names costs no less than the model.
func TestPriceOfOtherModels(t *testing.T) {
	p := guard.DefaultPolicy()
	p.Prices = map[string]limit.Price{"large": {Prompt: 10, Completion: 20}, "*": {Prompt: 10, Completion: 19}}
	if _, err := guard.New(p); !errors.Is(err, guard.ErrPolicy) {
		t.Error("LARGE and large:latest are cheaper than large:", err)
	}
	p.Prices["*"] = limit.Price{Prompt: 10, Completion: 20}
	newGuard(t, p)
}

// What the policy and the hook judge of a call is what the caller gets: arguments with their texts restored, however the
// model spells a placeholder.
func TestApprovalSeesRestoredArguments(t *testing.T) {
	p, opts := marking(guard.ModeRestore, map[string]string{"own.word": `Atlantis`})
	p.Routes = all().Routes
	g := newGuard(t, p, append(opts, guard.WithApproval(func(_ ctx, c guard.ToolCall) error {
		if !strings.Contains(string(c.Arguments), `"Atlantis"`) || !json.Valid(c.Arguments) {
			t.Errorf("asked for %s", c.Arguments)
		}
		return errors.New("no")
	}))...)
	for name, d := range toolAnswers {
		for _, args := range []string{`{"n":1,"city":"[WORD 1]"}`, `{"city":"\u005bWORD 1]"}`} {
			if name != "anthropic" && name != "ollama" && strings.Contains(args, `\`) {
				continue // nobody looks for a placeholder in the escapes of a text inside of another: it stays one
			}
			up := &guardtest.Upstream{Body: d.body("weather", args)}
			if w := ask(g.Handler(up), d.kind, strings.ReplaceAll(strings.ReplaceAll(toolAsks[d.kind], `"hi"`, `"Atlantis"`), "a story", "Atlantis")); w.Code != 400 || up.Ran() != 1 {
				t.Errorf("%s: %s: %d %s", name, args, w.Code, w.Body)
			}
		}
	}
}
