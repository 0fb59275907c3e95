package guardtest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// ErrModel means that a model cannot be written as it was described.
var ErrModel = errors.New("guardtest: no such model")

// Types of tensor elements in GGUF files (ggml.h, enum ggml_type).
const (
	GGUFF32 uint32 = 0 // IEEE 754 binary32
	GGUFF16 uint32 = 1 // IEEE 754 binary16
	GGUFQ80 uint32 = 8 // blocks of 32: a binary16 scale and 32 signed bytes
)

// Bounds of what [AppendGGUF] writes: far above what a test needs, and far below what readers refuse.
const (
	maxGGUFDims  = 4       // GGML_MAX_DIMS
	maxGGUFElems = 1 << 28 // of a tensor: a GiB of binary32
	ggufAlign    = 32      // the alignment of tensors that files have by default
)

// A GGUFPair is one entry of a file's metadata. Value is a string, bool, uint32 or float32, or a slice of string, float32 or
// int32.
type GGUFPair struct {
	Key   string
	Value any
}

// A GGUFTensor is one tensor of a file.
type GGUFTensor struct {
	Name string
	Type uint32 // one of the constants
	Dims []int  // elements, the innermost dimension first, as in the file
	Data []byte // the elements, little-endian
}

// AppendGGUF appends a GGUF file of version 3, little-endian, to b:
//
//	"GGUF" || 3 || number of tensors || number of pairs || pairs || tensor infos || padding to 32 || tensors, each padded to 32
//
// Pairs and tensors are written in the order given, so that the same input gives the same bytes. Errors: [ErrModel] for a
// name or a key that stands twice, another type of value or element, and data of another length than the dimensions say.
func AppendGGUF(b []byte, pairs []GGUFPair, tensors []GGUFTensor) ([]byte, error) {
	le := binary.LittleEndian
	start := len(b)
	b = append(b, "GGUF\x03\x00\x00\x00"...)
	b = le.AppendUint64(le.AppendUint64(b, uint64(len(tensors))), uint64(len(pairs)))
	seen := map[string]bool{}
	for _, p := range pairs {
		if seen[p.Key] || p.Key == "" {
			return nil, fmt.Errorf("%w: key %q is empty or stands twice", ErrModel, p.Key)
		}
		seen[p.Key] = true
		var ok bool
		if b, ok = appendGGUFValue(appendGGUFText(b, p.Key), p.Value); !ok {
			return nil, fmt.Errorf("%w: key %q has a value of type %T", ErrModel, p.Key, p.Value)
		}
	}
	clear(seen)
	at := 0
	for _, t := range tensors {
		n, err := t.size()
		if err != nil {
			return nil, err
		}
		if seen[t.Name] || t.Name == "" || n != len(t.Data) {
			return nil, fmt.Errorf("%w: tensor %q stands twice, or has %d bytes and not %d", ErrModel, t.Name, len(t.Data), n)
		}
		seen[t.Name] = true
		b = le.AppendUint32(appendGGUFText(b, t.Name), uint32(len(t.Dims)))
		for _, d := range t.Dims {
			b = le.AppendUint64(b, uint64(d))
		}
		b = le.AppendUint64(le.AppendUint32(b, t.Type), uint64(at))
		at += (n + ggufAlign - 1) / ggufAlign * ggufAlign
	}
	b = append(b, make([]byte, -(len(b)-start)&(ggufAlign-1))...)
	for _, t := range tensors {
		b = append(append(b, t.Data...), make([]byte, -len(t.Data)&(ggufAlign-1))...)
	}
	return b, nil
}

// size returns the bytes that the dimensions and the type ask for.
func (t *GGUFTensor) size() (int, error) {
	if len(t.Dims) == 0 || len(t.Dims) > maxGGUFDims {
		return 0, fmt.Errorf("%w: tensor %q has %d dimensions", ErrModel, t.Name, len(t.Dims))
	}
	n := 1
	for _, d := range t.Dims {
		if d < 1 || d > maxGGUFElems/n {
			return 0, fmt.Errorf("%w: dimensions of tensor %q", ErrModel, t.Name)
		}
		n *= d
	}
	switch {
	case t.Type == GGUFF32:
		return 4 * n, nil
	case t.Type == GGUFF16:
		return 2 * n, nil
	case t.Type == GGUFQ80 && t.Dims[0]%32 == 0: // blocks do not cross rows
		return n / 32 * 34, nil
	}
	return 0, fmt.Errorf("%w: type %d of tensor %q", ErrModel, t.Type, t.Name)
}

func appendGGUFText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
}

// appendGGUFValue appends a type (gguf.h, enum gguf_type) and the value.
func appendGGUFValue(b []byte, value any) (_ []byte, ok bool) {
	const u32, i32, f32, boolean, text, array = 4, 5, 6, 7, 8, 9
	le := binary.LittleEndian
	list := func(kind uint32, n int) {
		b = le.AppendUint64(le.AppendUint32(le.AppendUint32(b, array), kind), uint64(n))
	}
	switch v := value.(type) {
	case string:
		b = appendGGUFText(le.AppendUint32(b, text), v)
	case bool:
		b = append(le.AppendUint32(b, boolean), 0)
		if v {
			b[len(b)-1] = 1
		}
	case uint32:
		b = le.AppendUint32(le.AppendUint32(b, u32), v)
	case float32:
		b = le.AppendUint32(le.AppendUint32(b, f32), math.Float32bits(v))
	case []string:
		list(text, len(v))
		for _, s := range v {
			b = appendGGUFText(b, s)
		}
	case []float32:
		list(f32, len(v))
		for _, x := range v {
			b = le.AppendUint32(b, math.Float32bits(x))
		}
	case []int32:
		list(i32, len(v))
		for _, x := range v {
			b = le.AppendUint32(b, uint32(x))
		}
	default:
		return nil, false
	}
	return b, true
}
