package main

import (
	"crypto/ecdsa"
	"crypto/tls"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast"
	"github.com/holdfast-ai/holdfast/crypto/keyrelease"
	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/sign/bundle"
)

// keyServerFlags name the key server that a guest asks.
type keyServerFlags struct{ url, key string }

func (k *keyServerFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&k.url, "key-server", "", "URL of a key server to get the keyset from, for this machine's evidence")
	cmd.Flags().StringVar(&k.key, "key-server-key", "", "public key of the key server, PEM: nobody else is believed")
	cmd.MarkFlagsRequiredTogether("key-server", "key-server-key")
	cmd.MarkFlagsMutuallyExclusive("key-server", "kek")
	cmd.MarkFlagsMutuallyExclusive("key-server", "passphrase-file")
}

// client asks for what cfg serves, as it will be served.
func (k *keyServerFlags) client(cfg holdfast.Config) (*keyrelease.Client, error) {
	if cfg.Platform == nil {
		return nil, fmt.Errorf("%w: a key server wants evidence: give --platform", errUsage)
	}
	text, err := readFile(k.key, maxKeyFile)
	if err != nil {
		return nil, err
	}
	pub, err := bundle.ParsePublicKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.key, err)
	}
	server, ok := pub.(*ecdsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%w: %s is no ECDSA key", errUsage, k.key)
	}
	g, err := guard.New(cfg.Guard, cfg.GuardOptions...)
	if err != nil {
		return nil, err
	}
	config, err := cfg.Digest()
	if err != nil {
		return nil, err
	}
	var list *keyrelease.DenyList
	if cfg.DenyList != nil {
		list = new(keyrelease.DenyList)
		if list.Number, list.Digest, err = cfg.Signature.VerifyDenyList(cfg.DenyList, time.Now()); err != nil {
			return nil, err
		}
	}
	return &keyrelease.Client{
		DenyList: list, RulesVersion: g.RulesNumber(),
		URL: k.url, ServerKey: server, Config: config, MinVersion: cfg.Signature.MinVersion, Attest: holdfast.Attestor(cfg.Platform),
		HTTP: &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13}}},
	}, nil
}
