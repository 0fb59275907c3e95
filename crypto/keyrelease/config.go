package keyrelease

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// VerifyFunc accepts evidence that carries reportData, by the server's policy on machines. An error that wraps
// [ErrUnavailable] asks the guest to try again; every other one is a refusal.
type VerifyFunc func(ctx context.Context, evidence []byte, reportData [64]byte) error

// ServerConfig says who may have which keyset. Identity, Verify and Models are required; the zero value refuses.
type ServerConfig struct {
	Identity crypto.Signer // ECDSA P-256, pinned by the guests
	Verify   VerifyFunc
	Models   map[string]Model // by name

	// ChallengeKey authenticates challenges, at least 32 bytes. Default: random, so that challenges end with the process.
	// Replicas that share it accept each other's challenges, and each refuses only those that it has released against
	// itself; since the answer is sealed to the key in the evidence, that gives a replayer nothing he can open.
	ChallengeKey []byte
	Lifetime     time.Duration // of a challenge; default [DefaultLifetime], at most [MaxLifetime]
	Concurrent   int           // releases worked on at once; default [DefaultConcurrent]. More get status 503

	DenyList        *DenyList // told to guests as a floor; optional
	RulesMinVersion uint64    // told to guests as a floor

	Audit *slog.Logger     // one record for each release and refusal, without secrets. Default: discard
	Clock func() time.Time // default [time.Now]
}

// Model is the policy on one model. The zero value releases nothing.
type Model struct {
	MinVersion uint64 // lower ones are refused, and guests are told
	Versions   []Version

	Configs           [][32]byte // configuration digests of guests that may have the model
	InsecureAnyConfig bool       // release to guests that may serve it under any policy

	// Seals, where not empty, are the only digests of seal.json that are accepted. Without it every directory sealed under
	// the keyset is, which only holders of the keyset can make.
	Seals [][32]byte
}

// Version is one version of a model and the keyset it is sealed under, which has one key.
type Version struct {
	Version uint64
	Keyset  *keyset.Handle
}

// NewServer checks the configuration. Errors: [ErrConfig], [seal.ErrKeyset], [seal.ErrUnsupported].
func NewServer(cfg ServerConfig) (*Server, error) {
	if cfg.Identity == nil || cfg.Verify == nil || len(cfg.Models) == 0 {
		return nil, fmt.Errorf("%w: Identity, Verify and Models are required", ErrConfig)
	}
	pub, _ := cfg.Identity.Public().(*ecdsa.PublicKey)
	hash, err := serverHash(pub)
	if err != nil {
		return nil, err
	}
	if cfg.Lifetime == 0 {
		cfg.Lifetime = DefaultLifetime
	}
	if cfg.Lifetime < time.Second || cfg.Lifetime > MaxLifetime {
		return nil, fmt.Errorf("%w: lifetime of %v", ErrConfig, cfg.Lifetime)
	}
	if cfg.Concurrent == 0 {
		cfg.Concurrent = DefaultConcurrent
	}
	if cfg.Concurrent < 0 {
		return nil, fmt.Errorf("%w: %d releases at once", ErrConfig, cfg.Concurrent)
	}
	if cfg.ChallengeKey == nil {
		cfg.ChallengeKey = make([]byte, 32)
		rand.Read(cfg.ChallengeKey)
	}
	if len(cfg.ChallengeKey) < 32 {
		return nil, fmt.Errorf("%w: a challenge key of %d bytes", ErrConfig, len(cfg.ChallengeKey))
	}
	if cfg.Audit == nil {
		cfg.Audit = slog.New(slog.DiscardHandler)
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	s := &Server{
		cfg: cfg, hash: hash, models: make(map[string]policy, len(cfg.Models)),
		tokens:  tokens{key: slices.Clone(cfg.ChallengeKey), server: hash, lifetime: cfg.Lifetime},
		working: make(chan struct{}, cfg.Concurrent), reading: maxReading, mux: http.NewServeMux(),
	}
	for name, m := range cfg.Models {
		if s.models[name], err = newPolicy(m); err != nil {
			return nil, fmt.Errorf("model %s: %w", name, err)
		}
	}
	s.mux.HandleFunc("POST /v1/challenge", s.challenge)
	s.mux.HandleFunc("POST /v1/release", s.release)
	return s, nil
}

func newPolicy(m Model) (policy, error) {
	p := policy{m, make(map[[32]byte]Version, len(m.Versions))}
	if len(m.Configs) == 0 && !m.InsecureAnyConfig {
		return p, fmt.Errorf("%w: no configuration is allowed", ErrConfig)
	}
	for _, v := range m.Versions {
		c, err := seal.Commitment(v.Keyset)
		if err != nil {
			return p, err
		}
		if v.Keyset.Len() != 1 {
			return p, fmt.Errorf("%w: a keyset of %d keys: guests would get the disabled ones too", ErrConfig, v.Keyset.Len())
		}
		if _, dup := p.byCommitment[c]; dup {
			return p, fmt.Errorf("%w: two versions share a keyset", ErrConfig)
		}
		p.byCommitment[c] = v
	}
	return p, nil
}
