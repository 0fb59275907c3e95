package gguf

import (
	"math"
	"strings"
	"unicode/utf8"
)

func (h *Header) readPairs(r *reader, n uint64) error {
	seen := map[string]bool{}
	for range n {
		p, err := h.readPair(r)
		if err != nil {
			return err
		}
		if seen[p.Key] {
			return r.fail("key-duplicate", "key %q twice", clip(p.Key))
		}
		seen[p.Key] = true
		h.Pairs = append(h.Pairs, p)
	}
	return h.known(r)
}

func (h *Header) readPair(r *reader) (p Pair, err error) {
	if p.Key, err = r.name("key-cap", MaxKey); err != nil {
		return p, err
	}
	if p.Key == "" {
		return p, r.fail("key-empty", "empty key")
	}
	t, err := r.u32()
	if err != nil {
		return p, err
	}
	switch p.Type = ValueType(t); p.Type {
	case String:
		b, err := r.text("string-cap", MaxString)
		if err != nil {
			return p, err
		}
		if !utf8.Valid(b) {
			h.BadText = append(h.BadText, p.Key)
		}
		p.Text = string(b)
		return p, nil
	case Array:
		err := p.readArray(r)
		p.End = int64(r.at)
		return p, err
	}
	size := p.Type.size()
	if size == 0 {
		return p, r.fail("kv-type", "unknown value type %d", t)
	}
	clear(r.buf[:])
	if err := r.read(r.buf[:size]); err != nil {
		return p, err
	}
	for i, b := range r.buf {
		p.Bits |= uint64(b) << (8 * i)
	}
	if p.Type == Bool && p.Bits > 1 {
		return p, r.fail("bool-value", "a boolean is neither 0 nor 1")
	}
	return p, nil
}

func (p *Pair) readArray(r *reader) error {
	t, err := r.u32()
	if err != nil {
		return err
	}
	p.Elem = ValueType(t)
	least := p.Elem.size()
	switch {
	case p.Elem == Array:
		return r.fail("array-nested", "arrays do not nest")
	case p.Elem == String:
		least = 8
	case least == 0:
		return r.fail("kv-type", "array of the unknown type %d", t)
	}
	if p.Count, err = r.count("array-length", least, math.MaxUint64); err != nil {
		return err
	}
	p.At = int64(r.at)
	if p.Elem != String {
		return r.discard(p.Count * least) // no overflow: Count <= left/least
	}
	for range p.Count {
		n, err := r.length("string-cap", MaxString)
		if err != nil {
			return err
		}
		if err := r.discard(n); err != nil {
			return err
		}
	}
	return nil
}

// known checks the types of keys that loaders cast without looking.
func (h *Header) known(r *reader) error {
	fail := func(key string) error { return r.fail("known-array-type", "%s has the wrong type or length", key) }
	var tokens, scores, kinds Pair
	for _, p := range h.Pairs {
		switch p.Key {
		case "general.alignment":
			a := p.Bits
			if p.Type != Uint32 || a == 0 || a&(a-1) != 0 {
				return r.fail("alignment", "general.alignment is no uint32 power of two")
			}
			h.Alignment = int64(a)
		case "general.architecture":
			if p.Type != String {
				return fail(p.Key)
			}
		case "tokenizer.ggml.tokens":
			if tokens = p; p.Type != Array || p.Elem != String {
				return fail(p.Key)
			}
		case "tokenizer.ggml.merges":
			if p.Type != Array || p.Elem != String {
				return fail(p.Key)
			}
		case "tokenizer.ggml.scores":
			if scores = p; p.Type != Array || p.Elem != Float32 {
				return fail(p.Key)
			}
		case "tokenizer.ggml.token_type":
			if kinds = p; p.Type != Array || p.Elem != Int32 {
				return fail(p.Key)
			}
		default:
			if strings.HasPrefix(p.Key, "tokenizer.chat_template") && p.Type != String && p.Key != "tokenizer.chat_templates" {
				return fail(p.Key)
			}
		}
	}
	for _, p := range []Pair{scores, kinds} {
		if p.Key != "" && p.Count != tokens.Count {
			return fail(p.Key)
		}
	}
	return nil
}
