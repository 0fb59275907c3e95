package api

import "github.com/holdfast-ai/holdfast/guard/detect"

// Fields of Ollama that bypass the text (token ids of an earlier turn, templates), and those that manage the server: how
// long a model stays loaded is not the caller's to say. The last gives the prompt back as the template makes it, with the operator's part.
const ollamaHidden = "context template raw keep_alive adapters _debug_render_only"

func ollamaOptions() *shape {
	return &shape{name: "options", fields: join(
		integer("num_predict", func(p *Params) *int64 { return &p.MaxTokens }),
		integer("num_ctx", func(p *Params) *int64 { return &p.ContextTokens }),
		float("temperature", func(p *Params) *float64 { return &p.Temperature }),
		float("top_p", func(p *Params) *float64 { return &p.TopP }),
		float("min_p", func(p *Params) *float64 { return &p.MinP }),
		integer("top_k", func(p *Params) *int64 { return &p.TopK }),
		float("frequency_penalty", func(p *Params) *float64 { return &p.FrequencyPenalty }),
		float("presence_penalty", func(p *Params) *float64 { return &p.PresencePenalty }),
		float("repeat_penalty", func(p *Params) *float64 { return &p.RepetitionPenalty }),
		one("stop", asStops),
		// of the machine, not of the request
		hidden("numa num_batch num_gpu main_gpu low_vram vocab_only use_mmap use_mlock num_thread num_keep f16_kv embedding_only"),
	)}
}

// ollama are the fields that chat and generate share.
func ollama() []field {
	return join(
		one("model", asModel), below("options", asObject, ollamaOptions()),
		boolean("stream", func(p *Params) *bool { return &p.Stream }),
		boolean("logprobs", func(p *Params) *bool { return &p.Logprobs }),
		integer("top_logprobs", func(p *Params) *int64 { return &p.TopLogprobs }),
		by(detect.RoleDefinition, fields(asGrammar, "format")), text("think"), hidden(ollamaHidden),
	)
}

func ollamaChatRequest() *shape {
	call := &shape{name: "messages.tool_calls", fields: join(str("id type"), below("function", asObject, functionCall()))}
	message := &shape{
		name: "messages", unit: true, turn: true, roles: true, needs: []string{"role"},
		fields: join(one("role", asRole), str("content thinking name tool_name tool_call_id"), one("images", asBase64), below("tool_calls", asArray, call)),
	}
	return &shape{streams: true, needs: []string{"messages"}, fields: join(
		below("messages", asArray, message), ollama(), by(detect.RoleDefinition, one("tools", asTools)), hidden("prompt system suffix"),
	)}
}

func ollamaGenerateRequest() *shape {
	return &shape{streams: true, needs: []string{"prompt"}, fields: join(
		by(detect.RoleUser, one("prompt", asPrompt)), by(detect.RoleUser, str("suffix")), by(detect.RoleSystem, str("system")),
		one("images", asBase64), ollama(), hidden("messages width height steps"), // the last make pictures
	)}
}

func ollamaEmbedRequest() *shape {
	return &shape{needs: []string{"input"}, fields: join(
		one("model", asModel), by(detect.RoleUser, one("input", asPrompt)), one("truncate", asFlag),
		integer("dimensions", func(p *Params) *int64 { return &p.Dimensions }),
		below("options", asObject, ollamaOptions()), hidden(ollamaHidden), hidden("prompt messages"),
	)}
}
