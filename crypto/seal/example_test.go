package seal_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/crypto/kek"
	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// A model is sealed for a key file and read back as a file system. sign.Open takes such a file system as it takes a plain
// directory.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	// The publisher.
	keyFile := filepath.Join(dir, "kek")
	if err := kek.NewKeyFile(keyFile); err != nil {
		panic(err)
	}
	key, err := kek.ReadKeyFile("ops", keyFile)
	if err != nil {
		panic(err)
	}
	keyset, err := kek.NewKeyset() // one for each version of a model
	if err != nil {
		panic(err)
	}
	model := fstest.MapFS{"model.safetensors": {Data: []byte("weights")}, "config.json": {Data: []byte("{}")}}
	sealed := filepath.Join(dir, "sealed")
	_, err = seal.Dir(ctx, sealed, model, keyset, seal.Options{Name: "tiny", Version: 7, Wraps: []seal.Wrapper{key}})
	if err != nil {
		panic(err)
	}

	// The server.
	root, err := os.OpenRoot(sealed)
	if err != nil {
		panic(err)
	}
	defer root.Close()
	plain, err := seal.OpenFS(ctx, root.FS(), kek.Source{KEK: key})
	if err != nil {
		panic(err)
	}
	defer plain.Close()
	weights, err := fs.ReadFile(plain, "model.safetensors")
	fmt.Println(plain.Info().Name, plain.Info().Version, string(weights), err)
	// Output: tiny 7 weights <nil>
}
