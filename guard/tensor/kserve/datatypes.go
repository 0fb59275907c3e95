package kserve

import "github.com/holdfast-ai/holdfast/guard/tensor"

// datatypes are the names of the protocol; BF16 is Triton's. json says whether the type has a JSON form: the protocol gives
// none to 16-bit floats.
var datatypes = []struct {
	name  string
	dtype tensor.DType
	json  bool
}{
	{"BOOL", tensor.Bool, true},
	{"UINT8", tensor.U8, true},
	{"UINT16", tensor.U16, true},
	{"UINT32", tensor.U32, true},
	{"UINT64", tensor.U64, true},
	{"INT8", tensor.I8, true},
	{"INT16", tensor.I16, true},
	{"INT32", tensor.I32, true},
	{"INT64", tensor.I64, true},
	{"FP16", tensor.F16, false},
	{"BF16", tensor.BF16, false},
	{"FP32", tensor.F32, true},
	{"FP64", tensor.F64, true},
	{"BYTES", tensor.Bytes, true},
}

// DType returns the type that the protocol calls name, and false for none.
func DType(name string) (tensor.DType, bool) {
	for _, d := range datatypes {
		if d.name == name {
			return d.dtype, true
		}
	}
	return 0, false
}
