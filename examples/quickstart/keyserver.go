package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"

	"github.com/holdfast-ai/holdfast"
	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/crypto/keyrelease"
)

// A keyServer holds the keysets of published models and releases them to machines that its policy accepts.
type keyServer struct {
	*host
	identity *ecdsa.PrivateKey
}

// startKeyServer serves the keyset of one release to machines that accepts judges, for one configuration.
func startKeyServer(r *release, accepts attest.Policy, config [32]byte) (*keyServer, error) {
	identity, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	handler, err := keyrelease.NewServer(keyrelease.ServerConfig{
		Identity: identity,
		Verify:   holdfast.ReleaseVerifier(accepts),
		Models: map[string]keyrelease.Model{r.name: {
			MinVersion: r.version,
			Versions:   []keyrelease.Version{{Version: r.version, Keyset: r.keyset}},
			Configs:    [][32]byte{config},
		}},
	})
	if err != nil {
		return nil, err
	}
	h, ln, err := newHost("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h.serve(ln, handler)
	return &keyServer{h, identity}, nil
}

// guest is what a machine asks the key server with.
func (k *keyServer) guest(device attest.Device, config [32]byte) *keyrelease.Client {
	return &keyrelease.Client{
		URL: k.url, HTTP: k.client(), ServerKey: &k.identity.PublicKey,
		Attest: holdfast.Attestor(device), Config: config,
	}
}
