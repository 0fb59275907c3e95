package holdfast

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/guard"
)

// epochs are the chains of claims that the handlers of a [Chain] serve, and what they claim of the guard.
type epochs struct {
	mu     sync.Mutex // also held while a chain begins
	policy [32]byte   // digest of the guard's policy
	chains []*attest.Chain
}

// reloaded has every chain claim the guard's next policy before a request is judged by it, as an epoch of its own. Where one
// cannot, none does, and the guard keeps its policy.
func (c *Chain) reloaded(r guard.Reload) error {
	c.epochs.mu.Lock()
	defer c.epochs.mu.Unlock()
	policy, config := attest.Digest(r.After), attest.Digest(configDigest(c.cfg, r.After))
	for i, chain := range c.epochs.chains {
		cl, _ := chain.Current()
		if cl.Config == config && *cl.GuardPolicy == policy {
			continue
		}
		if err := claim(chain, policy, config); err != nil {
			for _, done := range c.epochs.chains[:i] {
				err = errors.Join(err, claim(done, *cl.GuardPolicy, cl.Config))
			}
			return err
		}
	}
	c.epochs.policy = r.After
	return nil
}

// claim begins the next epoch of a chain, of which only the guard's policy is new.
func claim(chain *attest.Chain, policy, config attest.Digest) error {
	cl, _ := chain.Current()
	cl.GuardPolicy, cl.Config, cl.Time = &policy, config, time.Time{}
	return chain.Next(cl)
}

// Renew has the machine quoted anew for every chain that is served, whose epochs stay as they are. Call it before the quote is older than
// relying parties take, by default [attest.DefaultMaxAge]: they refuse an older one. Without a platform it does nothing.
// Errors: those of the device; the quotes that failed stay.
func (c *Chain) Renew(ctx context.Context) error {
	c.epochs.mu.Lock()
	chains := slices.Clone(c.epochs.chains)
	c.epochs.mu.Unlock()
	var errs []error
	for _, chain := range chains {
		errs = append(errs, chain.Renew(ctx))
	}
	return errors.Join(errs...)
}
