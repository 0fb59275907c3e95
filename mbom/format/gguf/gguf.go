// Package gguf reads the header of a GGUF file, version 2 or 3, strictly.
//
//	"GGUF" || uint32le version || uint64le tensors || uint64le pairs || pairs || tensor entries || padding || data
//
// It holds the file to what the reference reader (ggml, gguf.cpp) checks and to what follows from the format's text:
// every count and length fits the file before anything is kept from it; keys and tensor names are unique and without control characters; arrays do not
// nest; the alignment is a power of two; dimensions, sizes and their sum do not overflow; each offset is the padded sum
// of the sizes before it, so that nothing overlaps and nothing hides between tensors; well-known keys have their type.
//
// Cost is linear in the header. Arrays are measured and skipped, not kept: a [Pair] says where they are.
package gguf

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"math/bits"
	"strings"
	"unicode/utf8"
)

// Bounds on what a header may cost.
const (
	MaxPairs   = 1 << 16  // key/value pairs: real files have under 100
	MaxKey     = 1 << 16  // bytes of a key
	MaxString  = 16 << 20 // bytes of a string value: templates have some 100 kB
	MaxTensors = 1 << 20  // tensors: the largest real files have some 2,000
	MaxName    = 63       // bytes of a tensor name (GGML_MAX_NAME)
	MaxDims    = 4        // dimensions of a tensor (GGML_MAX_DIMS)

	defaultAlignment = 32
	minPair          = 8 + 1 + 4 + 1 // length, key of one byte, type, value of one byte
	minTensor        = 8 + 4 + 4 + 8 // length of an empty name, dimensions, type, offset
)

// A Pair is one metadata value. Strings and scalars are kept; of an array only its type and length are.
type Pair struct {
	Key   string
	Type  ValueType
	Text  string    // of a String
	Bits  uint64    // of a scalar: its bytes, little-endian, extended with zeros
	Elem  ValueType // of an Array
	Count uint64    // of an Array
	At    int64     // of an Array: offset of the first element in the file, in bytes; strings are uint64le length || bytes
	End   int64     // of an Array: offset of the end of the last element in the file, in bytes
}

// A Tensor is one entry of the header.
type Tensor struct {
	Name       string
	Type       TensorType
	Dims       []uint64
	Begin, End int64 // range in the data section, in bytes, without padding
}

// Elements returns the number of elements. It cannot overflow for a tensor that was read.
func (t Tensor) Elements() uint64 {
	n := uint64(1)
	for _, d := range t.Dims {
		n *= d
	}
	return n
}

// A Header describes a whole file.
type Header struct {
	Version   uint32
	Pairs     []Pair
	Tensors   []Tensor // in the order of their data
	Alignment int64    // bytes
	DataStart int64    // offset of the data section in the file, in bytes
	DataEnd   int64    // offset of the end of the last tensor in the file, without padding
	BadText   []string // keys whose string value is not UTF-8
}

// Lookup returns the pair with the key.
func (h *Header) Lookup(key string) (Pair, bool) {
	for _, p := range h.Pairs {
		if p.Key == key {
			return p, true
		}
	}
	return Pair{}, false
}

// Text returns the string value of a key, or "".
func (h *Header) Text(key string) string {
	if p, ok := h.Lookup(key); ok && p.Type == String {
		return p.Text
	}
	return ""
}

// Trailing returns how many bytes of a file of size bytes follow the last tensor and its padding.
func (h *Header) Trailing(size int64) int64 {
	end := h.DataEnd
	if len(h.Tensors) > 0 {
		end += int64(pad(uint64(h.DataEnd-h.DataStart), uint64(h.Alignment)))
	}
	return max(0, size-end)
}

// Read reads and checks the header of a file of size bytes. The data is not read.
// Errors: [ErrFormat] through [*FormatError]; faults of r.
func Read(r io.ReaderAt, size int64) (*Header, error) {
	return Parse(bufio.NewReader(io.NewSectionReader(r, 0, size)), size)
}

