package keyrelease_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/crypto/kek"
	"github.com/holdfast-ai/holdfast/crypto/keyrelease"
	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// A key server releases the keyset of a sealed model to a guest whose evidence it accepts. The evidence here is no more
// than the report data: real ones come from package attest.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	keyset, err := kek.NewKeyset()
	if err != nil {
		panic(err)
	}
	sealed := filepath.Join(dir, "sealed")
	info, err := seal.Dir(ctx, sealed, fstest.MapFS{"w": {Data: []byte("weights")}}, keyset, seal.Options{Name: "tiny", Version: 7})
	if err != nil {
		panic(err)
	}
	config := sha256.Sum256([]byte("the guest's policies"))

	// The key server.
	identity, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	server, err := keyrelease.NewServer(keyrelease.ServerConfig{
		Identity: identity,
		Verify: func(_ context.Context, evidence []byte, reportData [64]byte) (keyrelease.Machine, error) {
			if !bytes.Equal(evidence, reportData[:]) {
				return keyrelease.Machine{}, errors.New("other evidence")
			}
			return keyrelease.Machine{Kind: "example"}, nil
		},
		Models: map[string]keyrelease.Model{"tiny": {
			MinVersion: 7, Versions: []keyrelease.Version{{Version: 7, Keyset: keyset}},
			Configs: [][32]byte{config}, Seals: [][32]byte{info.ManifestDigest},
		}},
	})
	if err != nil {
		panic(err)
	}
	srv := httptest.NewServer(server)
	defer srv.Close()

	// The guest.
	client := &keyrelease.Client{
		URL: srv.URL, HTTP: srv.Client(), ServerKey: &identity.PublicKey, Config: config,
		Attest: func(_ context.Context, reportData [64]byte) ([]byte, error) { return reportData[:], nil },
	}
	plain, err := seal.OpenFS(ctx, os.DirFS(sealed), client)
	if err != nil {
		panic(err)
	}
	defer plain.Close()
	floors, _ := client.Floors()
	fmt.Println(plain.Info().Name, plain.Info().Version, "floor", floors.MinVersion)

	client.Config[0] ^= 1 // other policies
	_, err = seal.OpenFS(ctx, os.DirFS(sealed), client)
	fmt.Println(err)
	// Output:
	// tiny 7 floor 7
	// keyrelease: denied: config
}
