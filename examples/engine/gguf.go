package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"io/fs"
	"math"
	"slices"
	"strings"

	"github.com/holdfast-ai/holdfast/examples/engine/llama"
	"github.com/holdfast-ai/holdfast/examples/engine/refuse"
	"github.com/holdfast-ai/holdfast/examples/engine/tokenizer"
	"github.com/holdfast-ai/holdfast/mbom/format/gguf"
)

func openGGUF(ctx context.Context, src fs.FS, name string) (*Engine, error) {
	data, err := readAll(ctx, src, name)
	if err != nil {
		return nil, err
	}
	header, err := gguf.Read(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	m := metadata{header: header, data: data}
	config, err := m.config()
	if err != nil {
		return nil, err
	}
	e := &Engine{}
	vocabulary := m.vocabulary()
	if m.err != nil {
		return nil, m.err
	}
	if e.tok, err = tokenizer.FromGGUF(vocabulary); err != nil {
		return nil, err
	}
	if e.chat, err = chatFormatOf(header.Text("tokenizer.chat_template"), e.tok); err != nil {
		return nil, err
	}
	config.Tied, config.Vocab = true, e.tok.Size()
	tensors := make([]llama.Tensor, 0, len(header.Tensors))
	for _, t := range header.Tensors {
		shape, err := dims(t.Name, t.Dims)
		if err != nil {
			return nil, err
		}
		slices.Reverse(shape) // GGUF writes the innermost dimension first
		tensors = append(tensors, llama.Tensor{Name: t.Name, Type: t.Type.String(), Shape: shape, Data: data[header.DataStart+t.Begin : header.DataStart+t.End]})
		config.Tied = config.Tied && t.Name != "output.weight"
	}
	e.model, err = llama.New(config, tensors)
	return e, err
}

// metadata reads typed values and keeps the first error.
type metadata struct {
	header *gguf.Header
	data   []byte // the whole file
	err    error
}

func (m *metadata) fail(key string) {
	if m.err == nil {
		m.err = refuse.Format(key, "is missing or has another type")
	}
}

// integer returns an unsigned value, or absent where there is none, unless absent is [required].
func (m *metadata) integer(key string, absent int) int {
	p, ok := m.header.Lookup(key)
	switch {
	case !ok && absent != required:
		return absent
	case ok && (p.Type == gguf.Uint32 || p.Type == gguf.Uint64) && p.Bits <= math.MaxInt32:
		return int(p.Bits)
	case ok && p.Type == gguf.Uint32 && p.Bits == math.MaxUint32:
		return -1 // "none", as token ids are written
	}
	m.fail(key)
	return 0
}

const required = -2

func (m *metadata) float(key string, absent float64) float64 {
	p, ok := m.header.Lookup(key)
	switch {
	case !ok && absent != 0:
		return absent
	case ok && p.Type == gguf.Float32:
		return float64(math.Float32frombits(uint32(p.Bits)))
	}
	m.fail(key)
	return 0
}

func (m *metadata) flag(key string, absent bool) bool {
	p, ok := m.header.Lookup(key)
	switch {
	case !ok:
		return absent
	case p.Type == gguf.Bool:
		return p.Bits == 1
	}
	m.fail(key)
	return false
}

// config reads the llama.* keys; ones that are not known here are refused.
func (m *metadata) config() (llama.Config, error) {
	const p = "llama."
	if arch := m.header.Text("general.architecture"); arch != "llama" {
		return llama.Config{}, refuse.Unsupported("architecture", arch)
	}
	for _, pair := range m.header.Pairs {
		key, ours := strings.CutPrefix(pair.Key, p)
		if !ours {
			continue
		}
		switch key {
		case "context_length", "embedding_length", "feed_forward_length", "block_count", "attention.head_count", "attention.head_count_kv",
			"attention.key_length", "attention.value_length", "attention.layer_norm_rms_epsilon", "rope.dimension_count", "rope.freq_base", "vocab_size":
		default:
			return llama.Config{}, refuse.Unsupported("metadata key", pair.Key)
		}
	}
	c := llama.Config{Interleaved: true, Hidden: m.integer(p+"embedding_length", required), FFN: m.integer(p+"feed_forward_length", required),
		Layers: m.integer(p+"block_count", required), Heads: m.integer(p+"attention.head_count", required), Context: m.integer(p+"context_length", required),
		Eps: m.float(p+"attention.layer_norm_rms_epsilon", 0), Theta: m.float(p+"rope.freq_base", 10000)}
	c.KVHeads = m.integer(p+"attention.head_count_kv", c.Heads)
	c.HeadDim = m.integer(p+"attention.key_length", c.Hidden/max(1, c.Heads))
	switch {
	case m.err != nil:
		return c, m.err
	case m.integer(p+"attention.value_length", c.HeadDim) != c.HeadDim:
		return c, refuse.Unsupported("value_length", "other than key_length")
	case m.integer(p+"rope.dimension_count", c.HeadDim) != c.HeadDim:
		return c, refuse.Unsupported("rope.dimension_count", "other than the head's")
	}
	return c, m.err
}

// array returns the elements of an array as bytes, or no bytes where there is none. [gguf.Read] has checked every length in it.
func (m *metadata) array(key string) []byte {
	p, _ := m.header.Lookup(key)
	return m.data[p.At:p.End]
}

// vocabulary reads the tokenizer.ggml.* keys with the arrays of the file.
func (m *metadata) vocabulary() tokenizer.Vocabulary {
	const p = "tokenizer.ggml."
	v := tokenizer.Vocabulary{Model: m.header.Text(p + "model"), Pre: m.header.Text(p + "pre"), BOS: m.integer(p+"bos_token_id", -1), EOS: m.integer(p+"eos_token_id", -1)}
	if m.flag(p+"add_eos_token", false) && m.err == nil {
		m.err = refuse.Unsupported("add_eos_token", "true")
	}
	v.AddBOS = m.flag(p+"add_bos_token", v.Model == "llama")
	v.Prefix = m.flag(p+"add_space_prefix", v.Model == "llama")
	v.Tokens, v.Merges = texts(m.array(p+"tokens")), texts(m.array(p+"merges"))
	for b := m.array(p + "scores"); len(b) >= 4; b = b[4:] {
		v.Scores = append(v.Scores, math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	for b := m.array(p + "token_type"); len(b) >= 4; b = b[4:] {
		v.Kinds = append(v.Kinds, int32(binary.LittleEndian.Uint32(b)))
	}
	return v
}

func texts(b []byte) (out []string) {
	for len(b) > 0 {
		var s []byte
		s, b = text(b)
		out = append(out, string(s))
	}
	return out
}

// text cuts a string, uint64le length || bytes, from b, which [gguf.Read] has checked.
func text(b []byte) (s, rest []byte) {
	n := binary.LittleEndian.Uint64(b)
	return b[8 : 8+n], b[8+n:]
}
