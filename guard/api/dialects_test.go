package api

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// said is a text with who said it.
type said struct {
	text  string
	role  detect.Role
	trust detect.Trust
}

var (
	sys  = func(s string) said { return said{s, detect.RoleSystem, detect.TrustOperator} }
	user = func(s string) said { return said{s, detect.RoleUser, detect.TrustUser} }
	asst = func(s string) said { return said{s, detect.RoleAssistant, detect.TrustUser} }
	tool = func(s string) said { return said{s, detect.RoleTool, detect.TrustNone} }
	defn = func(s string) said { return said{s, detect.RoleDefinition, detect.TrustUser} }
	none = func(s string) said { return said{s, detect.RoleUnknown, detect.TrustNone} }
)

// dialectRequests are requests as the official clients make them, with what must be in the view.
var dialectRequests = []struct {
	kind Kind
	body string
	want []said
	ok   func(Params) bool
}{
	{OpenAICompletions, `{"model":"m","prompt":["one","two"],"suffix":"end","max_tokens":7,"n":2,"best_of":3,"logprobs":4,"stop":"S","user":"u","echo":false}`,
		[]said{user("one"), user("two"), user("end"), none("u"), none("user")},
		func(p Params) bool {
			return p.Messages == 2 && p.TopLogprobs == 4 && p.Choices() == 6 && p.MaxTokens == 7 && p.Stop == 1
		}},
	{OpenAIResponses, `{"model":"m","input":"hi there","instructions":"be brief","max_output_tokens":9,"stream":true,"store":false,"previous_response_id":null}`,
		[]said{user("hi there"), sys("be brief")},
		func(p Params) bool { return p.Messages == 1 && p.MaxTokens == 9 && p.Stream }},
	{OpenAIResponses, `{"model":"m","input":[{"role":"developer","content":"dev"},{"type":"message","role":"user","content":[{"type":"input_text","text":"u1"}]},
		{"type":"function_call","call_id":"c","name":"fn","arguments":"{\"q\":\"\\u0041rg\"}"},{"type":"function_call_output","call_id":"c","output":"result"},
		{"type":"reasoning","id":"r","summary":[{"type":"summary_text","text":"thought"}]},
		{"role":"assistant","content":[{"type":"output_text","text":"answer","annotations":[{"title":"note"}]}]}],
		"tools":[{"type":"function","name":"fn","description":"does","parameters":{"type":"object"}}],"text":{"format":{"type":"json_schema","schema":{"title":"shape"}}}}`,
		[]said{sys("dev"), user("u1"), asst("fn"), asst("Arg"), tool("result"), asst("thought"), asst("answer"), asst("note"), defn("does"), none("shape")},
		func(p Params) bool { return p.Messages == 6 && p.Tools == 1 }},
	{OpenAIEmbeddings, `{"model":"m","input":["a","b"],"encoding_format":"float","dimensions":8}`, []said{user("a"), user("b")},
		func(p Params) bool { return p.Messages == 2 && p.Dimensions == 8 }},
	{AnthropicMessages, `{"model":"m","max_tokens":5,"system":[{"type":"text","text":"rule","cache_control":{"type":"ephemeral"}}],"messages":[
		{"role":"user","content":"q1"},{"role":"assistant","content":[{"type":"thinking","thinking":"hmm","signature":"sig"},{"type":"tool_use","id":"t","name":"fn","input":{"deep":["arg"]}}]},
		{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"found"}]},{"type":"text","text":"q2"},
		{"type":"document","source":{"type":"text","media_type":"text/plain","data":"paper"},"title":"ttl"}]}],
		"tools":[{"name":"fn","description":"does","input_schema":{}}],"stop_sequences":["S"],"metadata":{"user_id":"u"},"stream":true}`,
		[]said{sys("rule"), user("q1"), asst("hmm"), asst("arg"), asst("deep"), tool("found"), user("q2"), tool("paper"), tool("ttl"), defn("does"), none("u")},
		func(p Params) bool { return p.Messages == 3 && p.MaxTokens == 5 && p.Stop == 1 && p.Stream }},
	{AnthropicMessages, `{"model":"m","max_tokens":5,"system":"rule","messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"plain"}]}]}`,
		[]said{sys("rule"), tool("plain")}, func(p Params) bool { return !p.Stream }},
	{OllamaChat, `{"model":"m","messages":[{"role":"system","content":"rule"},{"role":"user","content":"q"},{"role":"assistant","content":"","thinking":"hmm","tool_calls":[{"function":{"name":"fn","arguments":{"k":"v"}}}]},
		{"role":"tool","tool_name":"fn","content":"found"}],"tools":[{"type":"function","function":{"name":"fn","description":"does"}}],"format":{"title":"shape"},"options":{"num_predict":3,"temperature":0.5,"seed":1,"stop":["S"]}}`,
		[]said{sys("rule"), user("q"), asst("hmm"), asst("v"), tool("found"), defn("does"), defn("shape")},
		func(p Params) bool {
			return p.Stream && p.MaxTokens == 3 && p.Temperature == 0.5 && p.Stop == 1 && p.Messages == 4
		}},
	{OllamaGenerate, `{"model":"m","prompt":"q","suffix":"s","system":"rule","stream":false,"think":true}`, []said{user("q"), user("s"), sys("rule")},
		func(p Params) bool { return !p.Stream && p.Messages == 1 }},
	{OllamaEmbed, `{"model":"m","input":"a","truncate":true}`, []said{user("a")}, func(p Params) bool { return p.Messages == 1 && !p.Stream }},
	{KServeInfer, `{"id":"r1","inputs":[{"name":"text","shape":[2],"datatype":"BYTES","data":["alpha","beta"]},{"name":"x","shape":[1,2],"datatype":"FP32","data":[[1.5,2]]}],"outputs":[{"name":"y"}]}`,
		[]said{user("alpha"), user("beta"), user("r1"), user("y")}, func(p Params) bool { return p.Messages == 2 }},
}

