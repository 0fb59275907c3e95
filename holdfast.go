// Package holdfast loads a signed, sealed GenAI model and serves it behind a guard, in one call.
//
// [Open] composes the trees in the order in which an attacker would have to break them: the key of a sealed directory is
// released (crypto/keyrelease), the signature and its policy decide whose model it is (sign), the bill of materials is
// held against the signed manifest and gated (mbom), and the guard's policy is compiled (guard). Weights are read once:
// decrypted, hashed and scanned in the same pass that hands them to the engine. [Chain.Handler] then quotes the machine
// over exactly what was loaded (attest) and serves.
//
// Everything here is composition. Each tree is usable alone, and none of them imports another.
package holdfast

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/crypto/keyrelease"
	"github.com/holdfast-ai/holdfast/crypto/memory"
	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/mbom"
	"github.com/holdfast-ai/holdfast/sign"
)

var (
	// ErrConfig means that the configuration cannot work, for example a sealed source without a key, or a closed chain.
	ErrConfig = errors.New("holdfast: configuration")
	// ErrMismatch means that a directory was sealed under another name or version than the model in it was signed with.
	ErrMismatch = errors.New("holdfast: sealed as another model than signed")
	// ErrFloor means that the key server asks for a newer model or deny list than the one opened.
	ErrFloor = errors.New("holdfast: below the key server's floor")
	// ErrNotLoaded means that Handler was called before every weight file had been released to the engine: evidence never
	// claims a model that was not loaded (docs/SPEC.md section 5).
	ErrNotLoaded = errors.New("holdfast: model is not fully loaded")
)

// A Chain is an opened model with the policies it will be served under. It is safe for concurrent use.
type Chain struct {
	cfg    Config
	sealed *seal.FS // nil for a plain source
	model  *sign.Model
	bom    *mbom.Bound
	guard  *guard.Guard
	config [32]byte
	epochs epochs
	closed atomic.Bool

	mu   sync.Mutex
	dirs []*memory.Dir // that Dir made
}

