package guardtest

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/holdfast-ai/holdfast/guard/api"
)

// Kinds returns every kind of request that the kit knows, which are those of package api.
func Kinds() []api.Kind {
	return []api.Kind{
		api.OpenAIChat, api.OpenAICompletions, api.OpenAIResponses, api.OpenAIEmbeddings, api.AnthropicMessages,
		api.OllamaChat, api.OllamaGenerate, api.OllamaEmbed, api.KServeInfer,
	}
}

// Path returns where the official clients send requests of a kind.
func Path(k api.Kind) string {
	switch k {
	case api.OpenAIChat:
		return "/v1/chat/completions"
	case api.OpenAICompletions:
		return "/v1/completions"
	case api.OpenAIResponses:
		return "/v1/responses"
	case api.OpenAIEmbeddings:
		return "/v1/embeddings"
	case api.AnthropicMessages:
		return "/v1/messages"
	case api.OllamaChat:
		return "/api/chat"
	case api.OllamaGenerate:
		return "/api/generate"
	case api.OllamaEmbed:
		return "/api/embed"
	case api.KServeInfer:
		return "/v2/models/m/infer"
	}
	return ""
}

// kindOf returns the kind of requests to a path, chat for any other.
func kindOf(path string) api.Kind {
	for _, k := range Kinds() {
		if Path(k) == path {
			return k
		}
	}
	return api.OpenAIChat
}

// Streams reports whether answers of a kind can be streamed.
func Streams(k api.Kind) bool { return framing(k) != api.Unframed }

// speaks reports whether answers of a kind hold text.
func speaks(k api.Kind) bool { return k != api.OpenAIEmbeddings && k != api.OllamaEmbed }

func framing(k api.Kind) api.Framing {
	d, ok := api.New(k)
	if !ok {
		return api.Unframed
	}
	return d.Framing()
}

// media returns the content type of answers.
func media(k api.Kind, streamed bool) string {
	switch {
	case !streamed:
		return "application/json"
	case framing(k) == api.NDJSON:
		return "application/x-ndjson"
	}
	return "text/event-stream"
}

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

// Read reads an answer of a kind, whole or streamed, as a simple client does. Text is that of the first choice; an error
// that ends a stream is in ErrorCode, and Done is set where the stream was ended as its API ends streams.
func Read(k api.Kind, body string, streamed bool) (Answer, error) {
	var a Answer
	if !streamed {
		err := a.read(k, []byte(body))
		return a, err
	}
	for line := range strings.SplitSeq(body, "\n") {
		data := strings.TrimSuffix(line, "\r")
		if framing(k) == api.SSE {
			var ok bool
			if data, ok = strings.CutPrefix(data, "data: "); !ok {
				continue
			}
		}
		switch {
		case data == "":
			continue
		case data == "[DONE]":
			a.Done = true
			continue
		}
		if a.Done || a.ErrorCode != "" {
			return a, fmt.Errorf("guardtest: an event behind the end of the stream")
		}
		if err := a.read(k, []byte(data)); err != nil {
			return a, err
		}
	}
	return a, nil
}

// read adds one document to the answer.
func (a *Answer) read(k api.Kind, data []byte) error {
	var v struct {
		Type    string
		Choices []struct {
			Index   int
			Text    string
			Delta   struct{ Content string }
			Message struct{ Content string }
			Finish  string `json:"finish_reason"`
		}
		Delta    json.RawMessage
		Content  []struct{ Text string }
		Output   []struct{ Content []struct{ Text string } }
		Outputs  []struct{ Data []json.RawMessage }
		Message  json.RawMessage
		Response json.RawMessage
		Done     bool
		Error    json.RawMessage
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return fmt.Errorf("guardtest: an answer that is not JSON: %w", err)
	}
	for _, c := range v.Choices {
		if c.Index == 0 {
			a.Text += c.Text + c.Delta.Content + c.Message.Content
			if c.Finish != "" {
				a.Finish = c.Finish
			}
		}
	}
	for _, c := range v.Content {
		a.Text += c.Text
	}
	for _, o := range v.Output {
		for _, c := range o.Content {
			a.Text += c.Text
		}
	}
	for _, o := range v.Outputs {
		for _, d := range o.Data {
			a.Text += member(d, "")
		}
	}
	switch k {
	case api.OpenAIResponses:
		if v.Type == "response.output_text.delta" {
			a.Text += member(v.Delta, "")
		}
		a.Done = a.Done || v.Type == "response.completed"
	case api.AnthropicMessages:
		a.Text += member(v.Delta, "text")
		a.Done = a.Done || v.Type == "message_stop"
	case api.OllamaChat, api.OllamaGenerate:
		a.Text += member(v.Message, "content") + member(v.Response, "")
		a.Done = a.Done || v.Done
	}
	if code := member(v.Error, "code"); code != "" {
		a.ErrorCode = code
	} else if text := member(v.Error, ""); text != "" { // "message (code)"
		a.ErrorCode = strings.TrimSuffix(text[strings.LastIndexByte(text, '(')+1:], ")")
	}
	return nil
}

// member returns the string that is a member of an object, or the value itself if name is "".
func member(v json.RawMessage, name string) string {
	var s string
	if name == "" {
		if json.Unmarshal(v, &s) != nil {
			return ""
		}
		return s
	}
	var m map[string]json.RawMessage
	if json.Unmarshal(v, &m) != nil {
		return ""
	}
	return member(m[name], "")
}
