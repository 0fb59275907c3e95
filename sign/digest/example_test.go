package digest_test

import (
	"fmt"

	"github.com/holdfast-ai/holdfast/sign/digest"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// A file is hashed as it is read, as a whole or in shards.
func ExampleStream() {
	for _, shard := range []int64{0, 4} {
		s := digest.New(manifest.SHA256, shard)
		s.Add([]byte("weig"))
		s.Add([]byte("hts"))
		for _, sum := range s.Sums() {
			fmt.Printf("%x\n", sum[:8])
		}
	}
	// Output:
	// 9a129038d9a00aed
	// 8ffd46438b705384
	// 48839a29f1aad4a5
}