// Parse is [Read] over a stream that begins with the file's first byte. Where the stream ends inside the header while the
// file is larger, the error also unwraps to [io.ErrUnexpectedEOF]: the caller may try again with more bytes.
func Parse(stream io.Reader, size int64) (*Header, error) {
	if size < 0 {
		return nil, &FormatError{Rule: "magic", Reason: "negative size"}
	}
	r := &reader{r: stream, size: uint64(size)}
	if size < 4 {
		return nil, r.fail("magic", "not a GGUF file")
	}
	if err := r.read(r.buf[:4]); err != nil {
		return nil, err
	}
	if string(r.buf[:4]) != "GGUF" {
		return nil, r.fail("magic", "not a GGUF file")
	}
	h := &Header{Alignment: defaultAlignment}
	var err error
	if h.Version, err = r.u32(); err != nil {
		return nil, err
	}
	if h.Version != 2 && h.Version != 3 {
		return nil, r.fail("version", "version is not 2 or 3, or the file is big-endian")
	}
	tensors, err := r.count("count-tensors", minTensor, MaxTensors)
	if err != nil {
		return nil, err
	}
	pairs, err := r.u64()
	switch {
	case err != nil:
		return nil, err
	case pairs > r.left()/minPair:
		return nil, r.fail("count-kv", "count is larger than the file")
	case pairs > MaxPairs:
		return nil, r.fail("kv-cap", "more than %d key/value pairs", MaxPairs)
	}
	if err := h.readPairs(r, pairs); err != nil {
		return nil, err
	}
	if err := h.readTensors(r, tensors); err != nil {
		return nil, err
	}
	return h, nil
}

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

func (h *Header) readTensors(r *reader, n uint64) error {
	seen := map[string]bool{}
	var next uint64 // padded sum of the sizes so far
	for range n {
		t, offset, size, err := readTensor(r)
		if err != nil {
			return err
		}
		if seen[t.Name] {
			return r.fail("tensor-duplicate", "tensor %q twice", t.Name)
		}
		seen[t.Name] = true
		if offset != next {
			return r.fail("offset-sum", "tensor %q is at %d, the tensors before it end at %d", t.Name, offset, next)
		}
		end := next + size
		padded := end + pad(end, uint64(h.Alignment))
		if end < next || padded < end || padded > math.MaxInt64 {
			return r.fail("size-overflow", "sum of the tensor sizes overflows at %q", t.Name)
		}
		t.Begin, t.End = int64(next), int64(end)
		h.Tensors = append(h.Tensors, t)
		next = padded
	}
	start := r.at + pad(r.at, uint64(h.Alignment))
	if n == 0 { // writers may leave the padding out
		start = min(start, r.size)
	}
	h.DataStart, h.DataEnd = int64(start), int64(start)
	if n == 0 {
		return nil
	}
	last := uint64(h.Tensors[n-1].End)
	if start > r.size || last > r.size-start {
		return r.fail("data-beyond-file", "tensor data ends outside the file")
	}
	h.DataEnd = int64(start + last)
	return nil
}

func readTensor(r *reader) (t Tensor, offset, size uint64, err error) {
	if t.Name, err = r.name("tensor-name", MaxName); err != nil {
		return t, 0, 0, err
	}
	dims, err := r.u32()
	if err != nil {
		return t, 0, 0, err
	}
	if dims > MaxDims {
		return t, 0, 0, r.fail("n-dims", "tensor %q has more than %d dimensions", t.Name, MaxDims)
	}
	n := uint64(1)
	t.Dims = make([]uint64, dims)
	for i := range t.Dims {
		d, err := r.u64()
		if err != nil {
			return t, 0, 0, err
		}
		if d > math.MaxInt64 {
			return t, 0, 0, r.fail("dim-negative", "tensor %q has a negative dimension", t.Name)
		}
		hi, lo := bits.Mul64(n, d)
		if hi != 0 || lo > math.MaxInt64 {
			return t, 0, 0, r.fail("dims-overflow", "product of the dimensions of %q overflows", t.Name)
		}
		t.Dims[i], n = d, lo
	}
	kind, err := r.u32()
	if err != nil {
		return t, 0, 0, err
	}
	t.Type = TensorType(kind)
	name, block, width := t.Type.layout()
	if name == "" {
		return t, 0, 0, r.fail("tensor-type", "tensor %q has the unknown type %d", t.Name, kind)
	}
	row := uint64(1)
	if dims > 0 {
		row = t.Dims[0]
	}
	if row%block != 0 {
		return t, 0, 0, r.fail("block-multiple", "rows of %q are no whole number of blocks", t.Name)
	}
	hi, size := bits.Mul64(n/block, width)
	if hi != 0 || size > math.MaxInt64 {
		return t, 0, 0, r.fail("size-overflow", "size of %q overflows", t.Name)
	}
	offset, err = r.u64()
	return t, offset, size, err
}

// pad returns how many bytes bring n to a multiple of the alignment, a power of two.
func pad(n, alignment uint64) uint64 { return -n & (alignment - 1) }

func clip(s string) string {
	if len(s) > 64 {
		return fmt.Sprintf("%s… (%d bytes)", s[:64], len(s))
	}
	return s
}
