package format_test

import (
	"fmt"

	"github.com/holdfast-ai/holdfast/mbom/format"
)

// What a file is is told by its bytes; a name is what its publisher calls it.
func ExampleDetect() {
	head := []byte("\x80\x04}q\x00.")
	fmt.Println(format.ByName("model.safetensors"), format.Detect(head, int64(len(head))))
	// Output:
	// safetensors pickle
}
