package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast"
	"github.com/holdfast-ai/holdfast/crypto/kek"
	"github.com/holdfast-ai/holdfast/crypto/keyrelease"
	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
	"github.com/holdfast-ai/holdfast/sign"
)

// keyPolicy is the policy file of a key server: strict JSON, digests in lower-case hex. What is left out is refused.
type keyPolicy struct {
	Version         int           `json:"version"` // 1
	Machines        machinePolicy `json:"machines"`
	Models          []modelPolicy `json:"models"`
	DenyList        *denyList     `json:"deny_list"` // that guests must have at least
	RulesMinVersion uint64        `json:"rules_min_version"`
}

// modelPolicy is one model and the sealed directories of its versions, of which seal.json and seal.keys are enough.
type modelPolicy struct {
	Name              string   `json:"name"`
	MinVersion        uint64   `json:"min_version"`
	Sealed            []string `json:"sealed"`
	Configs           []string `json:"configs"`
	Measurements      []string `json:"measurements"` // of the guests that may have this one; empty: all of machines
	AnySealJSON       bool     `json:"any_seal_json"`
	InsecureAnyConfig bool     `json:"insecure_any_config"`
}

type denyList struct {
	Number uint64 `json:"number"`
	Digest string `json:"digest"`
}

const (
	maxKeyPolicy = 4 << 20
	// keysetTTL is how long an unwrapped keyset stays in memory: guests of a fleet start together.
	keysetTTL = 5 * time.Minute
)

func readKeyPolicy(path string) (keyPolicy, error) {
	text, err := readFile(path, maxKeyPolicy)
	if err != nil {
		return keyPolicy{}, err
	}
	p, err := parseKeyPolicy(text)
	if err != nil {
		return p, inFile(path, text, err)
	}
	return p, nil
}

func parseKeyPolicy(text []byte) (p keyPolicy, err error) {
	if err := strictjson.Unmarshal(text, &p, strictjson.Limits{MaxBytes: maxKeyPolicy, MaxDepth: 8}); err != nil {
		return p, err
	}
	if err := said(text); err != nil {
		return p, err
	}
	if p.Version != 1 {
		return p, fmt.Errorf("%w: version %d, want 1", errUsage, p.Version)
	}
	return p, nil
}

// insecure lists what the policy gives up, for whoever starts the server.
func (p keyPolicy) insecure() []string {
	out := p.Machines.insecure()
	for _, m := range p.Models {
		if m.InsecureAnyConfig {
			out = append(out, "INSECURE: model "+m.Name+" is released to any configuration")
		}
	}
	return out
}

// notes lists models that nobody gets a key of, which may be what is meant, and may be an oversight.
func notes(cfg keyrelease.ServerConfig) []string {
	out := []string{}
	for _, name := range slices.Sorted(maps.Keys(cfg.Models)) {
		m := cfg.Models[name]
		if !slices.ContainsFunc(m.Versions, func(v keyrelease.Version) bool { return v.Version >= m.MinVersion }) {
			out = append(out, fmt.Sprintf("note: nobody gets a key of %s: none of its %d sealed directories has version %d or above", name, len(m.Versions), m.MinVersion))
		}
	}
	return out
}

// server makes the configuration of a server. Every keyset is unwrapped once, so that a directory that does not open is
// found now, and name and version are those that its keyset is bound to.
func (p keyPolicy) server(ctx context.Context, k *kek.KEK) (keyrelease.ServerConfig, error) {
	cfg := keyrelease.ServerConfig{Models: map[string]keyrelease.Model{}, RulesMinVersion: p.RulesMinVersion}
	machines, err := p.Machines.policy()
	if err != nil {
		return cfg, fmt.Errorf("machines: %w", err)
	}
	cfg.Verify = holdfast.ReleaseVerifier(machines)
	if d := p.DenyList; d != nil {
		cfg.DenyList = &keyrelease.DenyList{Number: d.Number}
		if err := unhex(cfg.DenyList.Digest[:], d.Digest); err != nil {
			return cfg, fmt.Errorf("deny_list: %w", err)
		}
	}
	cache, err := kek.NewCache(kek.Source{KEK: k}, keysetTTL)
	if err != nil {
		return cfg, err
	}
	for _, m := range p.Models {
		if _, dup := cfg.Models[m.Name]; dup || m.Name == "" {
			return cfg, fmt.Errorf("%w: the model %q is named twice or not at all", errUsage, m.Name)
		}
		if cfg.Models[m.Name], err = m.model(ctx, cache); err != nil {
			return cfg, fmt.Errorf("model %s: %w", m.Name, err)
		}
	}
	return cfg, nil
}

func (m modelPolicy) model(ctx context.Context, cache *kek.Cache) (keyrelease.Model, error) {
	out := keyrelease.Model{MinVersion: m.MinVersion, InsecureAnyConfig: m.InsecureAnyConfig}
	for _, s := range m.Configs {
		var d [32]byte
		if err := unhex(d[:], s); err != nil {
			return out, fmt.Errorf("configs: %w", err)
		}
		out.Configs = append(out.Configs, d)
	}
	if len(m.Measurements) > 0 {
		for _, s := range m.Measurements {
			if err := unhex(make([]byte, 48), s); err != nil {
				return out, fmt.Errorf("measurements: %w", err)
			}
		}
		out.Require = map[string][]string{holdfast.ClaimMeasurement: m.Measurements}
	}
	for _, dir := range m.Sealed {
		v, digest, err := sealedVersion(ctx, cache, m.Name, dir)
		if err != nil {
			return out, fmt.Errorf("%s: %w", dir, err)
		}
		out.Versions = append(out.Versions, v)
		if !m.AnySealJSON {
			out.Seals = append(out.Seals, digest)
		}
	}
	return out, nil
}

// sealedVersion reads one sealed directory. Its wrapped keysets stay in memory, and the keyset is unwrapped when it is
// released.
func sealedVersion(ctx context.Context, cache *kek.Cache, name, dir string) (v keyrelease.Version, digest [32]byte, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return v, digest, err
	}
	defer root.Close()
	c, err := seal.Inspect(sign.DirFS(root))
	if err != nil {
		return v, digest, err
	}
	if c.Name != name {
		return v, digest, fmt.Errorf("%w: it is sealed as %q", errRefused, c.Name)
	}
	unwrap := func(ctx context.Context) (*keyset.Handle, error) { return cache.Keyset(ctx, c.Info, c.Wraps) }
	if _, err := unwrap(ctx); err != nil {
		return v, digest, err
	}
	return keyrelease.Version{Version: c.Version, Unwrap: unwrap, Commitment: c.Commitment}, c.ManifestDigest, nil
}

// unhex fills dst from exactly as many lower-case hex digits.
func unhex(dst []byte, s string) error {
	if len(s) == 2*len(dst) && strings.ToLower(s) == s {
		if _, err := hex.Decode(dst, []byte(s)); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: want %d lower-case hex digits", errUsage, 2*len(dst))
}
