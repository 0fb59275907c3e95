// Package llama runs Llama-architecture models on the CPU in float32: RMSNorm, rotary position embedding, grouped-query
// attention over a key/value cache, SwiGLU, tied or untied output head.
//
// A [Model] is immutable and shared; a [Session] is one sequence with its cache, and takes one token at a time without
// allocating. Whatever the model asks for that is not written here is refused ([refuse.ErrUnsupported]), never ignored.
package llama

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/holdfast-ai/holdfast/examples/engine/refuse"
)

// Bounds on a configuration: no product of three of them overflows an int64.
const (
	maxDim    = 1 << 20 // vocabulary, hidden and feed-forward width, context
	maxLayers = 1 << 10
	maxHeads  = 1 << 10
)

// Config is the shape of a model. All widths are in elements.
type Config struct {
	Vocab, Hidden, FFN, Layers, Heads, KVHeads, HeadDim int

	Context     int     // positions the model was trained for
	Eps         float64 // of RMSNorm
	Theta       float64 // base of the rotary frequencies
	Tied        bool    // the output head is the embedding
	Interleaved bool    // rotary pairs are neighbours (GGUF); otherwise the halves of a head (Hugging Face)
	EOS         []int   // tokens that end a text, from the configuration
}

// Check reports a shape that cannot be: [refuse.ErrFormat].
func (c Config) Check() error {
	for _, d := range []struct {
		name   string
		v, max int
	}{
		{"vocabulary", c.Vocab, maxDim}, {"hidden", c.Hidden, maxDim}, {"feed-forward", c.FFN, maxDim}, {"context", c.Context, maxDim},
		{"layers", c.Layers, maxLayers}, {"heads", c.Heads, maxHeads}, {"kv heads", c.KVHeads, maxHeads}, {"head_dim", c.HeadDim, maxDim},
	} {
		if d.v < 1 || d.v > d.max {
			return refuse.Format(d.name, fmt.Sprintf("%d is outside 1 to %d", d.v, d.max))
		}
	}
	switch {
	case c.Heads%c.KVHeads != 0:
		return refuse.Format("kv heads", "do not divide the heads")
	case c.HeadDim%2 != 0:
		return refuse.Format("head_dim", "is odd: rotary pairs need two")
	case c.Heads*c.HeadDim > maxDim:
		return refuse.Format("heads", "attention is too wide")
	case !(c.Eps >= 0 && c.Eps < 1):
		return refuse.Format("rms_norm_eps", "is outside 0 to 1")
	case !(c.Theta >= 1 && c.Theta <= math.MaxFloat32):
		return refuse.Format("rope_theta", "is below 1 or not finite")
	}
	for _, id := range c.EOS {
		if id < 0 || id >= c.Vocab {
			return refuse.Format("eos_token_id", "is outside the vocabulary")
		}
	}
	return nil
}

// hfConfig is config.json. Keys that are not here and not in [inert] are refused: they may change what the model means.
type hfConfig struct {
	Architectures []string `json:"architectures"`
	ModelType     string   `json:"model_type"`
	Vocab         int      `json:"vocab_size"`
	Hidden        int      `json:"hidden_size"`
	FFN           int      `json:"intermediate_size"`
	Layers        int      `json:"num_hidden_layers"`
	Heads         int      `json:"num_attention_heads"`
	KVHeads       *int     `json:"num_key_value_heads"`
	HeadDim       *int     `json:"head_dim"`
	Context       int      `json:"max_position_embeddings"`
	Eps           float64  `json:"rms_norm_eps"`
	Theta         *float64 `json:"rope_theta"`
	Act           string   `json:"hidden_act"`
	AttentionBias bool     `json:"attention_bias"`
	MLPBias       bool     `json:"mlp_bias"`
	Tied          bool     `json:"tie_word_embeddings"`
	PretrainingTP *int     `json:"pretraining_tp"`
	Scaling       any      `json:"rope_scaling"`
	Rope          *struct {
		Theta float64 `json:"rope_theta"`
		Type  string  `json:"rope_type"`
	} `json:"rope_parameters"`
	BOS json.RawMessage `json:"bos_token_id"`
	EOS json.RawMessage `json:"eos_token_id"`
}

