package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"io"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/internal/dsse"
)

// deterministic signs by RFC 6979, so that the committed envelopes can be written again byte for byte.
type deterministic struct{ *ecdsa.PrivateKey }

func (d deterministic) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return d.PrivateKey.Sign(nil, digest, opts)
}

func fixedKey() (deterministic, error) {
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), fill(32, 1))
	return deterministic{key}, err
}

func dsseVectors() ([]vector, error) {
	var out []vector
	for _, c := range []struct{ name, payloadType, payload string }{
		{"specification's example", "http://example.com/HelloWorld", "hello world"},
		{"empty", "", ""},
		{"lengths are of bytes", "é", "模型"},
	} {
		out = append(out, vector{c.name, "pae", map[string]any{"type": c.payloadType, "payload": c.payload},
			map[string]any{"pae": hexOf(dsse.PAE(c.payloadType, []byte(c.payload)))}})
	}

	key, err := fixedKey()
	if err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	payload := `{"epoch":0,"prev":null}`
	env, err := dsse.Sign(key, attest.EpochPayloadType, []byte(payload))
	if err != nil {
		return nil, err
	}
	if _, err := dsse.Verify(key.Public(), attest.EpochPayloadType, env); err != nil {
		return nil, err
	}
	epochs, err := epochVector()
	if err != nil {
		return nil, err
	}
	return append(out, epochs, vector{"signed by P-256", "envelope",
		map[string]any{"spki": hexOf(spki), "type": attest.EpochPayloadType, "envelope": string(env)},
		map[string]any{"payload": payload}}), nil
}