// Open checks everything that can be checked without reading weights: key release, signature, policy, bill of materials.
// No byte of the model is usable before its file's digest matched. The caller must Close the chain.
//
// Errors are those of the packages that decided ([sign.ErrSignature], [seal.ErrAuth], [mbom.ErrPolicy], …), and
// [ErrConfig], [ErrFloor] of this one.
func Open(ctx context.Context, cfg Config) (*Chain, error) {
	if cfg.Source == nil {
		return nil, fmt.Errorf("%w: no source", ErrConfig)
	}
	if cfg.Workers < 0 || cfg.Duty < 0 || cfg.Duty > 100 {
		return nil, fmt.Errorf("%w: %d workers, a duty of %d percent", ErrConfig, cfg.Workers, cfg.Duty)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if _, err := cfg.Weights.Tap("policy.safetensors", 0); err != nil { // an empty policy must not wait for the first weights
		return nil, err
	}
	c := &Chain{cfg: cfg}
	var err error
	if c.guard, err = guard.New(cfg.Guard, slices.Concat([]guard.Option{guard.WithLogger(cfg.Logger)}, cfg.GuardOptions, []guard.Option{guard.WithClaims(c.reloaded)})...); err != nil {
		return nil, err
	}
	c.epochs.policy = c.guard.PolicyDigest()
	c.config = configDigest(cfg, c.epochs.policy)
	if err := c.open(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Chain) open(ctx context.Context) error {
	source, err := c.unseal(ctx)
	if err != nil {
		return err
	}
	c.cfg.Clock = c.clock(c.cfg.Clock)
	opts := []sign.Option{sign.WithClock(c.cfg.Clock), sign.WithDenyList(c.cfg.DenyList), sign.WithWorkers(c.cfg.workers()), sign.WithDuty(c.cfg.duty())}
	if c.model, err = sign.Open(ctx, source, c.cfg.Signature, append([]sign.Option{sign.WithTap(c.tap)}, opts...)...); err != nil {
		return err
	}
	if err := c.floors(); err != nil {
		return err
	}
	// What the gate reads was not handed to an engine. It looks through a model of its own, so that `loaded` of the claims
	// holds nothing but what the engine asked for.
	gated, err := sign.Open(ctx, source, c.cfg.Signature, opts...)
	if err != nil {
		return err
	}
	if gated.Identity() != c.model.Identity() {
		return fmt.Errorf("%w: the source changed while it was opened", sign.ErrMismatch)
	}
	c.bom, err = mbom.Open(ctx, gated, gated.Files(), c.cfg.MBOM)
	return err
}

// unseal returns the plaintext of the source.
func (c *Chain) unseal(ctx context.Context) (fs.FS, error) {
	switch sealed := seal.IsSealed(c.cfg.Source); {
	case sealed && c.cfg.Key == nil:
		return nil, fmt.Errorf("%w: the source is sealed and no key source is given", ErrConfig)
	case !sealed && c.cfg.Key != nil:
		return nil, fmt.Errorf("%w: a key source is given and the source is not sealed", ErrConfig)
	case !sealed:
		return c.cfg.Source, nil
	}
	var err error
	if c.sealed, err = seal.OpenFS(ctx, c.cfg.Source, c.cfg.Key, seal.WithWorkers(c.cfg.workers()), seal.WithDuty(c.cfg.duty())); err != nil {
		return nil, err // a nil *seal.FS must not become a non-nil fs.FS
	}
	return c.sealed, nil
}

// tap puts the weight scanner into the pass that releases a file.
func (c *Chain) tap(name string, size int64) (sign.Tap, error) {
	t, err := c.cfg.Weights.Tap(name, size)
	if t == nil || err != nil {
		return nil, err
	}
	return t, nil
}

// floors holds the signed model against what sealed it and against the authority that released its key.
func (c *Chain) floors() error {
	if c.sealed == nil {
		return nil
	}
	id, info := c.model.Identity(), c.sealed.Info()
	if id.Name != info.Name || id.Version != info.Version {
		return fmt.Errorf("%w: %q version %d, want %q version %d", ErrMismatch, info.Name, info.Version, id.Name, id.Version)
	}
	f, ok := c.authority()
	if !ok {
		return nil
	}
	have, err := c.denyList()
	if err != nil {
		return err
	}
	if err := f.Check(id.Version, have, c.guard.RulesNumber()); err != nil {
		return fmt.Errorf("%w: %w", ErrFloor, err)
	}
	return nil
}

// denyList names the list that the model was held against, nil for none.
func (c *Chain) denyList() (*keyrelease.DenyList, error) {
	if c.cfg.DenyList == nil {
		return nil, nil
	}
	number, digest, err := c.cfg.Signature.VerifyDenyList(c.cfg.DenyList, c.cfg.Clock())
	if err != nil {
		return nil, err
	}
	return &keyrelease.DenyList{Number: number, Digest: digest}, nil
}

// authority returns the floors that came with the key, where it came from a key server.
func (c *Chain) authority() (keyrelease.Floors, bool) {
	server, ok := c.cfg.Key.(interface {
		Floors() (keyrelease.Floors, bool)
	})
	if !ok {
		return keyrelease.Floors{}, false
	}
	return server.Floors()
}

// clock is the guest's clock, which its host may hold back, under the floor of the key server's time.
func (c *Chain) clock(guest func() time.Time) func() time.Time {
	return func() time.Time {
		f, _ := c.authority()
		return f.Time(guest())
	}
}

// Model returns the verified plaintext as a file system that lists signed names only. Its ReadInto fills a buffer in one
// pass; see [sign.Model].
func (c *Chain) Model() *sign.Model { return c.model }

// MBOM returns the bill of materials that was held against the manifest.
func (c *Chain) MBOM() *mbom.Bound { return c.bom }

// Guard returns the guard that [Chain.Handler] puts before the engine. Its Reload begins an epoch in which the evidence claims the new
// policy, and with it another [Config.Digest]; it fails, and nothing changes, where that cannot be.
func (c *Chain) Guard() *guard.Guard { return c.guard }

// Epochs returns the chain of claims that the latest [Chain.Handler] serves, or nil without a platform and before it.
func (c *Chain) Epochs() *attest.Chain {
	c.epochs.mu.Lock()
	defer c.epochs.mu.Unlock()
	if len(c.epochs.chains) == 0 {
		return nil
	}
	return c.epochs.chains[len(c.epochs.chains)-1]
}

// ConfigDigest is [Config.Digest] of the configuration that was opened.
func (c *Chain) ConfigDigest() [32]byte { return c.config }

// Close destroys the key material of a sealed source and removes the directories that [Chain.Dir] made. Neither model nor
// [Chain.Handler] must be used afterwards; a handler that serves already does not need the key.
func (c *Chain) Close() error {
	c.closed.Store(true)
	err := c.closeDirs()
	if c.sealed != nil {
		err = errors.Join(err, c.sealed.Close())
	}
	return err
}
