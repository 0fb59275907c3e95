package guard_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard"
)

// Answers in the form of vLLM, SGLang, llama.cpp, TGI, Ollama, Triton and the hosted APIs pass byte for byte, with rules that look for
// leaks: comments and spaces of streams apart, nothing is lost that a client reads.
func TestAnswersOfServersPass(t *testing.T) {
	p := all()
	p.Canary, p.SystemPrompts = leaky().Canary, leaky().SystemPrompts
	g := newGuard(t, p)
	sse := func(events ...string) string {
		return "data: " + strings.Join(events, "\n\ndata: ") + "\n\n"
	}
	const usage = `"usage":{"prompt_tokens":9,"total_tokens":11,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":0}}`
	for name, c := range map[string]struct {
		kind         guard.Kind
		media        string
		answer, want string // want: the same, if empty
	}{
		"vLLM": {kind: guard.KindChat, media: "application/json", answer: `{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi","refusal":null,"annotations":null,"audio":null,"function_call":null,"tool_calls":[],"reasoning_content":null},"logprobs":null,"finish_reason":"stop","stop_reason":null,"token_ids":null}],"service_tier":null,"system_fingerprint":null,` + usage + `,"prompt_logprobs":null,"prompt_token_ids":null,"kv_transfer_params":null}`},
		"vLLM streamed": {kind: guard.KindChat, media: "text/event-stream; charset=utf-8", answer: sse(
			`{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"prompt_token_ids":null}`,
			`{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"reasoning_content":"Hmm"},"logprobs":null,"finish_reason":null,"token_ids":null}]}`,
			`{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Hi"},"logprobs":null,"finish_reason":null,"token_ids":null}]}`,
			`{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"id":"t","type":"function","index":0,"function":{"name":"f","arguments":"{\"a\""}}]},"finish_reason":null}]}`,
			`{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]},"finish_reason":null}]}`,
			`{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":""},"finish_reason":"tool_calls","stop_reason":null}]}`,
			`{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],`+usage+`}`, `[DONE]`)},
		"vLLM, usage with each event": {kind: guard.KindChat, media: "text/event-stream", answer: sse(
			`{"id":"c","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}],`+usage+`}`, `{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],`+usage+`}`, `[DONE]`)},
		"choices in turns": {kind: guard.KindChat, media: "text/event-stream", answer: sse(
			`{"choices":[{"index":1,"delta":{"content":"Ho"}}]}`, `{"choices":[{"index":0,"delta":{"content":"Hi"}}]}`, `{"choices":[{"index":1,"delta":{},"finish_reason":"stop"}]}`,
			`{"choices":[{"index":0,"delta":{"content":"!"}}]}`, `{"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}`, `[DONE]`)},
		"an error within a stream": {kind: guard.KindChat, media: "text/event-stream", answer: sse(`{"choices":[{"index":0,"delta":{"content":"Hi"}}]}`, `{"error":{"message":"out of memory","type":"InternalServerError","param":null,"code":500}}`, `[DONE]`)},
		"llama.cpp": {kind: guard.KindChat, media: "text/event-stream", answer: ": ping\n\n" + sse(
			`{"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],"created":1,"id":"c","model":"m","system_fingerprint":"b1-x","object":"chat.completion.chunk"}`,
			`{"choices":[{"finish_reason":null,"index":0,"delta":{"content":"Hi"}}],"created":1,"id":"c","model":"m","system_fingerprint":"b1-x","object":"chat.completion.chunk"}`,
			`{"choices":[{"finish_reason":"stop","index":0,"delta":{}}],"created":1,"id":"c","model":"m","system_fingerprint":"b1-x","object":"chat.completion.chunk","timings":{"cache_n":0,"prompt_n":9,"prompt_ms":1.5,"predicted_per_second":70.25}}`, `[DONE]`)},
		"TGI, no space": {kind: guard.KindChat, media: "text/event-stream", answer: "data:{\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}]}\r\n\r\ndata:[DONE]\r\n\r\n",
			want: "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}]}\n\ndata: [DONE]\n\n"},
		"SGLang": {kind: guard.KindCompletions, media: "text/event-stream", answer: sse(
			`{"id":"c","object":"text_completion","created":1,"model":"m","choices":[{"index":0,"text":"Hi","logprobs":null,"finish_reason":"","matched_stop":null,"hidden_states":null}],"usage":null}`,
			`{"id":"c","object":"text_completion","created":1,"model":"m","choices":[{"index":0,"text":" ho","logprobs":null,"finish_reason":"","matched_stop":null,"hidden_states":null}],"usage":null}`,
			`{"id":"c","object":"text_completion","created":1,"model":"m","choices":[{"index":0,"text":"","logprobs":null,"finish_reason":"stop","matched_stop":128009}],"usage":null}`, `[DONE]`)},
		"Anthropic": {kind: guard.KindMessages, media: "text/event-stream", answer: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[],\"model\":\"m\",\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n\n" +
			"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\n" +
			"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n" +
			"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":2}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"},
		"Ollama": {kind: guard.KindOllamaChat, media: "application/x-ndjson", answer: `{"model":"m","created_at":"2026-08-04T08:52:19.385406455-07:00","message":{"role":"assistant","content":"The","images":null},"done":false}` + "\n" +
			`{"model":"m","created_at":"2026-08-04T08:52:19.4Z","message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},"done":false}` + "\n" +
			`{"model":"m","created_at":"2026-08-04T19:22:45.499127Z","message":{"role":"assistant","content":""},"done_reason":"stop","done":true,"total_duration":4883583458,"load_duration":1334875,"prompt_eval_count":26,"prompt_eval_duration":342546000,"eval_count":282,"eval_duration":4535599000}` + "\n"},
		"Ollama, an error within": {kind: guard.KindGenerate, media: "application/x-ndjson", answer: `{"model":"m","response":"The","done":false}` + "\n" + `{"error":"an error was encountered while running the model"}` + "\n"},
		"Ollama embed":            {kind: guard.KindEmbed, media: "application/json; charset=utf-8", answer: `{"model":"m","embeddings":[[0.010071029,-0.0017594862,0.05007221]],"total_duration":14143917,"load_duration":1019500,"prompt_eval_count":8}`},
		"embeddings":              {kind: guard.KindEmbeddings, media: "application/json", answer: `{"id":"e","object":"list","created":1,"model":"m","data":[{"index":0,"object":"embedding","embedding":[0.5,-0.25]}],"usage":{"prompt_tokens":2,"total_tokens":2,"completion_tokens":0}}`},
		"Triton":                  {kind: guard.KindInfer, media: "application/json", answer: `{"model_name":"m","model_version":"1","parameters":{"sequence_id":0,"sequence_start":false},"outputs":[{"name":"y","datatype":"FP32","shape":[1,2],"data":[0.5,0.5]}]}`},
		"Triton, nothing found":   {kind: guard.KindInfer, media: "application/json", answer: `{"model_name":"m","model_version":"1","outputs":[{"name":"boxes","datatype":"FP32","shape":[0,4],"data":[]}]}`},
		"MLServer":                {kind: guard.KindInfer, media: "application/json", answer: `{"model_name":"m","model_version":"v1","id":"e1","parameters":{"content_type":"np","headers":{"a":["b",null,1]}},"outputs":[{"name":"predict","shape":[1,1],"datatype":"INT64","parameters":{"content_type":"np"},"data":[8]},{"name":"s","shape":[1],"datatype":"BYTES","parameters":null,"data":["x"]}]}`},
	} {
		for _, n := range []int{1, 7, 1 << 20} { // bytes of a write
			h := g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", c.media)
				for rest := c.answer; rest != ""; {
					some := rest[:min(n, len(rest))]
					rest = rest[len(some):]
					_, _ = io.WriteString(w, some)
					w.(http.Flusher).Flush()
				}
			}))
			want := c.want
			if want == "" {
				want = strings.TrimPrefix(c.answer, ": ping\n\n")
			}
			body := asks[c.kind]
			if !strings.HasPrefix(c.media, "application/json") {
				body = strings.Replace(body, "{", `{"stream":true,`, 1)
			}
			w := ask(h, c.kind, body)
			if w.Code != 200 || w.Body.String() != want {
				t.Errorf("%s, writes of %d: %d\n%s\nwant\n%s", name, n, w.Code, w.Body, want)
			}
		}
	}
}
