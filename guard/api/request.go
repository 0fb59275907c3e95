package api

import (
	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// Params are the scalar fields of a request, under the names that OpenAI gives them. Zero means absent.
// Bounds are those of the OpenAI API reference, with room for the values that other servers accept.
type Params struct {
	Model               string  `json:"model" validate:"required,max=256,printascii"`
	Stream              bool    `json:"stream"`
	MaxTokens           int64   `json:"max_tokens" validate:"omitempty,min=0,max=16777216"`
	MaxCompletionTokens int64   `json:"max_completion_tokens" validate:"omitempty,min=0,max=16777216"`
	MinTokens           int64   `json:"min_tokens" validate:"omitempty,min=0,max=16777216"`
	N                   int64   `json:"n" validate:"omitempty,min=0,max=128"`
	BestOf              int64   `json:"best_of" validate:"omitempty,min=0,max=128"`
	Temperature         float64 `json:"temperature" validate:"omitempty,min=0,max=2"`
	TopP                float64 `json:"top_p" validate:"omitempty,min=0,max=1"`
	MinP                float64 `json:"min_p" validate:"omitempty,min=0,max=1"`
	TopK                int64   `json:"top_k" validate:"omitempty,min=-1,max=1048576"`
	FrequencyPenalty    float64 `json:"frequency_penalty" validate:"omitempty,min=-2,max=2"`
	PresencePenalty     float64 `json:"presence_penalty" validate:"omitempty,min=-2,max=2"`
	RepetitionPenalty   float64 `json:"repetition_penalty" validate:"omitempty,min=0,max=10"`
	Logprobs            bool    `json:"logprobs"`
	TopLogprobs         int64   `json:"top_logprobs" validate:"omitempty,min=0,max=20"`
	LogitBias           int     `json:"logit_bias" validate:"omitempty,max=300"` // number of entries
	Stop                int     `json:"stop" validate:"omitempty,max=16"`        // number of strings
	Messages            int     `json:"messages" validate:"min=1,max=4096"`      // turns, prompts, inputs
	Prompts             int     `json:"-"`                                       // prompts of a batch, each with answers of its own; 0 where the API has none
	Tools               int     `json:"tools" validate:"omitempty,max=128"`      // definitions
	ContextTokens       int64   `json:"num_ctx" validate:"omitempty,min=0,max=16777216"`
	Dimensions          int64   `json:"dimensions" validate:"omitempty,min=0,max=65536"`
	IgnoreEOS           bool    `json:"ignore_eos"`     // generation goes on behind the end of the text, in tokens that none may be seen of
	OmitReasoning       bool    `json:"omit_reasoning"` // what the model thinks is generated and not sent: "include_reasoning" is false
}

// OutputTokens returns the number of tokens that may be generated for each choice, or 0 where the request sets none.
func (p *Params) OutputTokens() int64 {
	if p.MaxTokens != 0 && p.MaxCompletionTokens != 0 {
		return max(p.MaxTokens, p.MaxCompletionTokens)
	}
	return p.MaxTokens + p.MaxCompletionTokens
}

// Choices returns how many answers are generated, whether or not all of them are sent: for each prompt of a batch so many.
func (p *Params) Choices() int64 { return max(p.N, p.BestOf, 1) * max(int64(p.Prompts), 1) }

// Media is an image, a sound or a file that a request carries or refers to.
type Media struct {
	Offset int    // of the string that holds it, in bytes
	Kind   string // "image", "audio", "file"
	Type   string // media type that the request states, "" for none
	URL    []byte // of what the backend would fetch, or nil
	Base64 []byte // the data itself, or nil
	Data   []byte // the data itself as it is, of a binary tensor, or nil
}

// Tokens is a list of token ids.
type Tokens struct {
	Offset int // of the list, in bytes
	IDs    []int64
}

// A Tensor is one named array of an inference request or answer.
type Tensor struct {
	Name     string
	Datatype string  // as KServe v2 names it: BOOL, UINT8 … FP64, BF16, BYTES
	Shape    []int64 // not negative; their product is known not to overflow
	Elements int64   // product of Shape
	Raw      []byte  // binary extension: little-endian, row-major; nil where the data is in the JSON
	JSON     []byte  // the JSON array, flat or nested; nil for binary data
	Offset   int     // of the data in the body, in bytes
}

// Request is a parsed request, whatever its API. It is reused by [Dialect.Request].
type Request struct {
	Params  Params
	Spans   []detect.Span // in the order of the body; from Inner on, texts inside of JSON that strings hold
	Inner   int
	Media   []Media
	Tokens  []Tokens
	Tensors []Tensor
	Tools   [][]byte // names of the functions that the request defines

	json     strictjson.Walker
	grammars []grammar
	body     []byte

	ids   []int64
	arena []byte // decoded strings that hold escapes
	walk  walker
}

func (r *Request) walkJSON(body []byte, s *shape, o Options) error {
	r.begin(body)
	r.body = body
	r.Params.Stream = s.streams
	r.walk.reset(r, s, o)
	if err := r.json.Walk(body, limits(len(body)), &r.walk); err != nil {
		return err
	}
	return r.inner()
}

// begin makes room: decoding never lengthens a string, so the arena never moves. Texts inside of texts are decoded once
// more, and shorter again.
func (r *Request) begin(body []byte) {
	r.Clear()
	if cap(r.arena) < 2*len(body) {
		r.arena = make([]byte, 0, 2*len(body))
	}
}

// Clear overwrites what was decoded, so that pooled memory holds no prompt.
func (r *Request) Clear() {
	r.arena, r.Spans, r.ids, r.Tokens = emptied(r.arena, maxKept), emptied(r.Spans, maxKeptList), emptied(r.ids, maxKeptList), emptied(r.Tokens, maxKeptList)
	r.Media, r.Tensors, r.Tools, r.walk.args = emptied(r.Media, maxKeptList), emptied(r.Tensors, maxKeptList), emptied(r.Tools, maxKeptList), emptied(r.walk.args, maxKeptList)
	r.Params, r.Inner, r.body = Params{}, 0, nil
	r.grammars = emptied(r.grammars, maxKeptList)
	r.walk.reset(nil, nil, Options{})
}

// fits refuses a request of too many parts.
func (r *Request) fits() error {
	if len(r.Spans)+len(r.Media)+len(r.Tools)+len(r.walk.args) > maxTexts {
		return refuse("body", "too many texts")
	}
	return nil
}

// span records the text of a quoted string.
func (r *Request) span(role detect.Role, trust detect.Trust, raw []byte, off int) {
	if text := r.text(raw); len(text) > 0 {
		r.Spans = append(r.Spans, detect.Span{Role: role, Trust: trust, Offset: off, Text: text})
	}
}

// text is what a quoted string says.
func (r *Request) text(raw []byte) []byte { return unquoted(raw, &r.arena) }

// unquoted decodes a quoted string: in place where it holds no escapes, else behind what the arena holds.
func unquoted(raw []byte, arena *[]byte) []byte {
	if plainString(raw) {
		return raw[1 : len(raw)-1]
	}
	from := len(*arena)
	*arena = strictjson.AppendUnquoted(*arena, raw)
	return (*arena)[from:len(*arena):len(*arena)]
}
