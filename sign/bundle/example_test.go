package bundle_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/holdfast-ai/holdfast/sign/bundle"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// A payload is signed by a key and verified by its public half. What a bundle says is not trusted before that.
func ExampleBundle_Verify() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	payload, err := manifest.Emit(&manifest.Manifest{
		Subject: "m", Method: manifest.MethodFiles, HashType: manifest.SHA256,
		Resources: []manifest.Resource{{Name: "weights", Algorithm: manifest.SHA256, Digest: make([]byte, 32)}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	data, err := bundle.Sign(key, payload)
	if err != nil {
		fmt.Println(err)
		return
	}
	b, err := bundle.Parse(data)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("signer:", b.Verify(key.Public()))
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("somebody else:", errors.Is(b.Verify(other.Public()), bundle.ErrSignature))
	// Output:
	// signer: <nil>
	// somebody else: true
}
