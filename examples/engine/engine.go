package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/holdfast-ai/holdfast/examples/engine/llama"
	"github.com/holdfast-ai/holdfast/examples/engine/refuse"
	"github.com/holdfast-ai/holdfast/examples/engine/tokenizer"
)

// MaxContext bounds prompt and answer together, in tokens, whatever the model claims: the key/value cache is allocated
// for it.
const MaxContext = 4096

// ErrRequest means that a request cannot be served as it is: an empty or too long prompt, a parameter out of range.
var ErrRequest = errors.New("engine: bad request")

// ErrContext means that a prompt does not leave room for one token. It unwraps to [ErrRequest].
var ErrContext = fmt.Errorf("%w: prompt exceeds the context", ErrRequest)

// An Engine is a loaded model with its tokenizer. It is immutable and safe for concurrent use.
type Engine struct {
	model *llama.Model
	tok   *tokenizer.Tokenizer
	chat  chatFormat
	eos   []int
}

// Open loads the model in src: a directory in Hugging Face layout, or with one GGUF file. Of a source that has ReadInto and
// Size, such as a verified model, each file is read in one pass into one buffer, in which aligned F32 weights stay.
// Errors: [ErrUnsupported], [ErrFormat], those of the format readers of the SDK, and those of src.
func Open(ctx context.Context, src fs.FS) (*Engine, error) {
	weights, err := only(src, "*.safetensors")
	if err != nil {
		return nil, err
	}
	file, err := only(src, "*.gguf")
	if err != nil {
		return nil, err
	}
	var e *Engine
	switch {
	case weights != "" && file != "":
		return nil, refuse.Unsupported("weights in several files", weights+", "+file)
	case weights != "":
		e, err = openHF(ctx, src, weights)
	case file != "":
		e, err = openGGUF(ctx, src, file)
	default:
		return nil, refuse.Unsupported("weights", "no .safetensors or .gguf file")
	}
	if err != nil {
		return nil, err
	}
	if e.tok.Size() > e.model.Vocab {
		return nil, refuse.Format("tokenizer", "has more tokens than the model")
	}
	if id, ok := e.tok.EOS(); ok {
		e.eos = append(e.eos, id)
	}
	e.eos = append(e.eos, e.model.EOS...)
	return e, nil
}

// Context returns the most tokens that prompt and answer may have together.
func (e *Engine) Context() int { return min(e.model.Context, MaxContext) }

// Prompt returns the token ids of a plain text to be continued.
func (e *Engine) Prompt(text string) []int { return e.tok.Prompt(text) }

// Decode returns the text of token ids, without special tokens.
func (e *Engine) Decode(ids []int) string { return e.tok.Decode(ids) }

// Params steer one generation. The zero value is greedy up to the context limit.
type Params struct {
	MaxTokens   int     // of the answer; 0: as many as the context has room for
	Temperature float64 // 0 to 2; 0 is greedy
	TopP        float64 // 0 to 1; 0 and 1 keep all tokens
	Seed        uint64
}

// Why a generation ended.
const (
	Stop   = "stop"   // the model ended its answer
	Length = "length" // the token limit or the context
)

// Result describes a finished generation.
type Result struct {
	Tokens []int  // the answer, with the token that ended it where Finish is Stop
	Prompt int    // tokens of the prompt
	Finish string // Stop or Length
}

// Generate continues a prompt and calls emit with each piece of text as it is made: whole characters, never empty, never a
// special token. It ends early with the error of emit or of ctx.
// Errors: [ErrRequest], [ErrContext], [llama.ErrNumeric].
func (e *Engine) Generate(ctx context.Context, prompt []int, p Params, emit func(text string) error) (Result, error) {
	res := Result{Prompt: len(prompt), Finish: Length}
	switch {
	case len(prompt) == 0:
		return res, fmt.Errorf("%w: empty prompt", ErrRequest)
	case !(p.Temperature >= 0 && p.Temperature <= 2), !(p.TopP >= 0 && p.TopP <= 1), p.MaxTokens < 0:
		return res, fmt.Errorf("%w: parameter out of range", ErrRequest)
	case len(prompt) >= e.Context():
		return res, ErrContext
	}
	limit := e.Context() - len(prompt)
	if p.MaxTokens > 0 {
		limit = min(limit, p.MaxTokens)
	}
	s, err := e.model.NewSession(len(prompt) + limit)
	if err != nil {
		return res, err
	}
	var logits []float32
	for i, id := range prompt {
		if err := ctx.Err(); err != nil {
			return res, err
		}
		if logits, err = s.Step(id, i == len(prompt)-1); err != nil {
			return res, err
		}
	}
	sampler := llama.NewSampler(e.tok.Size(), llama.Sampling{Temperature: p.Temperature, TopP: p.TopP, Seed: p.Seed})
	text := e.tok.NewDecoder()
	say := func(t string) error {
		if t == "" {
			return nil
		}
		return emit(t)
	}
	for {
		if err := ctx.Err(); err != nil {
			return res, err
		}
		id, err := sampler.Next(logits[:e.tok.Size()]) // rows beyond the vocabulary are padding
		if err != nil {
			return res, err
		}
		res.Tokens = append(res.Tokens, id)
		if slices.Contains(e.eos, id) {
			res.Finish = Stop
			return res, say(text.Flush())
		}
		if err := say(text.Push(id)); err != nil {
			return res, err
		}
		if len(res.Tokens) == limit {
			return res, say(text.Flush())
		}
		if logits, err = s.Step(id, true); err != nil {
			return res, err
		}
	}
}
