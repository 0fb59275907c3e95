package holdfast_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast"
	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// reloadable is a configuration with a platform, and the policy that its guard is to go on with.
func reloadable(t *testing.T) (cfg holdfast.Config, relying attest.Policy, next guard.Policy) {
	t.Helper()
	key := signtest.Key(t)
	cfg = config(key, publish(t, key, contents(7)))
	cfg.Platform, relying = simulated(t)
	next = guard.DefaultPolicy()
	next.Sensitive = []string{"pii.card"}
	return cfg, relying, next
}

// What the guard enforces after a reload is what the evidence claims, in an epoch that follows the one before.
func TestReloadIsClaimed(t *testing.T) {
	cfg, relying, next := reloadable(t)
	c, _ := serve(t, cfg, newAnswer())
	before := attest.Digest(c.ConfigDigest())
	if err := c.Guard().Reload(next); err != nil {
		t.Fatal(err)
	}
	cfg.Guard = next
	after, err := cfg.Digest()
	if err != nil {
		t.Fatal(err)
	}
	relying.InsecureAnyConfig, relying.Configs = false, []attest.Digest{before, after}
	relying.GuardPolicies = []attest.Digest{c.Guard().PolicyDigest()}
	st, err := attest.VerifyChain(t.Context(), c.Epochs().Document(), nil, relying)
	if err != nil {
		t.Fatal(err)
	}
	if st.Claims.Epoch != 1 || st.Claims.Config != after {
		t.Errorf("epoch %d claims the configuration %v, want %v", st.Claims.Epoch, st.Claims.Config, attest.Digest(after))
	}
	relying.Configs = []attest.Digest{before}
	if _, err := attest.VerifyChain(t.Context(), c.Epochs().Document(), nil, relying); !errors.Is(err, attest.ErrPolicy) {
		t.Errorf("who accepts the configuration before alone: %v", err)
	}
	if err := c.Guard().Reload(next); err != nil {
		t.Fatal(err)
	}
	if now, _ := c.Epochs().Current(); now.Epoch != 1 {
		t.Errorf("the same policy again is epoch %d", now.Epoch)
	}
}

// A policy that cannot be claimed is not enforced, on any of the chains.
func TestReloadThatCannotBeClaimed(t *testing.T) {
	cfg, _, next := reloadable(t)
	now := time.Now()
	cfg.Clock = func() time.Time { return now }
	c, _ := serve(t, cfg, newAnswer())
	first := c.Epochs()
	now = now.Add(time.Hour)
	if _, err := c.Handler(t.Context(), newAnswer()); err != nil {
		t.Fatal(err)
	}
	now = now.Add(-30 * time.Minute) // before the second chain begins, which no epoch may
	before := c.Guard().PolicyDigest()
	if err := c.Guard().Reload(next); !errors.Is(err, attest.ErrFormat) {
		t.Errorf("got %v", err)
	}
	if c.Guard().PolicyDigest() != before {
		t.Error("enforced all the same")
	}
	for _, chain := range []*attest.Chain{first, c.Epochs()} {
		if cl, _ := chain.Current(); *cl.GuardPolicy != before {
			t.Errorf("epoch %d claims what is not enforced", cl.Epoch)
		}
	}
}

// A server that runs for days is believed as long as its quotes are renewed, under the same key.
func TestRenew(t *testing.T) {
	cfg, relying, _ := reloadable(t)
	now := time.Now()
	cfg.Clock = func() time.Time { return now }
	relying.Clock = cfg.Clock
	c := open(t, cfg)
	if err := c.Renew(t.Context()); err != nil { // there is nothing to renew
		t.Fatal(err)
	}
	load(t, c)
	if _, err := c.Handler(t.Context(), newAnswer()); err != nil {
		t.Fatal(err)
	}
	first, err := attest.VerifyChain(t.Context(), c.Epochs().Document(), nil, relying)
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(25 * time.Hour)
	if _, err := attest.VerifyChain(t.Context(), c.Epochs().Document(), nil, relying); !errors.Is(err, attest.ErrPolicy) {
		t.Fatal(err)
	}
	if err := c.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	again, err := attest.VerifyChain(t.Context(), c.Epochs().Document(), nil, relying)
	if err != nil || again.Chain != first.Chain || again.KeyHash() != first.KeyHash() {
		t.Errorf("after a renewal: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Renew(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("a device that fails: %v", err)
	}
}

// A chain that begins while the guard reloads claims what is enforced in the end.
func TestReloadsWhileChainsBegin(t *testing.T) {
	cfg, _, next := reloadable(t)
	c, _ := serve(t, cfg, newAnswer())
	chains := []*attest.Chain{c.Epochs()}
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 21 {
			p := next
			if i%2 == 1 {
				p = cfg.Guard
			}
			if err := c.Guard().Reload(p); err != nil {
				t.Error(err)
			}
		}
	})
	for range 20 {
		if _, err := c.Handler(t.Context(), newAnswer()); err != nil {
			t.Error(err)
		}
		chains = append(chains, c.Epochs())
	}
	wg.Wait()
	for i, chain := range chains {
		if cl, _ := chain.Current(); *cl.GuardPolicy != c.Guard().PolicyDigest() {
			t.Errorf("chain %d, epoch %d, claims another policy than that which is enforced", i, cl.Epoch)
		}
	}
}
