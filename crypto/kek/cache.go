package kek

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// MaxCacheTTL bounds the time for which a [Cache] keeps a keyset: that is how long destroying a KMS key goes unnoticed.
const MaxCacheTTL = 24 * time.Hour

// maxCached bounds the keysets in a Cache; past it, every call goes to the key encryption key.
const maxCached = 1024

// A Cache keeps the keysets that a [Source] unwrapped, so that opening a model many times, or from many goroutines at once,
// is one call to its KMS. What counts as the same is name, version and commitment together with the exact wrapped keyset: one
// that was removed from the directory, or altered, is not answered from memory. Errors are not kept.
//
// There is no cache for a key server's client: each release brings fresh floors.
//
// It is safe for concurrent use. Make it with [NewCache].
type Cache struct {
	source Source
	ttl    time.Duration
	clock  func() time.Time

	mu      sync.Mutex
	kept    map[cacheKey]cached
	flights map[cacheKey]*flight
}

var _ seal.KeySource = (*Cache)(nil)

type cacheKey struct {
	name       string
	version    uint64
	commitment [32]byte
	wrapped    [32]byte // SHA-256 of the blob
}

type cached struct {
	h     *keyset.Handle
	until time.Time
}

// flight is one call under way and those who wait for it.
type flight struct {
	done    chan struct{}
	cancel  context.CancelFunc
	waiting int
	h       *keyset.Handle
	err     error
}

// NewCache keeps what s unwraps for ttl, 1 s to [MaxCacheTTL]. Errors: [ErrParameters].
func NewCache(s Source, ttl time.Duration) (*Cache, error) {
	if s.KEK == nil || ttl < time.Second || ttl > MaxCacheTTL {
		return nil, fmt.Errorf("%w: a cache needs a key and keeps for 1s to %v", ErrParameters, MaxCacheTTL)
	}
	return &Cache{source: s, ttl: ttl, clock: time.Now, kept: map[cacheKey]cached{}, flights: map[cacheKey]*flight{}}, nil
}

// Keyset implements [seal.KeySource]. A call that many wait for goes on while one of them does. Errors: [ErrNoWrap], that of
// ctx, and those of [KEK.Unwrap].
func (c *Cache) Keyset(ctx context.Context, info seal.Info, wraps []seal.Wrapped) (*keyset.Handle, error) {
	w, err := c.source.find(wraps)
	if err != nil {
		return nil, err
	}
	key := cacheKey{info.Name, info.Version, info.Commitment, sha256.Sum256(w.Blob)}
	c.mu.Lock()
	if k, ok := c.kept[key]; ok {
		if c.clock().Before(k.until) {
			c.mu.Unlock()
			return k.h, nil
		}
		delete(c.kept, key)
	}
	f, ok := c.flights[key]
	if !ok {
		f = c.start(ctx, key, info, w)
	}
	f.waiting++
	c.mu.Unlock()

	select {
	case <-f.done:
		return f.h, f.err
	case <-ctx.Done():
		c.leave(key, f)
		return nil, fmt.Errorf("kek: %w", ctx.Err())
	}
}

// start begins a call that outlives the one who asked first. c.mu is held.
func (c *Cache) start(ctx context.Context, key cacheKey, info seal.Info, w seal.Wrapped) *flight {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &flight{done: make(chan struct{}), cancel: cancel, err: errGone}
	c.flights[key] = f
	go func() {
		defer cancel()
		defer c.land(key, f)
		f.h, f.err = c.source.unwrap(ctx, w, info)
	}()
	return f
}

// errGone is what those who wait are told where the AEAD of a KMS ends its goroutine.
var errGone = errors.New("kek: the key encryption key gave no answer")

// land ends a call, and keeps what it brought.
func (c *Cache) land(key cacheKey, f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flights[key] == f {
		delete(c.flights, key)
		if f.err == nil {
			c.keep(key, f.h)
		}
	}
	close(f.done)
}

// keep is called with c.mu held.
func (c *Cache) keep(key cacheKey, h *keyset.Handle) {
	now := c.clock()
	if len(c.kept) >= maxCached {
		for k, v := range c.kept {
			if !now.Before(v.until) {
				delete(c.kept, k)
			}
		}
	}
	if len(c.kept) < maxCached {
		c.kept[key] = cached{h, now.Add(c.ttl)}
	}
}

// leave ends a call that nobody waits for any more.
func (c *Cache) leave(key cacheKey, f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.waiting--; f.waiting > 0 {
		return
	}
	f.cancel()
	if c.flights[key] == f {
		delete(c.flights, key) // who comes now starts a call of their own
	}
}

// Forget drops every keyset. Calls under way end as they would and are not kept.
func (c *Cache) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.kept)
	clear(c.flights)
}
