package engine

import (
	"fmt"
	"strings"

	"github.com/holdfast-ai/holdfast/examples/engine/refuse"
	"github.com/holdfast-ai/holdfast/examples/engine/tokenizer"
)

// A Message is one turn of a conversation.
type Message struct {
	Role    string // "system", "user" or "assistant"
	Content string // ordinary text, whatever it looks like
}

// chatFormat renders messages to ids; nil means that the engine does not know the model's template.
type chatFormat func(t *tokenizer.Tokenizer, messages []Message) ([]int, error)

// Templates that the engine knows, to the byte.
const (
	// roleTokens puts each turn between a token of its role and an end token.
	roleTokens = "{{ '<|bos|>' }}{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|eos|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
	// plainLines joins the contents with newlines; it has no roles.
	plainLines = "{% for message in messages %}{{ message['content'] }}{% if not loop.last %}{{ '\\n' }}{% endif %}{% endfor %}"
)

// chatFormatOf returns the renderer of a template that the engine knows, or nil.
// Errors: [ErrFormat] where the vocabulary lacks a token of the template.
func chatFormatOf(template string, t *tokenizer.Tokenizer) (chatFormat, error) {
	switch template {
	case roleTokens:
		for _, name := range []string{"<|bos|>", "<|eos|>", "<|system|>", "<|user|>", "<|assistant|>"} {
			if _, ok := t.Special(name); !ok {
				return nil, refuse.Format("chat_template", "writes a token that is not special in the vocabulary")
			}
		}
		return renderRoles, nil
	case plainLines:
		return renderPlain, nil
	}
	return nil, nil
}

// Chat returns the token ids of a conversation, ending where the assistant's answer begins.
// Errors: [ErrUnsupported] where the engine does not know the model's template; [ErrRequest] for no messages or another
// role: a role is one of three names and never text that reaches the template.
func (e *Engine) Chat(messages []Message) ([]int, error) {
	if e.chat == nil {
		return nil, refuse.Unsupported("chat template", "none that the engine knows")
	}
	if len(messages) == 0 {
		return nil, fmt.Errorf("%w: no messages", ErrRequest)
	}
	for _, m := range messages {
		if m.Role != "system" && m.Role != "user" && m.Role != "assistant" {
			return nil, fmt.Errorf("%w: role is not system, user or assistant", ErrRequest)
		}
	}
	return e.chat(e.tok, messages)
}

func renderRoles(t *tokenizer.Tokenizer, messages []Message) ([]int, error) {
	id := func(name string) int {
		id, _ := t.Special("<|" + name + "|>")
		return id
	}
	ids := []int{id("bos")}
	for _, m := range messages {
		ids = append(ids, id(m.Role))
		ids = append(ids, t.Encode(m.Content)...)
		ids = append(ids, id("eos"))
	}
	return append(ids, id("assistant")), nil
}

func renderPlain(t *tokenizer.Tokenizer, messages []Message) ([]int, error) {
	var text strings.Builder
	for i, m := range messages {
		if i > 0 {
			text.WriteString("\n")
		}
		text.WriteString(m.Content)
	}
	return t.Prompt(text.String()), nil
}
