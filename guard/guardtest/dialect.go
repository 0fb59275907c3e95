package guardtest

import "github.com/holdfast-ai/holdfast/guard/api"

// Kinds returns every kind of request that the kit knows, which are those of package api.
func Kinds() []api.Kind {
	return []api.Kind{
		api.OpenAIChat, api.OpenAICompletions, api.OpenAIResponses, api.OpenAIEmbeddings, api.AnthropicMessages,
		api.OllamaChat, api.OllamaGenerate, api.OllamaEmbed, api.KServeInfer,
	}
}

// Path returns where the official clients send requests of a kind.
func Path(k api.Kind) string {
	switch k {
	case api.OpenAIChat:
		return "/v1/chat/completions"
	case api.OpenAICompletions:
		return "/v1/completions"
	case api.OpenAIResponses:
		return "/v1/responses"
	case api.OpenAIEmbeddings:
		return "/v1/embeddings"
	case api.AnthropicMessages:
		return "/v1/messages"
	case api.OllamaChat:
		return "/api/chat"
	case api.OllamaGenerate:
		return "/api/generate"
	case api.OllamaEmbed:
		return "/api/embed"
	case api.KServeInfer:
		return "/v2/models/m/infer"
	}
	return ""
}

// kindOf returns the kind of requests to a path, chat for any other.
func kindOf(path string) api.Kind {
	for _, k := range Kinds() {
		if Path(k) == path {
			return k
		}
	}
	return api.OpenAIChat
}

// Streams reports whether answers of a kind can be streamed.
func Streams(k api.Kind) bool { return framing(k) != api.Unframed }

// speaks reports whether answers of a kind hold text.
func speaks(k api.Kind) bool { return k != api.OpenAIEmbeddings && k != api.OllamaEmbed }

func framing(k api.Kind) api.Framing {
	d, ok := api.New(k)
	if !ok {
		return api.Unframed
	}
	return d.Framing()
}

// media returns the content type of answers.
func media(k api.Kind, streamed bool) string {
	switch {
	case !streamed:
		return "application/json"
	case framing(k) == api.NDJSON:
		return "application/x-ndjson"
	}
	return "text/event-stream"
}
