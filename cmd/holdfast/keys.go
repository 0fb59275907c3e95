package main

import (
	"crypto"
	"crypto/x509"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/internal/dsse"
	"github.com/holdfast-ai/holdfast/sign/bundle"
)

// maxKeyFile bounds key and certificate files, in bytes.
const maxKeyFile = 1 << 20

// privateKey are the flags that name a private key.
type privateKey struct{ file, password string }

func (p *privateKey) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.file, "private-key", "", "private key file, PEM (required)")
	cmd.Flags().StringVar(&p.password, "password", "", "password of the private key, if it is encrypted")
	required(cmd, "private-key")
}

func (p *privateKey) load() (crypto.Signer, error) {
	text, err := readFile(p.file, maxKeyFile)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	var password []byte
	if p.password != "" {
		password = []byte(p.password)
	}
	return bundle.ParsePrivateKey(text, password)
}

// readPublicKeys reads one key of each file.
func readPublicKeys(names []string) ([]crypto.PublicKey, error) {
	var keys []crypto.PublicKey
	for _, n := range names {
		text, err := readFile(n, maxKeyFile)
		if err != nil {
			return nil, err
		}
		k, err := bundle.ParsePublicKey(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n, err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// readCertificates reads all certificates of each file, in order.
func readCertificates(names []string) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for _, n := range names {
		text, err := readFile(n, maxKeyFile)
		if err != nil {
			return nil, err
		}
		certs, err := bundle.ParseCertificates(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n, err)
		}
		out = append(out, certs...)
	}
	return out, nil
}

// signedBy verifies envelopes of one of the keys.
func signedBy(keys []crypto.PublicKey) func(payloadType string, envelope []byte) ([]byte, error) {
	return func(payloadType string, envelope []byte) ([]byte, error) {
		return dsse.VerifyAny(keys, payloadType, envelope)
	}
}
