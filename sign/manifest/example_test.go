package manifest_test

import (
	"fmt"

	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// A statement lists files with their digests. Its model ID depends on names and digests, and not on their order.
func ExampleParse() {
	payload, err := manifest.Emit(&manifest.Manifest{
		Subject: "m", Method: manifest.MethodFiles, HashType: manifest.SHA256,
		Resources: []manifest.Resource{{Name: "config.json", Algorithm: manifest.SHA256, Digest: make([]byte, 32)}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := manifest.Parse(payload)
	if err != nil {
		fmt.Println(err)
		return
	}
	id := m.ModelID()
	fmt.Printf("%s %x…\n", m.Files[0].Name, id[:8])
	fmt.Println(manifest.CheckName("../config.json"))
	// Output:
	// config.json 736a0a524158d7d5…
	// sign: malformed model signature: name: "../config.json" is not a plain relative path
}
