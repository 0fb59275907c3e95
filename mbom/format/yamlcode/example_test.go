package yamlcode_test

import (
	"fmt"

	"github.com/holdfast-ai/holdfast/mbom/format/yamlcode"
)

// Places where a loader that trusts YAML would run code.
func ExamplePlaces() {
	places, err := yamlcode.Places([]byte("model:\n  name: tiny\n  loader: !!python/object/apply:os.system [id]\n"))
	fmt.Println(places, err)
	// Output:
	// [!!python/object/apply:os.system] <nil>
}
