package cyclonedx_test

import (
	"fmt"

	"github.com/holdfast-ai/holdfast/mbom/cyclonedx"
	"github.com/holdfast-ai/holdfast/mbom/model"
)

// A bill is written from the neutral model, and what a server takes from one is read back.
func ExampleEncode() {
	b := &model.BOM{
		Name: "harbor-tiny", Version: "7",
		Files:    []model.File{{Name: "model.safetensors", SHA256: [32]byte{1}, Size: 16, Format: "safetensors"}},
		Licences: []model.Value{{Text: "apache-2.0", Evidence: model.Evidence{Class: model.Declared, File: "README.md", Pointer: "/license"}}},
	}
	data, err := cyclonedx.Encode(b, "1.7")
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := cyclonedx.Decode(data)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.SpecVersion, len(d.Files), d.Licences)
	// Output:
	// 1.7 1 [Apache-2.0]
}
