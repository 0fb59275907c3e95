package openai

import "github.com/holdfast-ai/holdfast/examples/engine"

// answer is what all parts of one response share.
type answer struct {
	id, model string
	created   int64 // Unix time, in seconds
}

func (a answer) chunk(object string) completion {
	return completion{ID: a.id, Object: object, Created: a.created, Model: a.model}
}

type completion struct {
	ID      string   `json:"id"`
	Object  string   `json:"object"`
	Created int64    `json:"created"`
	Model   string   `json:"model"`
	Choices []choice `json:"choices"`
	Usage   *usage   `json:"usage,omitempty"`
}

type choice struct {
	Index   int      `json:"index"`
	Message *message `json:"message,omitempty"`
	Delta   *message `json:"delta,omitempty"`
	Finish  *string  `json:"finish_reason"`
}

type message struct {
	Role    string  `json:"role,omitempty"`
	Content *string `json:"content,omitempty"`
}

type usage struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens"`
	Total      int `json:"total_tokens"`
}

func usageOf(r engine.Result) *usage {
	return &usage{Prompt: r.Prompt, Completion: len(r.Tokens), Total: r.Prompt + len(r.Tokens)}
}
