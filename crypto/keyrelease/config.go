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
)

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
	Concurrent   int           // releases worked on at once; default [DefaultConcurrent]. More get status 503. Eight times as many are read

	DenyList        *DenyList // told to guests as a floor; optional
	RulesMinVersion uint64    // told to guests as a floor

	PerAddress Rate // requests of one address; default 256 at once and 20 a second
	PerMachine Rate // releases to one machine; default 64 at once and one a second. Where the chip id is masked, to one address
	// Address names the peer of a request for PerAddress and the audit log. Default: its IPv4 address or the /64 of its IPv6
	// one. Set it where a proxy stands in front, or all guests share one rate.
	Address func(*http.Request) string

	Audit   *slog.Logger     // one record for each [Decision]. Default: discard
	Journal Journal          // keeps each [Decision]; where it fails nothing is released. Optional
	Clock   func() time.Time // default [time.Now]
}

// Model is the policy on one model. The zero value releases nothing.
type Model struct {
	MinVersion uint64 // lower ones are refused, and guests are told
	Versions   []Version

	Configs           [][32]byte // configuration digests of guests that may have the model
	InsecureAnyConfig bool       // release to guests that may serve it under any policy

	// Require names claims that the machine must have, each with the values that are accepted, beyond what the server's Verify
	// asks of every machine: for example the measurements that may serve this model.
	Require map[string][]string

	// Seals, where not empty, are the only digests of seal.json that are accepted. Without it every directory sealed under
	// the keyset is, which only holders of the keyset can make.
	Seals [][32]byte
}

// Version is one version of a model and the keyset it is sealed under, which has one key. Give the keyset, or how to unwrap it.
type Version struct {
	Version uint64
	Keyset  *keyset.Handle

	// Unwrap gets the keyset with this Commitment when it is released, and only for an accepted machine, so that the server
	// holds none in between. It is called concurrently: a [kek.Cache] makes several calls one. Errors count as passing.
	Unwrap     func(context.Context) (*keyset.Handle, error)
	Commitment [32]byte
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
	if cfg.PerAddress, err = cfg.PerAddress.or(defaultAddressEvery, defaultAddressBurst); err != nil {
		return nil, err
	}
	if cfg.PerMachine, err = cfg.PerMachine.or(defaultMachineEvery, defaultMachineBurst); err != nil {
		return nil, err
	}
	if cfg.Address == nil {
		cfg.Address = remote
	}
	if cfg.Audit == nil {
		cfg.Audit = slog.New(slog.DiscardHandler)
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	s := &Server{
		cfg: cfg, hash: hash,
		tokens:    tokens{key: slices.Clone(cfg.ChallengeKey), server: hash, lifetime: cfg.Lifetime},
		addresses: newLimiter(cfg.PerAddress), machines: newLimiter(cfg.PerMachine),
		bodies: make(chan struct{}, bodiesPerWork*cfg.Concurrent), working: make(chan struct{}, cfg.Concurrent), reading: maxReading, mux: http.NewServeMux(),
	}
	r, err := newRules(cfg)
	if err != nil {
		return nil, err
	}
	s.rules.Store(r)
	s.mux.HandleFunc("POST /v1/challenge", s.challenge)
	s.mux.HandleFunc("POST /v1/release", s.release)
	return s, nil
}
