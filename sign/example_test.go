package sign_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/bundle"
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

// A policy comes from a file, and Explain says what it decides about a model.
func ExampleExplain() {
	publisher, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	key, err := bundle.MarshalPublicKey(publisher.Public())
	if err != nil {
		panic(err)
	}
	text, err := json.Marshal(map[string]any{
		"version": 1, "keys": []any{map[string]any{"pem": string(key)}}, "name": "tiny-stories", "min_version": 8,
	})
	if err != nil {
		panic(err)
	}
	policy, err := sign.ParsePolicy(text)
	if err != nil {
		panic(err)
	}

	model := fstest.MapFS{"holdfast.json": {Data: []byte(`{"name": "tiny-stories", "version": 7}`)}}
	signature, _, err := sign.Sign(context.Background(), model, publisher, sign.SignOptions{})
	if err != nil {
		panic(err)
	}
	checks, err := sign.Explain(context.Background(), model, policy, sign.WithBundle(signature))
	for _, c := range checks {
		switch c.Code {
		case "signers", "name", "min_version":
			fmt.Printf("%s %s: want %s, got %s\n", c.Status, c.Code, c.Want, c.Got)
		}
	}
	fmt.Println(errors.Is(err, sign.ErrVersion))
	// Output:
	// pass signers: want 1 distinct trusted signers of one model, got 1
	// pass name: want "tiny-stories", got "tiny-stories"
	// fail min_version: want at least 8, got 7
	// true
}

// Weights are uploaded while they are read, and count only once Commit has said that they were the signed ones.
func ExampleModel_ProvisionalStream() {
	ctx := context.Background()
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	model := fstest.MapFS{"model.safetensors": {Data: []byte("weights")}}
	bundle, id, err := sign.Sign(ctx, model, key, sign.SignOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	policy := sign.Policy{Keys: []crypto.PublicKey{key.Public()}, ModelIDs: [][32]byte{id}}
	m, err := sign.Open(ctx, model, policy, sign.WithBundle(bundle))
	if err != nil {
		fmt.Println(err)
		return
	}
	load := func() error {
		s, err := m.ProvisionalStream(ctx, "model.safetensors")
		if err != nil {
			return err
		}
		defer s.Abort()
		staging := make([]byte, 4)
		for {
			chunk, err := s.Next(ctx, staging)
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
			fmt.Printf("upload %d bytes at %d\n", len(chunk.Bytes), chunk.Offset)
		}
		c, err := s.Commit()
		if err != nil {
			return err // the device's memory is thrown away
		}
		fmt.Printf("use %s, %d bytes\n", c.Name(), c.Size())
		return nil
	}
	fmt.Println(load())
	model["model.safetensors"].Data[6] = 'S'
	fmt.Println(errors.Is(load(), sign.ErrMismatch))
	// Output:
	// upload 4 bytes at 0
	// upload 3 bytes at 4
	// use model.safetensors, 7 bytes
	// <nil>
	// upload 4 bytes at 0
	// upload 3 bytes at 4
	// true
}
