package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"

	"github.com/holdfast-ai/holdfast/examples/engine/llama"
	"github.com/holdfast-ai/holdfast/examples/engine/refuse"
	"github.com/holdfast-ai/holdfast/examples/engine/tokenizer"
	"github.com/holdfast-ai/holdfast/mbom/format/safetensors"
)

func openHF(ctx context.Context, src fs.FS, weights string) (*Engine, error) {
	if weights != "model.safetensors" {
		return nil, refuse.Unsupported("weight file name", weights)
	}
	data, err := readSmall(ctx, src, "config.json")
	if err != nil {
		return nil, err
	}
	config, err := llama.ParseConfig(data)
	if err != nil {
		return nil, err
	}
	if err := generationEOS(ctx, src, &config); err != nil {
		return nil, err
	}
	e := &Engine{}
	if err := e.tokenizerHF(ctx, src); err != nil {
		return nil, err
	}
	if data, err = readAll(ctx, src, weights); err != nil {
		return nil, err
	}
	header, err := safetensors.Read(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	tensors := make([]llama.Tensor, 0, len(header.Tensors))
	for _, t := range header.Tensors {
		shape, err := dims(t.Name, t.Shape)
		if err != nil {
			return nil, err
		}
		tensors = append(tensors, llama.Tensor{Name: t.Name, Type: string(t.DType), Shape: shape, Data: data[header.DataStart+t.Begin : header.DataStart+t.End]})
	}
	e.model, err = llama.New(config, tensors)
	return e, err
}

// generationEOS adds the end tokens of generation_config.json, where there is one, to those of config.json.
func generationEOS(ctx context.Context, src fs.FS, c *llama.Config) error {
	data, err := readSmall(ctx, src, "generation_config.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var g struct {
		EOS json.RawMessage `json:"eos_token_id"`
	}
	if json.Unmarshal(data, &g) != nil {
		return refuse.Format("generation_config.json", "is not JSON of the expected types")
	}
	ids, err := llama.ParseIDs(g.EOS)
	if err != nil {
		return err
	}
	c.EOS = append(c.EOS, ids...)
	return c.Check()
}

// tokenizerHF reads tokenizer.json and what tokenizer_config.json says of it.
func (e *Engine) tokenizerHF(ctx context.Context, src fs.FS) error {
	data, err := readSmall(ctx, src, "tokenizer_config.json")
	if err != nil {
		return err
	}
	var c struct {
		EOS      string          `json:"eos_token"`
		Template json.RawMessage `json:"chat_template"` // text; a list of named ones is a template that the engine does not know
	}
	if json.Unmarshal(data, &c) != nil {
		return refuse.Format("tokenizer_config.json", "is not JSON of the expected types")
	}
	if data, err = readSmall(ctx, src, "tokenizer.json"); err != nil {
		return err
	}
	if e.tok, err = tokenizer.ParseHF(data, c.EOS); err != nil {
		return err
	}
	var template string
	_ = json.Unmarshal(c.Template, &template) // not text: "", which is no known template
	e.chat, err = chatFormatOf(template, e.tok)
	return err
}

// dims converts a shape of a file to ints that [llama.New] compares.
func dims(name string, shape []uint64) ([]int, error) {
	out := make([]int, len(shape))
	for i, d := range shape {
		if d > 1<<40 {
			return nil, refuse.Format(name, "dimension is out of range")
		}
		out[i] = int(d)
	}
	return out, nil
}
