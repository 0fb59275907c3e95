package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/holdfast-ai/holdfast/examples/engine"
)

// continuing serves POST /v1/chat/completions for a model that was never taught to chat: it continues the text of the
// messages. What it reads was checked by the guard before.
type continuing struct {
	engine *engine.Engine
	model  string
}

func (c *continuing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && r.URL.Path == "/v1/models" {
		fmt.Fprintf(w, `{"object":"list","data":[{"id":%q,"object":"model","created":0,"owned_by":"quickstart"}]}`, c.model)
		return
	}
	var req struct {
		Messages  []message `json:"messages"`
		Stream    bool      `json:"stream"`
		MaxTokens int       `json:"max_tokens"`
	}
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		http.Error(w, `{"error":{"type":"invalid_request_error","code":"invalid_request"}}`, http.StatusBadRequest)
		return
	}
	var lines []string
	for _, m := range req.Messages {
		lines = append(lines, m.Content)
	}
	prompt := c.engine.Prompt(strings.Join(lines, "\n"))
	p := engine.Params{MaxTokens: req.MaxTokens}
	if req.Stream {
		c.stream(w, r, prompt, p)
		return
	}
	var text strings.Builder
	_, err := c.engine.Generate(r.Context(), prompt, p, func(t string) error { text.WriteString(t); return nil })
	if err != nil {
		http.Error(w, `{"error":{"type":"server_error","code":"internal_error"}}`, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(c.completion("chat.completion", "message", text.String(), "stop")) // the client may be gone
}

func (c *continuing) stream(w http.ResponseWriter, r *http.Request, prompt []int, p engine.Params) {
	w.Header().Set("Content-Type", "text/event-stream")
	rc := http.NewResponseController(w)
	send := func(text string, finish any) error {
		data, err := json.Marshal(c.completion("chat.completion.chunk", "delta", text, finish))
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "data: %s\n\n", data); err != nil {
			return err
		}
		return rc.Flush()
	}
	_, err := c.engine.Generate(r.Context(), prompt, p, func(t string) error { return send(t, nil) })
	if err == nil && send("", "stop") == nil {
		fmt.Fprint(w, "data: [DONE]\n\n")
	}
}

func (c *continuing) completion(object, part, text string, finish any) map[string]any {
	return map[string]any{"id": "continued", "object": object, "created": 0, "model": c.model, "choices": []any{map[string]any{
		"index": 0, part: message{"assistant", text}, "finish_reason": finish,
	}}}
}
