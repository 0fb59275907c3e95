package api

import "github.com/holdfast-ai/holdfast/guard/detect"

func messagesRequest() *shape {
	// The data of a source is text or media; its type says which.
	source := &shape{
		name: "messages.content.source", strict: true, needs: []string{"type"},
		fields: join(one("type", asType), one("data", asSource), text("content"), one("media_type", asMediaType), one("url", asURL)),
		types: []typ{
			{name: "text", only: "data media_type"}, {name: "content", only: "content"},
			{name: "base64", only: "data media_type", media: "image"}, {name: "url", only: "url", media: "image"},
		},
	}
	result := &shape{
		name: "messages.content.content", unit: true, strict: true, needs: []string{"type"},
		fields: join(one("type", asType), str("text title"), text("citations content"), below("source", asObject, source), common(text("cache_control"))),
		types: []typ{
			{name: "text", only: "text citations"}, {name: "image", only: "source", media: "image"},
		},
	}
	part := &shape{
		name: "messages.content", unit: true, needs: []string{"type"}, strict: true,
		fields: join(
			one("type", asType), str("text id name thinking signature data tool_use_id title context"),
			text("citations is_error"), one("input", asArguments), below("content", asContent, result),
			common(text("cache_control")), below("source", asObject, source),
		),
		types: []typ{
			{name: "text", only: "text citations"}, {name: "tool_use", only: "id name input", role: detect.RoleAssistant},
			{name: "tool_result", only: "tool_use_id content is_error", role: detect.RoleTool},
			{name: "thinking", only: "thinking signature", role: detect.RoleAssistant},
			{name: "redacted_thinking", only: "data", role: detect.RoleAssistant},
			{name: "document", only: "source title context citations", role: detect.RoleTool},
			{name: "image", only: "source", media: "image"},
		},
	}
	message := &shape{
		name: "messages", unit: true, turn: true, roles: true, needs: []string{"role", "content"},
		fields: join(one("role", asRole), below("content", asContent, part)),
	}
	system := &shape{
		name: "system", strict: true, needs: []string{"type"},
		fields: join(one("type", asType), str("text"), text("citations cache_control")),
		types:  []typ{{name: "text", only: "text citations cache_control"}},
	}
	return &shape{needs: []string{"messages", "max_tokens"}, fields: join(
		one("model", asModel), below("messages", asArray, message),
		by(detect.RoleSystem, below("system", asContent, system)),
		integer("max_tokens", func(p *Params) *int64 { return &p.MaxTokens }),
		boolean("stream", func(p *Params) *bool { return &p.Stream }),
		float("temperature", func(p *Params) *float64 { return &p.Temperature }),
		float("top_p", func(p *Params) *float64 { return &p.TopP }),
		integer("top_k", func(p *Params) *int64 { return &p.TopK }),
		one("stop_sequences", asStops),
		by(detect.RoleDefinition, one("tools", asTools)),
		fields(asGrammar, "output_format output_config"),
		hidden("mcp_servers container context_management "+openAIHidden),
	)}
}