// Every text of a request is in the view, with who said it.
func TestDialectRequests(t *testing.T) {
	var r Request
	for _, c := range dialectRequests {
		if err := parse(&r, c.kind, []byte(c.body), Options{TrustSystemRole: true}); err != nil {
			t.Errorf("%s: %v", c.kind, err)
			continue
		}
		if err := NewValidator().Struct(&r.Params); err != nil || !c.ok(r.Params) {
			t.Errorf("%s: %+v %v", c.kind, r.Params, err)
		}
		have := make(map[said]bool)
		texts := make(map[string]bool)
		for _, s := range r.Spans {
			have[said{string(s.Text), s.Role, s.Trust}], texts[string(s.Text)] = true, true
		}
		for _, w := range c.want {
			if !have[w] {
				t.Errorf("%s: %q of %v (%d) is not in the view %+v", c.kind, w.text, w.role, w.trust, have)
			}
		}
		var v map[string]any
		if err := json.Unmarshal([]byte(c.body), &v); err != nil {
			t.Fatal(err)
		}
		delete(v, "model")
		for _, s := range strs(v, nil) {
			if s != "" && !texts[s] && !ours[s] {
				t.Errorf("%s: %q is not in the view", c.kind, s)
			}
		}
		if err := parse(&r, c.kind, []byte(c.body), Options{}); err != nil || strings.Contains(c.body, "rule") && hasTrust(r.Spans, detect.TrustOperator) {
			t.Errorf("%s: the caller's system message is the operator's (%v)", c.kind, err)
		}
	}
}

func hasTrust(spans []detect.Span, trust detect.Trust) bool {
	for _, s := range spans {
		if s.Trust == trust {
			return true
		}
	}
	return false
}

// ours are strings that say what a part is: they are read, and not listed.
var ours = map[string]bool{
	"system": true, "developer": true, "user": true, "assistant": true, "tool": true, "function": true, "text": true, "refusal": true, "message": true,
	"input_text": true, "output_text": true, "summary_text": true, "reasoning": true, "reasoning_text": true, "function_call": true, "function_call_output": true, "custom_tool_call": true,
	"custom_tool_call_output": true, "thinking": true, "redacted_thinking": true, "tool_use": true, "tool_result": true, "document": true, "text/plain": true, "content": true,
}

