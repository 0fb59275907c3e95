package kek_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing/fstest"
	"time"

	"github.com/holdfast-ai/holdfast/crypto/kek"
	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// sealed makes a small sealed directory for k.
func sealed(k *kek.KEK) (dir string, remove func()) {
	tmp, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	keyset, err := kek.NewKeyset()
	if err != nil {
		panic(err)
	}
	dir = filepath.Join(tmp, "model.sealed")
	o := seal.Options{Name: "tiny", Version: 7, Wraps: []seal.Wrapper{k}}
	if _, err := seal.Dir(context.Background(), dir, fstest.MapFS{"w": {Data: []byte("weights")}}, keyset, o); err != nil {
		panic(err)
	}
	return dir, func() { os.RemoveAll(tmp) }
}

// A key is rotated: the directory goes over to the new one, and the weights stay as they are.
func ExampleRewrap() {
	old, err := kek.FromKey("2026", make([]byte, 32)) // an example: real keys come from ReadKeyFile or a KMS
	if err != nil {
		panic(err)
	}
	dir, remove := sealed(old)
	defer remove()
	next, err := kek.FromPassphrase("2027", []byte("correct horse battery staple"), kek.Argon2{})
	if err != nil {
		panic(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		panic(err)
	}
	defer root.Close()
	if err := kek.Rewrap(context.Background(), root, kek.Source{KEK: old}, next, false); err != nil {
		panic(err)
	}
	all, err := kek.Wraps(root.FS())
	if err != nil {
		panic(err)
	}
	for _, w := range all {
		fmt.Println(w.File, "passphrase:", w.Passphrase)
	}
	_, err = seal.OpenFS(context.Background(), root.FS(), kek.Source{KEK: old})
	fmt.Println(err)
	// Output:
	// seal.keys/2027.json passphrase: true
	// kek: no wrapped keyset for this key: 2026
}

// Openings of one model share a call to the key encryption key.
func ExampleCache() {
	k, err := kek.FromKey("serving", make([]byte, 32)) // an example: here a KMS would be asked
	if err != nil {
		panic(err)
	}
	dir, remove := sealed(k)
	defer remove()
	cache, err := kek.NewCache(kek.Source{KEK: k}, 10*time.Minute)
	if err != nil {
		panic(err)
	}
	for range 3 {
		f, err := seal.OpenFS(context.Background(), os.DirFS(dir), cache)
		if err != nil {
			panic(err)
		}
		fmt.Println(f.Info().Name, f.Info().Version)
		f.Close()
	}
	// Output:
	// tiny 7
	// tiny 7
	// tiny 7
}
