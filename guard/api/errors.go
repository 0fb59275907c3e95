package api

import (
	"strconv"

	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// ContentType of error bodies.
const ContentType = "application/json"

// A Problem is what a caller is told about a refusal. Its strings need no escaping in JSON.
type Problem struct {
	Status  int
	Code    string // for example "content_filter"
	Message string
	Param   string // field of the request, "" for none
	Event   int64  // number of the next event, where a stream numbers them
}

// Errors returns the dialect in whose form a refusal is written where a path has no route: by the first part of the path.
func Errors(path string) Dialect {
	kind := OpenAIChat
	switch {
	case hasPrefix(path, "/api/"):
		kind = OllamaChat
	case hasPrefix(path, "/v2/"):
		kind = KServeInfer
	case hasPrefix(path, "/v1/messages"):
		kind = AnthropicMessages
	}
	d, _ := New(kind)
	return d
}

func hasPrefix(s, p string) bool { return len(s) >= len(p) && s[:len(p)] == p }

// openAIErrors is {"error":{"message","type","param","code"}}; a stream ends with a chunk that says why, then an event
// with the error, from which clients raise APIError.
type openAIErrors struct{ chunk string }

const (
	filteredChat = `{"id":"chatcmpl-guard","object":"chat.completion.chunk","created":0,"model":"",` +
		`"choices":[{"index":0,"delta":{},"finish_reason":"content_filter"}]}`
	filteredText = `{"id":"cmpl-guard","object":"text_completion","created":0,"model":"",` +
		`"choices":[{"index":0,"text":"","logprobs":null,"finish_reason":"content_filter"}]}`
)

// openAIType is the "type" of an error.
func openAIType(status int) string {
	switch {
	case status == 429:
		return "rate_limit_error"
	case status >= 500:
		return "server_error"
	}
	return "invalid_request_error"
}

func (openAIErrors) AppendError(dst []byte, p Problem) []byte {
	return append(appendOpenAI(append(dst, `{"error":`...), p), '}')
}

func appendOpenAI(dst []byte, p Problem) []byte {
	dst = appendMember(append(dst, '{'), "message", p.Message)
	dst = appendMember(append(dst, ','), "type", openAIType(p.Status))
	if p.Param == "" {
		dst = append(dst, `,"param":null,`...)
	} else {
		dst = append(appendMember(append(dst, ','), "param", p.Param), ',')
	}
	return append(appendMember(dst, "code", p.Code), '}')
}

func appendMember(dst []byte, name, value string) []byte {
	dst = append(strconv.AppendQuote(dst, name), ':')
	return strictjson.AppendQuoted(dst, []byte(value))
}

func (e openAIErrors) AppendDenial(dst []byte, p Problem) []byte {
	if p.Code == CodeContent && e.chunk != "" {
		dst = append(append(append(dst, "data: "...), e.chunk...), "\n\n"...)
	}
	dst = e.AppendError(append(dst, "data: "...), p)
	return append(dst, "\n\ndata: [DONE]\n\n"...)
}

// CodeContent is the code of refusals for their content.
const CodeContent = "content_filter"

// responsesErrors ends a Responses stream with an "error" event. Clients raise for the member "error"; the others are
// those of ResponseErrorEvent.
type responsesErrors struct{ openAIErrors }

func (responsesErrors) AppendDenial(dst []byte, p Problem) []byte {
	dst = append(dst, "event: error\ndata: {\"type\":\"error\",\"sequence_number\":"...)
	dst = append(strconv.AppendInt(dst, p.Event, 10), ',')
	dst = appendMember(dst, "code", p.Code)
	dst = appendMember(append(dst, ','), "message", p.Message)
	dst = append(dst, `,"param":null,"error":`...)
	return append(appendOpenAI(dst, p), "}\n\n"...)
}

// anthropicErrors is {"type":"error","error":{"type","message"}}, in a stream the event "error".
type anthropicErrors struct{}

func (anthropicErrors) AppendError(dst []byte, p Problem) []byte {
	kind := "invalid_request_error"
	switch p.Status {
	case 401:
		kind = "authentication_error"
	case 403:
		kind = "permission_error"
	case 404:
		kind = "not_found_error"
	case 413:
		kind = "request_too_large"
	case 429:
		kind = "rate_limit_error"
	case 503, 529:
		kind = "overloaded_error"
	case 500, 502, 504:
		kind = "api_error"
	}
	dst = append(dst, `{"type":"error","error":{`...)
	dst = appendMember(dst, "type", kind)
	dst = appendMember(append(dst, ','), "message", p.Message)
	dst = appendMember(append(dst, ','), "code", p.Code)
	return append(dst, "}}"...)
}

func (e anthropicErrors) AppendDenial(dst []byte, p Problem) []byte {
	dst = e.AppendError(append(dst, "event: error\ndata: "...), p)
	return append(dst, "\n\n"...)
}

// ollamaErrors is {"error":"…"}, in a stream a line of its own, which is the last.
type ollamaErrors struct{}

func (ollamaErrors) AppendError(dst []byte, p Problem) []byte {
	return append(appendMember(append(dst, '{'), "error", p.Message+" ("+p.Code+")"), '}')
}

func (e ollamaErrors) AppendDenial(dst []byte, p Problem) []byte {
	return append(e.AppendError(dst, p), '\n')
}
