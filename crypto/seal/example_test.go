package seal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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

// One file is sealed by itself and read at random, through io.ReaderAt, as readers of safetensors and GGUF do. The associated
// data says what the file is: the same bytes under another name do not open.
func ExampleNewReaderAt() {
	keyset, err := kek.NewKeyset()
	if err != nil {
		panic(err)
	}
	ad := seal.FileAD("tiny", 7, "model.safetensors")
	var file bytes.Buffer
	w, err := seal.NewWriter(&file, keyset, ad)
	if err != nil {
		panic(err)
	}
	defer w.Close() // without Commit nothing of it can be read
	if _, err := io.WriteString(w, "0123456789 weights"); err != nil {
		panic(err)
	}
	if err := w.Commit(); err != nil {
		panic(err)
	}

	src := bytes.NewReader(file.Bytes()) // or an *os.File
	r, err := seal.NewReaderAt(src, src.Size(), keyset, ad)
	if err != nil {
		panic(err)
	}
	p := make([]byte, 7)
	n, err := r.ReadAt(p, 11)
	fmt.Println(r.Size(), string(p[:n]), err)

	_, err = seal.NewReaderAt(src, src.Size(), keyset, seal.FileAD("tiny", 8, "model.safetensors"))
	fmt.Println(errors.Is(err, seal.ErrAuth), err)
	// Output:
	// 18 weights <nil>
	// true seal: not authentic: segment 0
}