// Change one thing of a request that is accepted, and it is refused.
func TestDialectsRefuse(t *testing.T) {
	const (
		msg     = `"messages":[{"role":"user","content":"q"}]`
		claude  = `{"model":"m","max_tokens":5,` + msg + `}`
		tensors = `{"inputs":[{"name":"x","shape":[2],"datatype":"FP32","data":[1,2]}]}`
	)
	for _, c := range []struct{ kind, name, old, new string }{
		{"openai.completions", "token ids", `"q"`, `[1,2]`}, {"openai.completions", "lists of ids", `"q"`, `[[1],[2]]`}, {"openai.completions", "mixed", `"q"`, `["a",1]`},
		{"openai.completions", "object", `"q"`, `{}`}, {"openai.completions", "null", `"q"`, `null`}, {"openai.completions", "echo", `{`, `{"echo":true,`}, {"openai.completions", "case", `"prompt"`, `"Prompt"`},
		{"openai.completions", "embeds", `{`, `{"prompt_embeds":"x",`}, {"openai.completions", "stop ids", `{`, `{"stop_token_ids":[1],`},
		{"openai.completions", "a bound that not all know", `{`, `{"max_completion_tokens":1,`}, {"openai.completions", "prompt back", `{`, `{"verbose":true,`}, {"openai.completions", "rendered", `{`, `{"_debug_render_only":true,`},
		{"openai.responses", "truncation", `{`, `{"truncation":"auto",`}, {"openai.responses", "truncation of a kind", `{`, `{"truncation":[],`}, {"openai.responses", "earlier answer", `{`, `{"previous_response":{"output":[]},`},
		{"openai.responses", "bias", `{`, `{"logit_bias":{"x":1},`}, {"openai.responses", "stops", `{`, `{"stop":[1],`}, {"openai.responses", "prompt ids", `{`, `{"return_prompt_token_ids":true,`},
		{"openai.chat", "tools of a server in a message", `"q"}`, `"q","tools":[{"type":"mcp","server_url":"http://x"}]}`}, {"openai.chat", "verbose", `{`, `{"verbose":1,`},
		{"ollama.generate", "pictures", `{`, `{"width":4096,`},
		{"openai.responses", "earlier state", `{`, `{"previous_response_id":"r",`}, {"openai.responses", "conversation", `{`, `{"conversation":"c",`}, {"openai.responses", "template", `{`, `{"prompt":{"id":"p"},`},
		{"openai.responses", "background", `{`, `{"background":true,`}, {"openai.responses", "server tool", `{`, `{"tools":[{"type":"mcp","server_url":"http://10.0.0.1"}],`},
		{"openai.responses", "reference", `"q"`, `[{"type":"item_reference","id":"x"}]`}, {"openai.responses", "image", `"q"`, `[{"role":"user","content":[{"type":"input_image","image_url":"data:,"}]}]`},
		{"openai.responses", "file id", `"q"`, `[{"role":"user","content":[{"type":"input_file","file_id":"f"}]}]`}, {"openai.responses", "no role", `"q"`, `[{"content":"x"}]`},
		{"openai.responses", "ambiguous arguments", `"q"`, `[{"type":"function_call","name":"f","arguments":"{\"a\":1,\"a\":2}"}]`}, {"openai.responses", "messages too", `{`, `{"messages":[],`},
		{"openai.embeddings", "ids", `"q"`, `[[1]]`},
		{"anthropic.messages", "no max_tokens", `"max_tokens":5,`, ``}, {"anthropic.messages", "image", `"q"`, `[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGk="}}]`},
		{"anthropic.messages", "url", `"q"`, `[{"type":"document","source":{"type":"url","url":"http://10.0.0.1/"}}]`}, {"anthropic.messages", "pdf", `"q"`, `[{"type":"document","source":{"type":"base64","data":"aGk="}}]`},
		{"anthropic.messages", "file", `"q"`, `[{"type":"document","source":{"type":"file","file_id":"f"}}]`}, {"anthropic.messages", "unknown part", `"q"`, `[{"type":"video","text":"x"}]`},
		{"anthropic.messages", "image in a result", `"q"`, `[{"type":"tool_result","content":[{"type":"image","source":{"type":"url","url":"file:///"}}]}]`}, {"anthropic.messages", "mcp", `{`, `{"mcp_servers":[{"url":"http://x"}],`},
		{"anthropic.messages", "server tool", `{`, `{"tools":[{"type":"web_search_20250305","name":"web_search"}],`}, {"anthropic.messages", "text beside", `"q"`, `[{"type":"text","text":"x","thinking":"y"}]`},
		{"ollama.chat", "images", `"q"}`, `"q","images":["aGk="]}`}, {"ollama.chat", "template", `{`, `{"template":"x",`}, {"ollama.chat", "unload", `{`, `{"keep_alive":0,`}, {"ollama.chat", "gpu", `{`, `{"options":{"num_gpu":0},`},
		{"ollama.chat", "prompt too", `{`, `{"prompt":"x",`}, {"ollama.chat", "stream as text", `{`, `{"stream":"false",`},
		{"ollama.generate", "context", `{`, `{"context":[1,2],`}, {"ollama.generate", "raw", `{`, `{"raw":true,`}, {"ollama.generate", "template", `{`, `{"template":"x",`}, {"ollama.generate", "images", `{`, `{"images":["aGk="],`},
		{"ollama.chat", "rendered template", `{`, `{"_debug_render_only":true,`}, {"ollama.generate", "rendered template", `{`, `{"_debug_render_only":true,`},
		{"openai.responses", "messages back", `{`, `{"enable_response_messages":true,`}, {"openai.responses", "earlier messages", `{`, `{"previous_input_messages":[],`},
		{"openai.completions", "front cut off", `{`, `{"truncate_prompt_tokens":3,`}, {"openai.embeddings", "other floats", `{`, `{"embed_dtype":"fp8",`}, {"openai.embeddings", "other bytes", `{`, `{"endianness":"big",`},
		{"ollama.embed", "prompt", `{`, `{"prompt":"x",`},
		{"kserve.infer", "zero", `[2]`, `[0]`}, {"kserve.infer", "negative", `[2]`, `[-2]`}, {"kserve.infer", "overflow", `[2]`, `[4294967296,4294967297]`}, {"kserve.infer", "few", `[1,2]`, `[1]`}, {"kserve.infer", "many", `[1,2]`, `[1,2,3]`},
		{"kserve.infer", "deep", `[1,2]`, strings.Repeat("[", 17) + "1,2" + strings.Repeat("]", 17)}, {"kserve.infer", "type", `FP32`, `FP99`}, {"kserve.infer", "half in JSON", `FP32`, `FP16`}, {"kserve.infer", "string", `[1,2]`, `["a",2]`},
		{"kserve.infer", "null", `[1,2]`, `[1,null]`}, {"kserve.infer", "shared memory", `"data":[1,2]`, `"parameters":{"shared_memory_region":"r","shared_memory_byte_size":8}`}, {"kserve.infer", "binary and JSON", `"data"`, `"parameters":{"binary_data_size":8},"data"`},
		{"kserve.infer", "no data", `,"data":[1,2]`, ``}, {"kserve.infer", "binary that is not there", `"data":[1,2]`, `"parameters":{"binary_data_size":8}`}, {"kserve.infer", "unknown", `{"inputs"`, `{"x":1,"inputs"`}, {"kserve.infer", "priority", `{"inputs"`, `{"parameters":{"priority":1},"inputs"`},
		{"kserve.infer", "twice", `}]}`, `},{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}`}, {"kserve.infer", "no inputs", `[{"name":"x","shape":[2],"datatype":"FP32","data":[1,2]}]`, `[]`}, {"kserve.infer", "shape as number", `[2]`, `2`},
	} {
		base := map[string]string{
			"openai.chat": `{"model":"m",` + msg + `}`, "openai.completions": `{"model":"m","prompt":"q"}`, "openai.responses": `{"model":"m","input":"q"}`, "openai.embeddings": `{"model":"m","input":"q"}`, "anthropic.messages": claude,
			"ollama.chat": `{"model":"m",` + msg + `}`, "ollama.generate": `{"model":"m","prompt":"q"}`, "ollama.embed": `{"model":"m","input":"q"}`, "kserve.infer": tensors,
		}[c.kind]
		var r Request
		if err := parse(&r, Kind(c.kind), []byte(base), Options{}); err != nil {
			t.Fatal(c.kind, err)
		}
		body := strings.Replace(base, c.old, c.new, 1)
		if body == base || !json.Valid([]byte(body)) {
			t.Fatalf("%s: %s: %s", c.kind, c.name, body)
		}
		if err := parse(&r, Kind(c.kind), []byte(body), Options{}); !errors.Is(err, ErrRequest) {
			t.Errorf("%s: %s: %v", c.kind, c.name, err)
		}
	}
}

