package llama

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/holdfast-ai/holdfast/examples/engine/refuse"
)

// q8Block is one block of ggml's Q8_0: a float16 scale and 32 signed bytes.
const q8Block, q8Elements = 34, 32

// floats returns the n elements of data, which has the given type. Little-endian F32 on a little-endian machine is not
// copied where it is aligned.
func floats(kind string, data []byte, n int) ([]float32, error) {
	size := map[string]int{"F32": n * 4, "F16": n * 2, "BF16": n * 2, "Q8_0": n / q8Elements * q8Block}
	want, ok := size[kind]
	if !ok {
		return nil, refuse.Unsupported("dtype", kind)
	}
	if len(data) != want || n == 0 || (kind == "Q8_0" && n%q8Elements != 0) {
		return nil, refuse.Format(kind, "tensor data has another size than its shape")
	}
	if kind == "F32" {
		if p := unsafe.Pointer(unsafe.SliceData(data)); uintptr(p)%4 == 0 && binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
			return unsafe.Slice((*float32)(p), n), nil // in place: data outlives the model that keeps this slice
		}
	}
	out := make([]float32, n)
	switch kind {
	case "F32":
		for i := range out {
			out[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
		}
	case "F16":
		for i := range out {
			out[i] = float16(binary.LittleEndian.Uint16(data[2*i:]))
		}
	case "BF16":
		for i := range out {
			out[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(data[2*i:])) << 16)
		}
	case "Q8_0":
		for b := 0; b*q8Elements < n; b++ {
			block := data[b*q8Block : (b+1)*q8Block]
			scale := float16(binary.LittleEndian.Uint16(block))
			for i, q := range block[2:] {
				out[b*q8Elements+i] = scale * float32(int8(q))
			}
		}
	}
	return out, nil
}

// float16 widens an IEEE 754 binary16.
func float16(h uint16) float32 {
	sign, exp, frac := uint32(h>>15)<<31, uint32(h>>10)&31, uint32(h)&1023
	switch {
	case exp == 31:
		return math.Float32frombits(sign | 0xff<<23 | frac<<13)
	case exp != 0:
		return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
	}
	v := float32(frac) / (1 << 24) // subnormal or zero, exact
	return math.Float32frombits(sign | math.Float32bits(v))
}
