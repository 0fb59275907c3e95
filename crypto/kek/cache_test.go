package kek

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// slowKMS takes a second for each call and counts them.
type slowKMS struct {
	tink.AEAD
	calls, ended atomic.Int32
	fail         atomic.Bool
	exit         bool
}

func (k *slowKMS) EncryptWithContext(_ context.Context, pt, ad []byte) ([]byte, error) {
	return k.Encrypt(pt, ad)
}

func (k *slowKMS) DecryptWithContext(ctx context.Context, ct, ad []byte) ([]byte, error) {
	k.calls.Add(1)
	defer k.ended.Add(1)
	if k.exit {
		runtime.Goexit()
	}
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if k.fail.Load() {
		return nil, errKMS
	}
	return k.Decrypt(ct, ad)
}

type cacheWorld struct {
	kms   *slowKMS
	cache *Cache
	h     *keyset.Handle
	info  seal.Info
	wraps []seal.Wrapped
}

func newCacheWorld(t *testing.T) *cacheWorld {
	w := &cacheWorld{kms: &slowKMS{AEAD: tinkAEAD(t)}}
	k := must(FromAEAD("kms", w.kms))(t)
	w.cache = must(NewCache(Source{KEK: k}, time.Minute))(t)
	w.h = must(NewKeyset())(t)
	w.info = infoOf(t, w.h)
	w.wraps = []seal.Wrapped{{ID: "other"}, must(k.Wrap(t.Context(), w.h, w.info))(t)}
	return w
}

// Forty shards that open one model at once are one call to the KMS, and so is what follows within the time to live.
func TestCacheOneCallPerModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCacheWorld(t)
		open := func() {
			h, err := w.cache.Keyset(t.Context(), w.info, w.wraps)
			if err != nil || must(seal.Commitment(h))(t) != w.info.Commitment {
				t.Error(err)
			}
		}
		for range 40 {
			go open()
		}
		synctest.Wait()
		time.Sleep(time.Second)
		open()
		time.Sleep(59 * time.Second)
		open()
		if n := w.kms.calls.Load(); n != 1 {
			t.Errorf("%d calls", n)
		}
		time.Sleep(time.Second)
		open()
		if n := w.kms.calls.Load(); n != 2 {
			t.Errorf("%d calls after the time to live", n)
		}
		w.cache.Forget()
		open()
		if n := w.kms.calls.Load(); n != 3 {
			t.Errorf("%d calls after Forget", n)
		}
	})
}

// What is answered from memory is the same directory under the same wrapping. A wrapping that was taken away, altered or
// bound to another model is asked for again, and refused.
func TestCacheKnowsOneThing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCacheWorld(t)
		must(w.cache.Keyset(t.Context(), w.info, w.wraps))(t)
		if _, err := w.cache.Keyset(t.Context(), w.info, w.wraps[:1]); !errors.Is(err, ErrNoWrap) {
			t.Errorf("wrapping removed: %v", err)
		}
		altered := []seal.Wrapped{{ID: "kms", Blob: append([]byte(" "), w.wraps[1].Blob...)}}
		if _, err := w.cache.Keyset(t.Context(), w.info, altered); err != nil || w.kms.calls.Load() != 2 {
			t.Errorf("other bytes: %v, %d calls", err, w.kms.calls.Load())
		}
		for name, change := range map[string]func(*seal.Info){
			"name":       func(i *seal.Info) { i.Name = "tinz" },
			"version":    func(i *seal.Info) { i.Version++ },
			"commitment": func(i *seal.Info) { i.Commitment[0]++ },
		} {
			info := w.info
			change(&info)
			if _, err := w.cache.Keyset(t.Context(), info, w.wraps); !errors.Is(err, ErrUnwrap) {
				t.Errorf("other %s: %v", name, err)
			}
		}
	})
}

// A failure is shared by those who wait for it and by nobody else.
func TestCacheKeepsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCacheWorld(t)
		w.kms.fail.Store(true)
		for range 3 {
			go func() {
				if _, err := w.cache.Keyset(t.Context(), w.info, w.wraps); !errors.Is(err, errKMS) || !errors.Is(err, ErrUnwrap) {
					t.Errorf("got %v", err)
				}
			}()
		}
		synctest.Wait()
		time.Sleep(time.Second)
		synctest.Wait()
		w.kms.fail.Store(false)
		must(w.cache.Keyset(t.Context(), w.info, w.wraps))(t)
		if n := w.kms.calls.Load(); n != 2 {
			t.Errorf("%d calls", n)
		}
	})
}

// Who gives up does not take the call away from the others; where all give up it is cancelled, and the next one starts anew.
func TestCacheCancellation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCacheWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			if _, err := w.cache.Keyset(ctx, w.info, w.wraps); !errors.Is(err, context.Canceled) {
				t.Errorf("first: %v", err)
			}
		}()
		synctest.Wait()
		go func() {
			if _, err := w.cache.Keyset(t.Context(), w.info, w.wraps); err != nil {
				t.Errorf("second: %v", err)
			}
		}()
		synctest.Wait()
		cancel()
		time.Sleep(time.Second)
		synctest.Wait()
		if n := w.kms.calls.Load(); n != 1 {
			t.Errorf("%d calls", n)
		}
		w.cache.Forget()
		ctx, cancel = context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := w.cache.Keyset(ctx, w.info, w.wraps); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("alone: %v", err)
		}
		synctest.Wait()
		if w.kms.ended.Load() != 2 {
			t.Error("a call that nobody waits for goes on")
		}
		must(w.cache.Keyset(t.Context(), w.info, w.wraps))(t)
	})
}

func TestCacheGoneKMS(t *testing.T) {
	w := newCacheWorld(t)
	w.kms.exit = true
	if _, err := w.cache.Keyset(t.Context(), w.info, w.wraps); !errors.Is(err, errGone) {
		t.Errorf("got %v", err)
	}
}

func TestCacheBounds(t *testing.T) {
	k := must(FromAEAD("kms", tinkAEAD(t)))(t)
	for name, err := range map[string]error{
		"no key":   second(NewCache(Source{}, time.Minute)),
		"no time":  second(NewCache(Source{KEK: k}, 0)),
		"too long": second(NewCache(Source{KEK: k}, MaxCacheTTL+1)),
	} {
		if !errors.Is(err, ErrParameters) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := must(NewCache(Source{KEK: k}, time.Minute))(t)
	now := time.Unix(0, 0)
	c.clock = func() time.Time { return now }
	for i := range uint64(2 * maxCached) {
		c.keep(cacheKey{version: i}, nil)
	}
	if len(c.kept) != maxCached {
		t.Errorf("%d kept", len(c.kept))
	}
	now = now.Add(time.Minute)
	c.keep(cacheKey{version: 1 << 40}, nil)
	if len(c.kept) != 1 {
		t.Errorf("%d kept after the time to live", len(c.kept))
	}
}

func second[T any](_ T, err error) error { return err }
