// Package api turns the wire formats of inference APIs into one neutral view: every text that a backend may read, with
// its role, trust and offset, the scalar fields that budgets and structural checks need, and the growing texts of an
// answer, whole or streamed. It reads a message once, with the strict scanner of internal/strictjson: what was checked is
// what is forwarded, byte for byte, unless something was redacted.
//
// A [Dialect] is one API. Those of JSON are tables over one walker; see openai.go, anthropic.go, ollama.go, kserve.go.
//
// It is the only package that uses a validation library; [Validator] checks scalar request fields and policies by tags.
package api

import (
	"errors"
	"fmt"
	"net/http"
)

// Kind names an API and one of its operations.
type Kind string

// Kinds that [New] knows.
const (
	OpenAIChat        Kind = "openai.chat"        // POST /v1/chat/completions
	OpenAICompletions Kind = "openai.completions" // POST /v1/completions
	OpenAIResponses   Kind = "openai.responses"   // POST /v1/responses
	OpenAIEmbeddings  Kind = "openai.embeddings"  // POST /v1/embeddings
	AnthropicMessages Kind = "anthropic.messages" // POST /v1/messages
	OllamaChat        Kind = "ollama.chat"        // POST /api/chat
	OllamaGenerate    Kind = "ollama.generate"    // POST /api/generate
	OllamaEmbed       Kind = "ollama.embed"       // POST /api/embed
	KServeInfer       Kind = "kserve.infer"       // POST /v2/models/{name}[/versions/{version}]/infer
)

// A Dialect reads and writes one API. It is immutable and safe for concurrent use.
type Dialect interface {
	// Request reads a body into r, whose memory is reused. Header is that of the HTTP request and may be nil. Spans and
	// everything else in r may alias body and are valid until the next call.
	//
	// Errors: a [*strictjson.SyntaxError] for what is not strict JSON, a [*FieldError] for what is no such request, or
	// holds what cannot be inspected. Scalar fields are checked separately, by [Validator.Struct] on r.Params.
	Request(r *Request, body []byte, header http.Header, o Options) error
	// Answer reads a whole answer, or the payload of one event or line of a stream, into a, whose memory is reused.
	// Errors are those of Request; what was refused must not be sent.
	Answer(a *Answer, data []byte, header http.Header) error
	// Framing says how streams are framed.
	Framing() Framing
	// AppendError appends the body of an error response.
	AppendError(dst []byte, p Problem) []byte
	// AppendDenial appends what ends a stream that was denied after it began, framed, so that the official clients raise
	// their typed error.
	AppendDenial(dst []byte, p Problem) []byte
}

// Framing is how the events of a stream are told apart.
type Framing uint8

// Framings.
const (
	Unframed Framing = iota // the API has no streams
	SSE                     // server-sent events, text/event-stream
	NDJSON                  // one JSON document for each line, application/x-ndjson
)

// Options say what a request may hold.
type Options struct {
	TrustSystemRole bool  // system messages are the operator's words, not the caller's
	Media           bool  // images, audio and files are listed in Request.Media for others to check; else they are refused
	TokenIDs        bool  // prompts of token ids are listed in Request.Tokens; else they are refused
	Vocabulary      int64 // ids of stop tokens, allowed and bad words must be less; 0 refuses them
}

// New returns the dialect of a kind. It reports false for a kind that is none.
func New(k Kind) (Dialect, bool) {
	switch k {
	case OpenAIChat:
		return newJSON(chatRequest(), chatAnswer, SSE, openAIErrors{chunk: filteredChat}), true
	case OpenAICompletions:
		return newJSON(completionRequest(), completionAnswer, SSE, openAIErrors{chunk: filteredText}), true
	case OpenAIResponses:
		return newJSON(responsesRequest(), responsesAnswer, SSE, responsesErrors{}), true
	case OpenAIEmbeddings:
		return newJSON(embeddingsRequest(), embeddingsAnswer, Unframed, openAIErrors{}), true
	case AnthropicMessages:
		return newJSON(messagesRequest(), messagesAnswer, SSE, anthropicErrors{}), true
	case OllamaChat:
		return newJSON(ollamaChatRequest(), ollamaAnswer, NDJSON, ollamaErrors{}), true
	case OllamaGenerate:
		return newJSON(ollamaGenerateRequest(), ollamaAnswer, NDJSON, ollamaErrors{}), true
	case OllamaEmbed:
		return newJSON(ollamaEmbedRequest(), embeddingsAnswer, Unframed, ollamaErrors{}), true
	case KServeInfer:
		return inferenceDialect{}, true
	}
	return nil, false
}

// jsonDialect is a dialect whose messages are JSON: tables over the two walkers.
type jsonDialect struct {
	errorWriter
	request *shape
	answer  *answerShape
	framing Framing
}

type errorWriter interface {
	AppendError(dst []byte, p Problem) []byte
	AppendDenial(dst []byte, p Problem) []byte
}

func newJSON(request *shape, answer func() *answerShape, f Framing, e errorWriter) Dialect {
	return &jsonDialect{errorWriter: e, request: request.build(), answer: answer().build(), framing: f}
}

// Request implements [Dialect].
func (d *jsonDialect) Request(r *Request, body []byte, _ http.Header, o Options) error {
	return r.walkJSON(body, d.request, o)
}

// Answer implements [Dialect].
func (d *jsonDialect) Answer(a *Answer, data []byte, _ http.Header) error {
	return a.walkJSON(data, d.answer)
}

// Framing implements [Dialect].
func (d *jsonDialect) Framing() Framing { return d.framing }

var (
	// ErrRequest means that a request does not follow its API; every [*FieldError] unwraps to it.
	ErrRequest = errors.New("api: invalid request")
	// ErrResponse means that an answer does not follow its API.
	ErrResponse = errors.New("api: invalid response")
)

// A FieldError names the field that was refused. It never quotes a value.
type FieldError struct {
	Field string // for example "temperature" or "messages.role"
	Why   string // for example "max 2" or "unsupported content part"
}

// Error names the field, without its value.
func (e *FieldError) Error() string { return fmt.Sprintf("api: invalid %s (%s)", e.Field, e.Why) }

// Unwrap returns [ErrRequest].
func (e *FieldError) Unwrap() error { return ErrRequest }

func refuse(field, why string) error { return &FieldError{Field: field, Why: why} }
