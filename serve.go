package holdfast

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"net/http"
	"path"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/attest/channel"
	"github.com/holdfast-ai/holdfast/attest/receipt"
	"github.com/holdfast-ai/holdfast/crypto/keyrelease"
)

// PathMBOM is where the signed bill of materials is served, as exact bytes (docs/SPEC.md section 9).
const PathMBOM = "/.well-known/holdfast/mbom"

// Handler puts the guard before engine and the chain's evidence beside it. Call it after the engine has loaded its weights:
// the claims name what was released to it. With a Platform, this is where the machine is quoted, and an error means that
// nothing may be served.
//
// Served beside the engine under /.well-known/holdfast: mbom; with a Platform also evidence, channel and receipts.
// Errors: [ErrNotLoaded], [ErrConfig], those of the device.
func (c *Chain) Handler(ctx context.Context, engine http.Handler) (http.Handler, error) {
	if engine == nil {
		return nil, fmt.Errorf("%w: no engine", ErrConfig)
	}
	if err := c.requireLoaded(); err != nil {
		return nil, err
	}
	guarded := c.guard.Handler(engine)
	mux := http.NewServeMux()
	if !c.bom.Missing {
		mux.HandleFunc("GET "+PathMBOM, c.serveMBOM)
	}
	if c.cfg.Platform == nil {
		mux.Handle("/", guarded)
		return mux, nil
	}
	identity, err := attest.NewIdentity()
	if err != nil {
		return nil, err
	}
	claims, err := c.claims()
	if err != nil {
		return nil, err
	}
	c.epochs, err = attest.NewChain(ctx, attest.ChainConfig{
		Device: c.cfg.Platform, Identity: identity, Claims: claims, Clock: c.cfg.Clock,
	})
	if err != nil {
		return nil, err
	}
	server, err := channel.NewServer(c.epochs)
	if err != nil {
		return nil, err
	}
	receipts, err := receipt.NewHandler(receipt.Config{
		Next:    guarded,
		Subject: func(*http.Request) receipt.Subject { return receipt.SubjectOf(c.epochs) },
		Clock:   c.cfg.Clock,
	})
	if err != nil {
		return nil, err
	}
	mux.Handle(channel.PathEvidence, server)
	mux.Handle(channel.PathChannel, server)
	mux.Handle("/", receipts) // and those of receipt.PathPrefix
	return mux, nil
}

// requireLoaded refuses to speak for weights that no engine has read.
func (c *Chain) requireLoaded() error {
	for _, f := range c.model.Files() {
		if isWeights(f.Name) && !c.model.Released(f.Name) {
			return fmt.Errorf("%w (%q)", ErrNotLoaded, f.Name)
		}
	}
	return nil
}

func isWeights(name string) bool {
	ext := path.Ext(name)
	return ext == ".safetensors" || ext == ".gguf"
}

// claims says what is served from now on.
func (c *Chain) claims() (attest.Claims, error) {
	id := c.model.Identity()
	loaded, _ := c.model.Loaded()
	guardPolicy := attest.Digest(c.guard.PolicyDigest())
	m := attest.Model{ModelID: id.ModelID, Name: id.Name, Version: id.Version, Loaded: loaded}
	if !c.bom.Missing {
		d := attest.Digest(c.bom.Digest)
		m.MBOM = &d
	}
	claims := attest.Claims{Models: []attest.Model{m}, GuardPolicy: &guardPolicy, Config: c.config}
	if c.cfg.TLSKey != nil {
		spki, err := x509.MarshalPKIXPublicKey(c.cfg.TLSKey)
		if err != nil {
			return claims, fmt.Errorf("%w: TLS key: %w", ErrConfig, err)
		}
		d := attest.Digest(sha256.Sum256(spki))
		claims.TLSSPKI = &d
	}
	claims.Floors = c.released()
	return claims, nil
}

// released returns the floors that came with the key, or nil where only the policy's own hold.
func (c *Chain) released() *attest.Floors {
	authority, ok := c.cfg.Key.(interface {
		Floors() (keyrelease.Floors, bool)
	})
	if !ok || c.sealed == nil {
		return nil
	}
	f, ok := authority.Floors()
	if !ok {
		return nil
	}
	out := &attest.Floors{ServerTime: f.ServerTime, MinVersion: f.MinVersion, RulesMinVersion: f.RulesMinVersion}
	if f.DenyList != nil {
		out.DenyList = &attest.DenyList{Number: f.DenyList.Number, Digest: f.DenyList.Digest}
	}
	return out
}

func (c *Chain) serveMBOM(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/vnd.cyclonedx+json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(c.bom.Bytes) // the client has gone
}
