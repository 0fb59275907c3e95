// Package engine is a small inference engine for Llama-architecture models, in Go alone: what an engine behind Holdfast
// looks like, and the one of the quickstart.
//
// [Open] loads a model through an [io/fs.FS], which is the verified model of the SDK or a plain directory: Hugging Face
// layout (config.json, tokenizer.json, tokenizer_config.json, model.safetensors in F32, F16 or BF16) or one GGUF file (F32, F16, BF16, Q8_0).
// [Engine.Chat] makes a prompt of messages, [Engine.Prompt] of plain text, and [Engine.Generate] streams the answer.
// Package openai serves an engine over HTTP.
//
// What is not supported is refused with [ErrUnsupported] and never approximated: other architectures, dtypes, rope
// scaling, biases, tokenizers, sharded weights. No Jinja is run: chat works for models whose template is, to the byte, one
// that the engine knows, and is refused for all others, which still complete plain text.
//
// Text in a message can never become a special token: roles and ends of turns enter the prompt as ids.
package engine

import "github.com/holdfast-ai/holdfast/examples/engine/refuse"

// Errors of loading. Detail is in an [*UnsupportedError] or [*FormatError].
var (
	ErrUnsupported = refuse.ErrUnsupported
	ErrFormat      = refuse.ErrFormat
)

type (
	// UnsupportedError names what the engine does not run. It unwraps to [ErrUnsupported].
	UnsupportedError = refuse.UnsupportedError
	// FormatError names a contradiction in a model. It unwraps to [ErrFormat].
	FormatError = refuse.FormatError
)