// Errors before and after the header are JSON, and say the code.
func TestDialectErrors(t *testing.T) {
	p := Problem{Status: 400, Code: CodeContent, Message: `It's "refused".`, Param: "messages"}
	for _, k := range []Kind{OpenAIChat, OpenAICompletions, OpenAIResponses, OpenAIEmbeddings, AnthropicMessages, OllamaChat, OllamaGenerate, OllamaEmbed, KServeInfer} {
		d, ok := New(k)
		if body := d.AppendError(nil, p); !ok || !json.Valid(body) || !strings.Contains(string(body), CodeContent) {
			t.Errorf("%s: %s", k, body)
		}
		end := string(d.AppendDenial(nil, p))
		switch d.Framing() {
		case NDJSON:
			if !json.Valid([]byte(end)) || !strings.HasSuffix(end, "\n") {
				t.Errorf("%s: %s", k, end)
			}
		case SSE:
			for event := range strings.SplitSeq(strings.TrimSuffix(end, "\n\n"), "\n\n") {
				if _, data, ok := strings.Cut(event, "data: "); !ok || data != "[DONE]" && !json.Valid([]byte(data)) {
					t.Errorf("%s: %s", k, event)
				}
			}
		}
	}
	if _, ok := New("no.such"); ok {
		t.Error("a kind that is none")
	}
	for path, want := range map[string]string{"/v1/x": `"type":"invalid_request_error"`, "/api/pull": `{"error":"`, "/v2/x": `{"error":"`, "/v1/messages/x": `"type":"error"`, "": `"param":"messages"`} {
		if got := string(Errors(path).AppendError(nil, p)); !strings.Contains(got, want) {
			t.Errorf("%s: %s", path, got)
		}
	}
}

