package main

import (
	"cmp"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/internal/dsse"
	"github.com/holdfast-ai/holdfast/sign/bundle"
)

// maxKeyFile bounds key and certificate files, in bytes.
const maxKeyFile = 1 << 20

// privateKey are the flags that name a private key.
type privateKey struct {
	file     string
	password passwordFlags
}

func (p *privateKey) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.file, "private-key", "", "private key file, PEM, encrypted or not (required)")
	p.password.add(cmd, "")
	p.password.addHidden(cmd)
	required(cmd, "private-key")
}

// load reads the key. A password is looked for, where no flag gives it, only if the key is encrypted.
func (p *privateKey) load(ctx context.Context, ui *ui) (crypto.Signer, error) {
	text, err := readFile(p.file, maxKeyFile)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	password, err := p.password.given(ctx, ui)
	if err != nil {
		return nil, err
	}
	defer func() { clear(password) }()
	key, err := bundle.ParsePrivateKey(text, password)
	switch {
	case err == nil:
		return key, nil
	case !errors.Is(err, bundle.ErrEncrypted):
		return nil, fmt.Errorf("%s: %w", p.file, err)
	}
	noPassword := err
	if password, err = p.password.ask(ctx, ui); err != nil {
		return nil, err
	}
	if password == nil {
		return nil, fmt.Errorf("%s: %w: give %s or HOLDFAST_PASSWORD", p.file, noPassword, cmp.Or(p.password.flag, "COSIGN_PASSWORD"))
	}
	if key, err = bundle.ParsePrivateKey(text, password); err != nil {
		return nil, fmt.Errorf("%s: %w", p.file, err)
	}
	return key, nil
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
