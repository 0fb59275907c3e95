package holdfast_test

import (
	"context"
	"crypto"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/holdfast-ai/holdfast"
	"github.com/holdfast-ai/holdfast/crypto/memory"
	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/mbom"
	"github.com/holdfast-ai/holdfast/sign"
)

// All weights in one pass: each chunk of a file is read, decrypted, hashed and scanned once, while it is in the cache, on its
// way into memory off Go's heap. Several files are under way at a time; Workers and Duty leave processors to what is served.
func ExampleChain_Load() {
	ctx := context.Background()
	dir, publisher, release, _ := exampleModel(ctx)
	defer os.RemoveAll(dir)
	root, err := os.OpenRoot(filepath.Join(dir, "model.sealed"))
	if err != nil {
		log.Fatal(err)
	}
	defer root.Close()
	chain, err := holdfast.Open(ctx, holdfast.Config{
		Source:    sign.DirFS(root),
		Signature: sign.Policy{Keys: []crypto.PublicKey{publisher}, Name: "tiny-stories", MinVersion: 7},
		Key:       release,
		MBOM:      mbom.Policy{Formats: mbom.SafeFormats(), Licences: []string{"mit"}},
		Weights:   mbom.WeightPolicy{Finite: true}, // the scan of the pass
		Guard:     guard.DefaultPolicy(),
		Workers:   2,
		Duty:      80, // percent
	})
	if err != nil {
		log.Fatal(err)
	}
	defer chain.Close()

	weights := map[string]*memory.Region{}
	defer func() {
		for _, r := range weights {
			r.Close() // clears it
		}
	}()
	err = chain.Load(ctx, func(name string, size int64) ([]byte, error) {
		r, err := memory.NewRegion(size, memory.Options{Huge: memory.Try})
		if err != nil {
			return nil, err
		}
		weights[name] = r
		return r.Bytes(), nil
	})
	if err != nil {
		log.Fatal(err)
	}
	for name, r := range weights {
		fmt.Println(name, len(r.Bytes()), "bytes, verified")
	}
	// Output: model.safetensors 70 bytes, verified
}
