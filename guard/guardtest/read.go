package guardtest

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/holdfast-ai/holdfast/guard/api"
)

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
