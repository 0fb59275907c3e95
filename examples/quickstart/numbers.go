package main

import (
	"os"
	"path/filepath"

	"github.com/holdfast-ai/holdfast/mbom/format/gguf"
	"github.com/holdfast-ai/holdfast/mbom/format/safetensors"
)

// A place is where a weight file holds one floating-point number, and what a NaN and a half are there.
type place struct {
	offset    int64
	nan, half []byte
}

// numbers gives the little-endian bytes of NaN and 0.5 by the name of a type; other types are quantised.
func numbers(dtype string) (nan, half []byte) {
	switch dtype {
	case "F32":
		return []byte{0, 0, 0xc0, 0x7f}, []byte{0, 0, 0, 0x3f}
	case "F16":
		return []byte{0, 0x7e}, []byte{0, 0x38}
	case "BF16":
		return []byte{0xc0, 0x7f}, []byte{0, 0x3f}
	}
	return nil, nil
}

// someFloat finds a floating-point number in a weight file; nil means that it has none.
func someFloat(name string) (*place, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	var found *place
	look := func(dtype string, begin, end int64) {
		if nan, half := numbers(dtype); nan != nil && end-begin >= int64(len(nan)) {
			found = &place{begin, nan, half}
		}
	}
	if filepath.Ext(name) == ".gguf" {
		h, err := gguf.Read(f, fi.Size())
		if err != nil {
			return nil, err
		}
		for _, t := range h.Tensors {
			look(t.Type.String(), h.DataStart+t.Begin, h.DataStart+t.End)
		}
		return found, nil
	}
	h, err := safetensors.Read(f, fi.Size())
	if err != nil {
		return nil, err
	}
	for _, t := range h.Tensors {
		look(string(t.DType), h.DataStart+t.Begin, h.DataStart+t.End)
	}
	return found, nil
}

// setWeight overwrites one number of the weights.
func (d *demo) setWeight(value []byte) func(string) error {
	return func(dir string) error {
		return rewrite(filepath.Join(dir, d.weights), func(b []byte) ([]byte, error) {
			copy(b[d.float.offset:], value)
			return b, nil
		})
	}
}