// known returns the keys of config.json that hfConfig reads, and those that say nothing about inference.
func known() []string {
	return []string{
		"architectures", "model_type", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
		"num_key_value_heads", "head_dim", "max_position_embeddings", "rms_norm_eps", "rope_theta", "hidden_act", "attention_bias",
		"mlp_bias", "tie_word_embeddings", "pretraining_tp", "rope_scaling", "rope_parameters", "bos_token_id", "eos_token_id",
		"pad_token_id", "initializer_range", "attention_dropout", "use_cache", "torch_dtype", "dtype", "transformers_version", "_name_or_path",
	}
}

// ParseConfig reads a Hugging Face config.json.
// Errors: [refuse.ErrFormat]; [refuse.ErrUnsupported] for another architecture, activation, rope scaling, biases, unknown keys.
func ParseConfig(data []byte) (Config, error) {
	bad := func(reason string) (Config, error) { return Config{}, refuse.Format("config.json", reason) }
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(data, &keys); err != nil {
		return bad("is no JSON object")
	}
	for k := range keys {
		if !slices.Contains(known(), k) {
			return Config{}, refuse.Unsupported("config.json key", k)
		}
	}
	var h hfConfig
	if err := json.Unmarshal(data, &h); err != nil {
		return bad("has a value of the wrong type")
	}
	switch {
	case h.ModelType != "llama":
		return Config{}, refuse.Unsupported("model_type", h.ModelType)
	case !slices.Equal(h.Architectures, []string{"LlamaForCausalLM"}):
		return Config{}, refuse.Unsupported("architectures", fmt.Sprint(h.Architectures))
	case h.Act != "silu":
		return Config{}, refuse.Unsupported("hidden_act", h.Act)
	case h.AttentionBias || h.MLPBias:
		return Config{}, refuse.Unsupported("bias", "attention_bias or mlp_bias")
	case h.Scaling != nil:
		return Config{}, refuse.Unsupported("rope_scaling", "not null")
	case h.Rope != nil && h.Rope.Type != "default":
		return Config{}, refuse.Unsupported("rope_type", h.Rope.Type)
	case h.PretrainingTP != nil && *h.PretrainingTP != 1:
		return Config{}, refuse.Unsupported("pretraining_tp", "not 1")
	case h.Heads < 1:
		return bad("num_attention_heads is below 1")
	}
	c := Config{Vocab: h.Vocab, Hidden: h.Hidden, FFN: h.FFN, Layers: h.Layers, Heads: h.Heads, KVHeads: h.Heads, HeadDim: h.Hidden / h.Heads,
		Context: h.Context, Eps: h.Eps, Theta: 10000, Tied: h.Tied}
	if h.KVHeads != nil {
		c.KVHeads = *h.KVHeads
	}
	if h.HeadDim != nil {
		c.HeadDim = *h.HeadDim
	} else if h.Hidden%h.Heads != 0 {
		return bad("num_attention_heads does not divide hidden_size")
	}
	if h.Theta != nil {
		c.Theta = *h.Theta
	}
	if h.Rope != nil {
		if h.Theta != nil && *h.Theta != h.Rope.Theta {
			return bad("two values of rope_theta")
		}
		c.Theta = h.Rope.Theta
	}
	var err error
	if c.EOS, err = ParseIDs(h.EOS); err != nil {
		return Config{}, err
	}
	return c, c.Check()
}

// ParseIDs reads eos_token_id: absent, null, a number or a list of numbers.
func ParseIDs(raw json.RawMessage) ([]int, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var one int
	if json.Unmarshal(raw, &one) == nil {
		return []int{one}, nil
	}
	var many []int
	if json.Unmarshal(raw, &many) != nil {
		return nil, refuse.Format("eos_token_id", "is neither a number nor a list of numbers")
	}
	return many, nil
}
