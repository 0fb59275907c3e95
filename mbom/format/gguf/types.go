package gguf

// A ValueType is the type of a metadata value.
type ValueType uint32

// The value types of the format.
const (
	Uint8 ValueType = iota
	Int8
	Uint16
	Int16
	Uint32
	Int32
	Float32
	Bool
	String
	Array
	Uint64
	Int64
	Float64
)

// size returns the size of a scalar in bytes, or 0 for strings, arrays and unknown types.
func (t ValueType) size() uint64 {
	switch t {
	case Uint8, Int8, Bool:
		return 1
	case Uint16, Int16:
		return 2
	case Uint32, Int32, Float32:
		return 4
	case Uint64, Int64, Float64:
		return 8
	}
	return 0
}

// A TensorType is the element or block type of a tensor.
type TensorType uint32

// Tensor types whose elements stand alone; all others are quantised blocks.
const (
	F32  TensorType = 0
	F16  TensorType = 1
	I8   TensorType = 24
	I16  TensorType = 25
	I32  TensorType = 26
	I64  TensorType = 27
	F64  TensorType = 28
	BF16 TensorType = 30
)

// layout returns the name of t, the number of elements in a block and the size of a block in bytes; a name of "" is an
// unknown or withdrawn type (ggml.h, enum ggml_type; ggml-common.h, block structures).
func (t TensorType) layout() (name string, elements, size uint64) {
	switch t {
	case F32:
		return "F32", 1, 4
	case F16:
		return "F16", 1, 2
	case 2:
		return "Q4_0", 32, 18
	case 3:
		return "Q4_1", 32, 20
	case 6:
		return "Q5_0", 32, 22
	case 7:
		return "Q5_1", 32, 24
	case 8:
		return "Q8_0", 32, 34
	case 9:
		return "Q8_1", 32, 36
	case 10:
		return "Q2_K", 256, 84
	case 11:
		return "Q3_K", 256, 110
	case 12:
		return "Q4_K", 256, 144
	case 13:
		return "Q5_K", 256, 176
	case 14:
		return "Q6_K", 256, 210
	case 15:
		return "Q8_K", 256, 292
	case 16:
		return "IQ2_XXS", 256, 66
	case 17:
		return "IQ2_XS", 256, 74
	case 18:
		return "IQ3_XXS", 256, 98
	case 19:
		return "IQ1_S", 256, 50
	case 20:
		return "IQ4_NL", 32, 18
	case 21:
		return "IQ3_S", 256, 110
	case 22:
		return "IQ2_S", 256, 82
	case 23:
		return "IQ4_XS", 256, 136
	case I8:
		return "I8", 1, 1
	case I16:
		return "I16", 1, 2
	case I32:
		return "I32", 1, 4
	case I64:
		return "I64", 1, 8
	case F64:
		return "F64", 1, 8
	case 29:
		return "IQ1_M", 256, 56
	case BF16:
		return "BF16", 1, 2
	case 34:
		return "TQ1_0", 256, 54
	case 35:
		return "TQ2_0", 256, 66
	case 39:
		return "MXFP4", 32, 17
	}
	return "", 0, 0
}

// String returns the name of the type in ggml.
func (t TensorType) String() string {
	name, _, _ := t.layout()
	return name
}
