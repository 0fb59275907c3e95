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

// pad returns how many bytes bring n to a multiple of the alignment, a power of two.
func pad(n, alignment uint64) uint64 { return -n & (alignment - 1) }

func clip(s string) string {
	if len(s) > 64 {
		return fmt.Sprintf("%s… (%d bytes)", s[:64], len(s))
	}
	return s
}
