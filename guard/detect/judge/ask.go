package judge

import (
	"encoding/json"
	"errors"
	"strings"
)

var errAnswer = errors.New("answer is not of the form that was asked for")

// Moderation is the dialect of OpenAI's moderation endpoint: {"model", "input"} and {"results": [{"flagged"}]}.
func Moderation(model string) Ask {
	return Ask{
		Body: func(text []byte) ([]byte, error) {
			return json.Marshal(map[string]string{"model": model, "input": string(text)})
		},
		Flagged: func(answer []byte) (bool, error) {
			var a struct {
				Results []struct {
					Flagged *bool `json:"flagged"`
				} `json:"results"`
			}
			if json.Unmarshal(answer, &a) != nil || len(a.Results) == 0 {
				return false, errAnswer
			}
			flagged := false
			for _, r := range a.Results {
				if r.Flagged == nil {
					return false, errAnswer
				}
				flagged = flagged || *r.Flagged
			}
			return flagged, nil
		},
	}
}

// LlamaGuard is the dialect of models such as Llama Guard behind chat completions: the text is the user's message, and the
// answer's first word is "safe" or "unsafe".
func LlamaGuard(model string) Ask {
	return Ask{
		Body: func(text []byte) ([]byte, error) {
			return json.Marshal(map[string]any{
				"model": model, "max_tokens": 16, "temperature": 0,
				"messages": []map[string]string{{"role": "user", "content": string(text)}},
			})
		},
		Flagged: func(answer []byte) (bool, error) {
			var a struct {
				Choices []struct {
					Message struct {
						Content string `json:"content"`
					} `json:"message"`
				} `json:"choices"`
			}
			if json.Unmarshal(answer, &a) != nil || len(a.Choices) != 1 {
				return false, errAnswer
			}
			words := strings.Fields(strings.ToLower(a.Choices[0].Message.Content))
			if len(words) == 0 || words[0] != "safe" && words[0] != "unsafe" {
				return false, errAnswer
			}
			return words[0] == "unsafe", nil
		},
	}
}
