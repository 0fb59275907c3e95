package guardtest

import (
	"fmt"
	"strings"

	"github.com/holdfast-ai/holdfast/guard/api"
)

// Ask returns the body of an ordinary request in which a user says text.
func Ask(k api.Kind, text string, stream bool) string {
	return strings.ReplaceAll(ordinary(k, stream), `"TEXT"`, quote(text))
}

// ordinary is a request in which "TEXT" stands for what a user says.
func ordinary(k api.Kind, stream bool) string {
	const turn = `[{"role":"user","content":"TEXT"}]`
	var body string
	switch k {
	case api.OpenAIChat, api.OllamaChat:
		body = `{"model":"m","messages":` + turn
	case api.OpenAICompletions, api.OllamaGenerate:
		body = `{"model":"m","prompt":"TEXT"`
	case api.OpenAIResponses:
		body = `{"model":"m","input":` + turn
	case api.AnthropicMessages:
		body = `{"model":"m","max_tokens":64,"messages":` + turn
	case api.KServeInfer:
		return `{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":["TEXT"]}]}`
	default:
		return `{"model":"m","input":"TEXT"}`
	}
	return body + fmt.Sprintf(`,"stream":%t}`, stream)
}

// Say returns a whole answer of a kind with the given text; embeddings have none.
func Say(k api.Kind, text string) string {
	q := quote(text)
	switch k {
	case api.OpenAICompletions:
		return `{"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[{"index":0,"text":` + q +
			`,"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}`
	case api.OpenAIResponses:
		return response("completed", `[`+item("completed", part(q))+`]`)
	case api.OpenAIEmbeddings:
		return `{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.6,0.8]}],"model":"m","usage":{"prompt_tokens":1,"total_tokens":1}}`
	case api.AnthropicMessages:
		return message(`[{"type":"text","text":`+q+`}]`, `"end_turn"`)
	case api.OllamaChat:
		return ollama(`"message":{"role":"assistant","content":`+q+`}`, true)
	case api.OllamaGenerate:
		return ollama(`"response":`+q, true)
	case api.OllamaEmbed:
		return `{"model":"m","embeddings":[[0.6,0.8]],"total_duration":1,"load_duration":1,"prompt_eval_count":1}`
	case api.KServeInfer:
		return `{"model_name":"m","outputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":[` + q + `]}]}`
	}
	return Completion(text)
}

// Stream returns a streamed answer of a kind, one event for each piece of the text, with the events that the official
// clients need around them. Kinds without streams answer as a whole.
func Stream(k api.Kind, pieces ...string) []string {
	var out []string
	all := strings.Join(pieces, "")
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	named := func(name, data string) { add("event: %s\ndata: {\"type\":%q,%s}\n\n", name, name, data) }
	switch k {
	case api.OpenAIChat:
		events := strings.SplitAfter(Events(pieces...), "\n\n")
		return events[:len(events)-1] // what follows the last is empty
	case api.OpenAICompletions:
		const head = `data: {"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[{"index":0,"text":%s,"logprobs":null,"finish_reason":%s}]}` + "\n\n"
		for _, p := range pieces {
			add(head, quote(p), "null")
		}
		add(head, `""`, `"stop"`)
		add("data: [DONE]\n\n")
	case api.OpenAIResponses:
		number := 0
		numbered := func(name, data string) {
			named(name, fmt.Sprintf(`"sequence_number":%d,%s`, number, data))
			number++
		}
		const at = `"item_id":"msg_1","output_index":0,"content_index":0`
		numbered("response.created", `"response":`+response("in_progress", "[]"))
		numbered("response.output_item.added", `"output_index":0,"item":`+item("in_progress", ""))
		numbered("response.content_part.added", at+`,"part":`+part(`""`))
		for _, p := range pieces {
			numbered("response.output_text.delta", at+`,"logprobs":[],"delta":`+quote(p))
		}
		numbered("response.output_text.done", at+`,"logprobs":[],"text":`+quote(all))
		numbered("response.content_part.done", at+`,"part":`+part(quote(all)))
		numbered("response.output_item.done", `"output_index":0,"item":`+item("completed", part(quote(all))))
		numbered("response.completed", `"response":`+response("completed", `[`+item("completed", part(quote(all)))+`]`))
	case api.AnthropicMessages:
		named("message_start", `"message":`+message("[]", "null"))
		named("content_block_start", `"index":0,"content_block":{"type":"text","text":""}`)
		for _, p := range pieces {
			named("content_block_delta", `"index":0,"delta":{"type":"text_delta","text":`+quote(p)+`}`)
		}
		named("content_block_stop", `"index":0`)
		named("message_delta", `"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":1}`)
		add("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n")
	case api.OllamaChat, api.OllamaGenerate:
		text := func(p string) string {
			if k == api.OllamaChat {
				return `"message":{"role":"assistant","content":` + quote(p) + `}`
			}
			return `"response":` + quote(p)
		}
		for _, p := range pieces {
			out = append(out, ollama(text(p), false)+"\n")
		}
		out = append(out, ollama(text(""), true)+"\n")
	default:
		return []string{Say(k, all)}
	}
	return out
}

func part(text string) string {
	return `{"type":"output_text","annotations":[],"logprobs":[],"text":` + text + `}`
}

func item(status, parts string) string {
	return fmt.Sprintf(`{"id":"msg_1","type":"message","status":%q,"role":"assistant","content":[%s]}`, status, parts)
}

func response(status, output string) string {
	usage := "null"
	if status == "completed" {
		usage = `{"input_tokens":1,"input_tokens_details":{"cached_tokens":0},"output_tokens":1,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":2}`
	}
	return fmt.Sprintf(`{"id":"resp_1","object":"response","created_at":1,"status":%q,"error":null,"incomplete_details":null,"instructions":null,`+
		`"model":"m","output":%s,"parallel_tool_calls":true,"tool_choice":"auto","tools":[],"usage":%s}`, status, output, usage)
}

func message(content, reason string) string {
	return `{"id":"msg_1","type":"message","role":"assistant","model":"m","content":` + content + `,"stop_reason":` + reason +
		`,"stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}`
}

func ollama(text string, done bool) string {
	end := `"done":false`
	if done {
		end = `"done":true,"done_reason":"stop","total_duration":1,"load_duration":1,"prompt_eval_count":1,"prompt_eval_duration":1,"eval_count":1,"eval_duration":1`
	}
	return `{"model":"m","created_at":"2026-01-01T00:00:00Z",` + text + `,` + end + `}`
}
