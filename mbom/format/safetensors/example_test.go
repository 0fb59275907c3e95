package safetensors_test

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/holdfast-ai/holdfast/mbom/format/safetensors"
)

// The header of a file must describe every byte of it, once.
func ExampleRead() {
	for _, end := range []int{16, 12} {
		header := fmt.Sprintf(`{"w":{"dtype":"F32","shape":[2,2],"data_offsets":[0,%d]}}`, end)
		file := append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...)
		file = append(file, make([]byte, 16)...)
		h, err := safetensors.Read(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			fmt.Println(err)
			continue
		}
		for _, t := range h.Tensors {
			fmt.Println(t.Name, t.DType, t.Shape, t.Elements())
		}
	}
	// Output:
	// w F32 [2 2] 4
	// safetensors: malformed file: data_offsets span 12 bytes, the shape needs 16 (tensor "w", rule 8)
}
