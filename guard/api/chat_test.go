package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/detect"
)

func parse(r *Request, k Kind, body []byte, o Options) error {
	d, _ := New(k)
	return d.Request(r, body, nil, o)
}

func answer(a *Answer, k Kind, data []byte) error {
	d, _ := New(k)
	return d.Answer(a, data, nil)
}

// Every text is in the view, with who wrote it and where it stands.
func TestChatSpans(t *testing.T) {
	const body = `{"model":"m","messages":[
		{"role":"developer","content":"sys\ntem"},
		{"content":[{"type":"text","text":"part"}],"name":"ann","role":"user"},
		{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},
		{"role":"tool","tool_call_id":"c1","content":"result"}],
		"tools":[{"type":"function","function":{"description":"does f"}}],"stop":"END","user":"u1","metadata":{"k":["v"]},
		"max_tokens":5,"n":2,"stream":true,"temperature":0.5,"logit_bias":{"7":-1}}`
	var c Request
	for range 2 { // the second time with used memory
		if err := parse(&c, OpenAIChat, []byte(body), Options{TrustSystemRole: true}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []struct {
			text  string
			role  detect.Role
			trust detect.Trust
		}{
			{"sys\ntem", detect.RoleSystem, detect.TrustOperator},
			{"part", detect.RoleUser, detect.TrustUser}, {"ann", detect.RoleUser, detect.TrustUser},
			{`{"a":1}`, detect.RoleAssistant, detect.TrustUser}, {"f", detect.RoleAssistant, detect.TrustUser},
			{"result", detect.RoleTool, detect.TrustNone},
			{"does f", detect.RoleDefinition, detect.TrustUser}, {"description", detect.RoleDefinition, detect.TrustUser},
			{"END", detect.RoleUnknown, detect.TrustUser},
			{"u1", detect.RoleUnknown, detect.TrustNone}, {"k", detect.RoleUnknown, detect.TrustNone}, {"v", detect.RoleUnknown, detect.TrustNone},
		} {
			i := slices.IndexFunc(c.Spans, func(s detect.Span) bool { return string(s.Text) == want.text })
			if i < 0 || c.Spans[i].Role != want.role || c.Spans[i].Trust != want.trust {
				t.Errorf("%q: %+v", want.text, c.Spans[max(i, 0)])
				continue
			}
			quoted, err := json.Marshal(want.text)
			if err != nil || !strings.HasPrefix(body[c.Spans[i].Offset:], string(quoted)) {
				t.Errorf("%q is not at %d", want.text, c.Spans[i].Offset)
			}
		}
		want := Params{Model: "m", Stream: true, MaxTokens: 5, N: 2, Temperature: 0.5, LogitBias: 1, Stop: 1, Messages: 4, Tools: 1}
		if c.Params != want {
			t.Errorf("%+v", c.Params)
		}
	}
	if err := parse(&c, OpenAIChat, []byte(body), Options{}); err != nil || c.Spans[0].Trust != detect.TrustUser {
		t.Error("the caller's system message is the operator's", err)
	}
	c.Clear()
	if len(c.Spans) != 0 || bytes.Contains(c.arena[:cap(c.arena)], []byte("sys")) {
		t.Error("Clear leaves text")
	}
}

func TestParamsAreChecked(t *testing.T) {
	v := NewValidator()
	good := Params{Model: "m", Messages: 1}
	if err := v.Struct(&good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Params){
		"model":                 func(p *Params) { p.Model = "" },
		"max_tokens":            func(p *Params) { p.MaxTokens = -1 },
		"max_completion_tokens": func(p *Params) { p.MaxCompletionTokens = 1 << 30 },
		"n":                     func(p *Params) { p.N = 129 },
		"temperature":           func(p *Params) { p.Temperature = -0.1 },
		"top_p":                 func(p *Params) { p.TopP = 1.1 },
		"frequency_penalty":     func(p *Params) { p.FrequencyPenalty = -2.1 },
		"presence_penalty":      func(p *Params) { p.PresencePenalty = 2.1 },
		"top_logprobs":          func(p *Params) { p.TopLogprobs = -1 },
		"logit_bias":            func(p *Params) { p.LogitBias = 301 },
		"stop":                  func(p *Params) { p.Stop = 17 },
		"messages":              func(p *Params) { p.Messages = 0 },
		"tools":                 func(p *Params) { p.Tools = 129 },
	} {
		p := good
		change(&p)
		if f, ok := errors.AsType[*FieldError](v.Struct(&p)); !ok || f.Field != name || !errors.Is(f, ErrRequest) {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// FuzzChat holds the view against a plain decoder: no string that encoding/json finds in an accepted body is missing.
func FuzzChat(f *testing.F) {
	f.Add([]byte(`{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a\u00e9"}],"x":{"y":["z"]}}],"stop":["s"],"tools":[{"a":"b"}],"logit_bias":{"1":2}}`))
	f.Add([]byte(`{"messages":[{"role":"tool","content":"c"}],"model":"m","k":{"l":[["d"]]},"temperature":1}`))
	var c Request
	f.Fuzz(func(t *testing.T, body []byte) {
		if parse(&c, OpenAIChat, body, Options{TrustSystemRole: true}) != nil {
			return
		}
		var v map[string]any
		if err := unmarshal(body, &v); err != nil {
			t.Fatalf("accepted %q: %v", body, err)
		}
		have := make(map[string]bool)
		for _, s := range c.Spans {
			have[string(s.Text)] = true
			if s.Offset < 0 || s.Offset >= len(body) || body[s.Offset] != '"' {
				t.Fatalf("%q: offset %d", body, s.Offset)
			}
		}
		delete(v, "model")
		for _, s := range strs(v, nil) {
			switch s {
			case "", "system", "developer", "user", "assistant", "tool", "function", "text", "refusal": // roles and types are read, not listed
			default:
				if !have[s] {
					t.Fatalf("%q: %q is not in the view", body, s)
				}
			}
		}
	})
}

// unmarshal is json.Unmarshal for numbers of any size.
func unmarshal(body []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("more behind the value: %v", err)
	}
	return nil
}

func strs(v any, out []string) []string {
	switch v := v.(type) {
	case string:
		return append(out, v)
	case []any:
		for _, e := range v {
			out = strs(e, out)
		}
	case map[string]any:
		for _, e := range v {
			out = strs(e, out)
		}
	}
	return out
}

// FuzzAnswer does the same for answers, member names included.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"choices":[{"delta":{"content":"a","tool_calls":[{"index":1,"function":{"arguments":"x"}}]},"index":2}],"usage":{"completion_tokens":3}}`))
	f.Add([]byte(`{"error":{"message":"m"},"k":["v",["w"]]}`))
	f.Add([]byte("1E700"))
	var a Answer
	f.Fuzz(func(t *testing.T, body []byte) {
		if answer(&a, OpenAIChat, body) != nil {
			return
		}
		var v any
		if err := unmarshal(body, &v); err != nil {
			t.Fatalf("accepted %q: %v", body, err)
		}
		have := make(map[string]bool)
		for _, p := range a.Pieces {
			have[string(p.Text)] = true
		}
		for _, s := range strs(v, nil) {
			if s != "" && !have[s] {
				t.Fatalf("%q: %q is missing", body, s)
			}
		}
	})
}

func TestAnswerChannels(t *testing.T) {
	var a Answer
	err := answer(&a, OpenAIChat, []byte(`{"id":"x","choices":[{"delta":{"role":"assistant","content":"c0"}},{"delta":{"content":"c7","tool_calls":[{"function":{"arguments":"a3"},"index":3}]},"index":7}],"usage":{"completion_tokens":12}}`))
	if err != nil || a.Usage.Output != 12 {
		t.Fatal(err, a.Usage.Output)
	}
	ch := make(map[string]Channel)
	for _, p := range a.Pieces {
		ch[string(p.Text)] = p.Channel
	}
	if ch["x"] != (Channel{}) || ch["assistant"] != (Channel{}) {
		t.Error("a fixed string grows:", ch)
	}
	if c := ch["c0"]; c.Choice != 0 || c.Call != -1 || c.Field == 0 {
		t.Error(c)
	}
	if c := ch["c7"]; c.Choice != 7 || c.Field != ch["c0"].Field {
		t.Error(c)
	}
	if c := ch["a3"]; c.Choice != 7 || c.Call != 3 || c.Field == ch["c7"].Field {
		t.Error(c)
	}
}

func TestAppendErrorIsJSON(t *testing.T) {
	for _, param := range []string{"", "messages.role"} {
		var v struct {
			Error struct {
				Message, Type, Code string
				Param               *string
			}
		}
		if err := json.Unmarshal(openAIErrors{}.AppendError(nil, Problem{Status: 400, Message: "It's \"refused\".", Param: param, Code: "c"}), &v); err != nil || v.Error.Code != "c" || (v.Error.Param == nil) != (param == "") {
			t.Error(v, err)
		}
	}
	if !json.Valid([]byte(filteredChat)) || !json.Valid([]byte(filteredText)) {
		t.Error("chunks")
	}
}
