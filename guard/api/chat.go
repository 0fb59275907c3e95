package api

import (
	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// ChatParams are the scalar fields of an OpenAI chat completion request. Zero means absent.
// Bounds are those of the OpenAI API reference, with room for the values that other servers of the dialect accept.
type ChatParams struct {
	Model               string  `json:"model" validate:"required,max=256,printascii"`
	Stream              bool    `json:"stream"`
	MaxTokens           int64   `json:"max_tokens" validate:"omitempty,min=0,max=16777216"`
	MaxCompletionTokens int64   `json:"max_completion_tokens" validate:"omitempty,min=0,max=16777216"`
	N                   int64   `json:"n" validate:"omitempty,min=0,max=128"`
	Temperature         float64 `json:"temperature" validate:"omitempty,min=0,max=2"`
	TopP                float64 `json:"top_p" validate:"omitempty,min=0,max=1"`
	FrequencyPenalty    float64 `json:"frequency_penalty" validate:"omitempty,min=-2,max=2"`
	PresencePenalty     float64 `json:"presence_penalty" validate:"omitempty,min=-2,max=2"`
	Logprobs            bool    `json:"logprobs"`
	TopLogprobs         int64   `json:"top_logprobs" validate:"omitempty,min=0,max=20"`
	LogitBias           int     `json:"logit_bias" validate:"omitempty,max=300"` // number of entries
	Stop                int     `json:"stop" validate:"omitempty,max=16"`        // number of strings
	Messages            int     `json:"messages" validate:"min=1,max=4096"`
	Tools               int     `json:"tools" validate:"omitempty,max=128"`
}

// OutputTokens returns the number of tokens that may be generated for each choice, or 0 where the request sets none.
func (p *ChatParams) OutputTokens() int64 {
	if p.MaxTokens != 0 && p.MaxCompletionTokens != 0 {
		return max(p.MaxTokens, p.MaxCompletionTokens)
	}
	return p.MaxTokens + p.MaxCompletionTokens
}

// Choices returns how many answers are asked for.
func (p *ChatParams) Choices() int64 { return max(p.N, 1) }

// Chat is a parsed request. It is reused: [Chat.Parse] keeps its memory, and spans are valid until the next call.
type Chat struct {
	Params ChatParams
	Spans  []detect.Span // in the order of the body

	arena []byte // decoded strings that hold escapes
	walk  chatWalker
}

// MaxDepth is the deepest nesting of a request body: messages need 6 levels, schemas of tools some more.
const MaxDepth = 32

// Parse reads body as an OpenAI chat completion request. With trustSystem, system and developer messages are the
// operator's words; without, the caller's. Spans may alias body.
//
// Errors: a [*strictjson.SyntaxError] for what is not strict JSON, a [*FieldError] for what is no such request. Content
// that cannot be inspected (images, audio, files) and fields that bypass the text (token ids, embeddings, templates) are
// refused. Scalar fields are checked separately, by [Validator.Struct] on Params.
func (c *Chat) Parse(body []byte, trustSystem bool) error {
	c.Clear()
	if cap(c.arena) < len(body) {
		c.arena = make([]byte, 0, len(body)) // decoding never lengthens a string, so the arena never moves
	}
	c.walk.reset(c, trustSystem)
	return strictjson.Walk(body, strictjson.Limits{MaxBytes: len(body), MaxDepth: MaxDepth}, &c.walk)
}

// maxKept is the largest buffer that is kept for another message, in bytes.
const maxKept = 1 << 18

// Clear overwrites what Parse decoded, so that pooled memory holds no prompt.
func (c *Chat) Clear() {
	clear(c.arena)
	clear(c.Spans)
	if cap(c.arena) > maxKept {
		c.arena = nil
	}
	c.arena, c.Spans, c.Params = c.arena[:0], c.Spans[:0], ChatParams{}
	c.walk.reset(nil, false)
}

// span records the text of a quoted string.
func (c *Chat) span(role detect.Role, trust detect.Trust, raw []byte, off int) {
	if text := c.text(raw); len(text) > 0 {
		c.Spans = append(c.Spans, detect.Span{Role: role, Trust: trust, Offset: off, Text: text})
	}
}

// text decodes a quoted string, in place where it holds no escapes.
func (c *Chat) text(raw []byte) []byte {
	if plainString(raw) {
		return raw[1 : len(raw)-1]
	}
	from := len(c.arena)
	c.arena = strictjson.AppendUnquoted(c.arena, raw)
	return c.arena[from:len(c.arena):len(c.arena)]
}
