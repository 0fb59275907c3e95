package judge

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-ai/holdfast/internal/strictjson"
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
			if read(answer, &a) != nil || len(a.Results) == 0 {
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

// LlamaGuard is the dialect of models such as Llama Guard behind chat completions: the text is the user's message, with special tokens of chat templates
// taken apart, and the answer is the word "safe", or "unsafe" and what else the model says.
func LlamaGuard(model string) Ask {
	return Ask{
		Body: func(text []byte) ([]byte, error) {
			return json.Marshal(map[string]any{
				"model": model, "max_tokens": 16, "temperature": 0,
				"messages": []map[string]string{{"role": "user", "content": apart(string(text))}},
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
			if read(answer, &a) != nil || len(a.Choices) != 1 {
				return false, errAnswer
			}
			words := strings.Fields(strings.ToLower(a.Choices[0].Message.Content))
			switch { // a text may talk a judge into saying more than it should
			case len(words) > 0 && words[0] == "unsafe":
				return true, nil
			case len(words) == 1 && words[0] == "safe":
				return false, nil
			}
			return false, errAnswer
		},
	}
}

// read reads an answer that has one meaning: of a name that stands there twice, in any case, others may take the other value.
func read(answer []byte, into any) error {
	if err := strictjson.Check(answer, strictjson.Limits{MaxBytes: maxAnswer}); err != nil {
		return err
	}
	return json.Unmarshal(answer, into)
}

// templates are what special tokens of chat templates consist of: a server that reads them in texts would let a text end its own turn and answer in the
// judge's place. The last is how Llama Guard marks the end of what it judges.
func templates() []string {
	return []string{
		"<|", "|>", "<｜", "｜>", "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "<<SYS>>", "<</SYS>>", "<s>", "</s>", "<bos>", "<eos>",
		"<start_of_turn>", "<end_of_turn>", "END CONVERSATION>",
	}
}

// apart puts a space into every special token.
func apart(text string) string {
	for _, t := range templates() { // one by one: "<|>" holds two
		_, n := utf8.DecodeRuneInString(t)
		text = strings.ReplaceAll(text, t, t[:n]+" "+t[n:])
	}
	return text
}
