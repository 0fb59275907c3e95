package gguf_test

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/holdfast-ai/holdfast/mbom/format/gguf"
)

// The header of a file with one text and no tensor.
func ExampleRead() {
	text := func(b []byte, s string) []byte {
		return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
	}
	b := binary.LittleEndian.AppendUint32([]byte("GGUF"), 3)
	b = binary.LittleEndian.AppendUint64(b, 0) // tensors
	b = binary.LittleEndian.AppendUint64(b, 1) // pairs
	b = binary.LittleEndian.AppendUint32(text(b, "general.architecture"), uint32(gguf.String))
	b = text(b, "llama")
	h, err := gguf.Read(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(h.Version, h.Text("general.architecture"), len(h.Tensors))
	_, err = gguf.Read(bytes.NewReader(b[:30]), 30)
	fmt.Println(err)
	// Output:
	// 3 llama 0
	// gguf: malformed file: count is larger than the file (byte 24, count-kv)
}
