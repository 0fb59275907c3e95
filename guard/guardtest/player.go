package guardtest

import (
	"encoding/json"
	"strings"
)

// An Answer is what a client made of a response.
type Answer struct {
	Text      string // of choice 0
	Finish    string // finish_reason
	ErrorCode string // of an error object or event
	Done      bool   // the stream was ended by [DONE]
}

// Play reads a response body, whole or streamed, as a simple client does.
func Play(body string) (Answer, error) {
	var a Answer
	if !strings.HasPrefix(body, "data:") {
		return a, a.add(body)
	}
	for event := range strings.SplitSeq(strings.TrimSpace(body), "\n\n") {
		data := strings.TrimPrefix(event, "data: ")
		if data == "[DONE]" {
			a.Done = true
			continue
		}
		if err := a.add(data); err != nil {
			return a, err
		}
	}
	return a, nil
}

func (a *Answer) add(data string) error {
	var v struct {
		Choices []struct {
			Index   int
			Delta   struct{ Content string }
			Message struct{ Content string }
			Finish  string `json:"finish_reason"`
		}
		Error json.RawMessage
	}
	if err := json.Unmarshal([]byte(data), &v); err != nil {
		return err
	}
	for _, c := range v.Choices {
		if c.Index == 0 {
			a.Text += c.Delta.Content + c.Message.Content
			if c.Finish != "" {
				a.Finish = c.Finish
			}
		}
	}
	var object struct{ Code string }
	var text string
	switch {
	case json.Unmarshal(v.Error, &object) == nil:
		a.ErrorCode = object.Code
	case json.Unmarshal(v.Error, &text) == nil: // "message (code)"
		a.ErrorCode = strings.TrimSuffix(text[strings.LastIndexByte(text, '(')+1:], ")")
	}
	return nil
}