// What a pattern or a grammar costs to measure grows as its length does, whatever it is made of.
func TestGrammarsAreReadOnce(t *testing.T) {
	for _, c := range []string{"{", "{1", "{1,", "(?", "(?i", "(", "[a", "~", "~ ", "~1", `\\`, "{ ", "a{1}"} {
		measuring := func(n int) func() {
			text := strings.Repeat(c, n/len(c))
			body := []byte(`{"model":"m","prompt":"x","grammar":"` + text + `","regex":"{1}` + text + `"}`)
			var r Request
			if err := parse(&r, OpenAICompletions, body, Options{}); err != nil {
				t.Fatal(err)
			}
			return func() { _ = r.Grammars(1<<30, 1<<40) }
		}
		testkit.CostsAtMost(t, c, 48, measuring(320_000), measuring(20_000)) // 16 times the length
	}
}

// FuzzGrammars: what a request says about its answers is measured without a fault, and what is accepted is within its bounds.
func FuzzGrammars(f *testing.F) {
	for _, s := range []string{`"a{2,3}"`, `{"maxItems":5,"items":{"pattern":"(a{2}[b]){3}"}}`, `"{\"$ref\":\"#\"}"`, `{"syntax":"regex","definition":"a{9}"}`, `["~1..3"]`} {
		f.Add(s)
	}
	var r Request
	f.Add(`"","0":0`)
	f.Fuzz(func(t *testing.T, value string) {
		if !json.Valid([]byte(value)) { // nor may it end the field and begin another
			return
		}
		for name := range strings.FieldsSeq(grammars) {
			body := []byte(`{"model":"m","prompt":"x","` + name + `":` + value + `}`)
			if parse(&r, OpenAICompletions, body, Options{}) != nil {
				return
			}
			if r.Grammars(int64(len(value)), 1000) == nil && r.Grammars(int64(len(value)), 1<<40) != nil {
				t.Fatalf("%s: %s: a larger bound refuses", name, value)
			}
			if value != "null" && value[0] == '"' && r.Grammars(int64(len(strings.TrimSpace(value)))-1, 1<<40) == nil {
				t.Fatalf("%s: %s: larger than its bound", name, value)
			}
		}
	})
}
