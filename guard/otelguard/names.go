package otelguard

import "github.com/holdfast-ai/holdfast/guard"

// Convention is a version of the OpenTelemetry semantic conventions for generative AI, which are not stable: names have
// changed between versions.
type Convention string

// Versions. The zero value is [Latest].
const (
	V1_36  Convention = "1.36.0" // gen_ai.system
	V1_37  Convention = "1.37.0" // gen_ai.provider.name
	Latest Convention = V1_37
)

// names are those of one version, and of attributes of our own that no version has.
type names struct {
	schema                              string
	operation, provider                 string
	inputTokens, outputTokens           string
	errorType                           string
	tokenUsage, tokenType, requestTime  string
	action, code, policy, version       string
	redacted, skipped, streamed, missed string
	finding, rule, category, mode       string
}

func (c Convention) names() names {
	n := names{
		schema:    "https://opentelemetry.io/schemas/1.37.0",
		operation: "gen_ai.operation.name", provider: "gen_ai.provider.name",
		inputTokens: "gen_ai.usage.input_tokens", outputTokens: "gen_ai.usage.output_tokens", errorType: "error.type",
		tokenUsage: "gen_ai.client.token.usage", tokenType: "gen_ai.token.type", requestTime: "gen_ai.server.request.duration",
		action: "holdfast.guard.action", code: "holdfast.guard.code", policy: "holdfast.guard.policy", version: "holdfast.guard.policy_version",
		redacted: "holdfast.guard.redacted", skipped: "holdfast.guard.skipped", streamed: "holdfast.guard.streamed", missed: "holdfast.guard.missed_checks",
		finding: "holdfast.guard.finding", rule: "holdfast.guard.rule", category: "holdfast.guard.category", mode: "holdfast.guard.mode",
	}
	if c == V1_36 {
		n.schema, n.provider = "https://opentelemetry.io/schemas/1.36.0", "gen_ai.system"
	}
	return n
}

// operation is gen_ai.operation.name of a kind, and provider the name of the API that it follows.
func operation(k guard.Kind) (operation, provider string) {
	switch k {
	case guard.KindChat, guard.KindResponses:
		return "chat", "openai"
	case guard.KindCompletions:
		return "text_completion", "openai"
	case guard.KindEmbeddings:
		return "embeddings", "openai"
	case guard.KindMessages:
		return "chat", "anthropic"
	case guard.KindOllamaChat:
		return "chat", "ollama"
	case guard.KindGenerate:
		return "text_completion", "ollama"
	case guard.KindEmbed:
		return "embeddings", "ollama"
	case guard.KindInfer:
		return "infer", "kserve"
	}
	return "other", "other"
}
