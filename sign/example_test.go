package sign_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/sign"
)

// A publisher signs a model, a server opens it by policy, and a byte is changed meanwhile.
func Example() {
	ctx := context.Background()
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // any crypto.Signer: a KMS, an HSM
	model := fstest.MapFS{                                    // a directory: sign.DirFS(root)
		"holdfast.json":     {Data: []byte(`{"name": "tiny-stories", "version": 7}`)},
		"model.safetensors": {Data: []byte("weights")},
	}
	bundle, _, err := sign.Sign(ctx, model, key, sign.SignOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	model[sign.SignatureFile] = &fstest.MapFile{Data: bundle}

	policy := sign.Policy{Keys: []crypto.PublicKey{key.Public()}, Name: "tiny-stories", MinVersion: 7}
	m, err := sign.Open(ctx, model, policy)
	if err != nil {
		fmt.Println(err)
		return
	}
	weights := make([]byte, 7)
	n, err := m.ReadInto(ctx, "model.safetensors", weights)
	fmt.Printf("%s %d: %q, %v\n", m.Identity().Name, m.Identity().Version, weights[:n], err)

	model["model.safetensors"].Data[0] = 'W'
	_, err = m.ReadInto(ctx, "model.safetensors", weights)
	fmt.Println(errors.Is(err, sign.ErrMismatch), weights)

	policy.MinVersion = 8
	_, err = sign.Open(ctx, model, policy)
	fmt.Println(err)
	// Output:
	// tiny-stories 7: "weights", <nil>
	// true [0 0 0 0 0 0 0]
	// sign: refused by policy: rollback (MinVersion: want 8, got 7)
}
