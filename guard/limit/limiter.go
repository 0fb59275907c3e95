package limit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrRule means that a rule cannot be used.
var ErrRule = errors.New("limit: unusable rule")

// A Limiter holds requests against rules, all of which must agree. It is safe for concurrent use.
type Limiter struct {
	rules []Rule
	store Store
	busy  *busy
}

// busy counts the requests at work, under the rules on concurrency.
type busy struct {
	mu sync.Mutex
	n  map[string]int64
}

// NewLimiter returns a limiter whose budgets are kept in store. Without rules it lets everything through.
// Errors: [ErrRule].
func NewLimiter(rules []Rule, store Store) (*Limiter, error) {
	if store == nil {
		return nil, fmt.Errorf("%w: no store", ErrRule)
	}
	l := &Limiter{store: store, busy: &busy{n: make(map[string]int64)}}
	return l.With(rules)
}

// With returns a limiter with other rules that goes on with what was counted so far: budgets whose rules differ in nothing
// but the amount are the same. Errors: [ErrRule].
func (l *Limiter) With(rules []Rule) (*Limiter, error) {
	names := make(map[string]bool)
	for i, r := range rules {
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("rule %d: %w", i, err)
		}
		if names[r.name()] {
			return nil, fmt.Errorf("rule %d: %w: counts what another counts", i, ErrRule)
		}
		names[r.name()] = true
	}
	return &Limiter{rules: append([]Rule(nil), rules...), store: l.store, busy: l.busy}, nil
}

// A Reservation is what one request has taken. It must be ended with Settle or Cancel; only the first call counts.
type Reservation struct {
	l       *Limiter
	subject Subject
	taken   []charge
	inside  []string
	done    bool
}

type charge struct {
	rule  int
	key   string
	n     int64
	more  int64 // taken while the request ran
	until time.Time
}

// Reserve takes what a request may use at most off every budget, or nothing at all.
// Errors: an [*ExhaustedError] of the first rule that refuses, with the longest wait that is known; faults of the store.
func (l *Limiter) Reserve(ctx context.Context, s Subject, most Use) (_ *Reservation, err error) {
	r := &Reservation{l: l, subject: s}
	if err := l.enter(r, s); err != nil {
		return nil, err
	}
	got := false
	defer func() {
		if !got { // where a store panics too
			err = errors.Join(err, r.Cancel(ctx))
		}
	}()
	for i, rule := range l.rules {
		if rule.Unit == Concurrent {
			continue
		}
		key, n := rule.key(s), most.of(rule.Unit)
		until, err := l.store.Reserve(ctx, key, n, rule.budget())
		if err != nil {
			return nil, rule.refused(err)
		}
		r.taken = append(r.taken, charge{rule: i, key: key, n: n, until: until})
	}
	got = true
	return r, nil
}

// enter counts the request in under the rules on concurrency.
func (l *Limiter) enter(r *Reservation, s Subject) error {
	b := l.busy
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, rule := range l.rules {
		if rule.Unit != Concurrent {
			continue
		}
		key := rule.key(s)
		if b.n[key] >= rule.Amount {
			b.leave(r.inside)
			return &ExhaustedError{RetryAfter: time.Second, Unit: Concurrent}
		}
		b.n[key]++
		r.inside = append(r.inside, key)
	}
	return nil
}

// leave counts a request out; the lock is held.
func (b *busy) leave(keys []string) {
	for _, k := range keys {
		if b.n[k]--; b.n[k] == 0 {
			delete(b.n, k)
		}
	}
}

// More takes tokens and cost that a request has used beyond its reservation while it runs. Settle counts them. What was taken off some budgets when
// another refuses stays taken: it was used. Errors are those of [Limiter.Reserve].
func (r *Reservation) More(ctx context.Context, used Use) error {
	for i := range r.taken {
		c := &r.taken[i]
		rule := r.l.rules[c.rule]
		n := used.of(rule.Unit)
		if r.done || n <= 0 || rule.Unit == Requests {
			continue
		}
		if _, err := r.l.store.Reserve(ctx, c.key, n, rule.budget()); err != nil {
			return rule.refused(err)
		}
		c.more += n
	}
	return nil
}

// refused says what is spent, where a store has refused.
func (r Rule) refused(err error) error {
	if x, ok := errors.AsType[*ExhaustedError](err); ok {
		return &ExhaustedError{RetryAfter: x.RetryAfter, Unit: r.Unit, Full: x.Full}
	}
	return err
}

// Settle ends a request that ran: what it did not use is given back, and what it used beyond its reservation is taken,
// whatever the budgets. Errors: faults of the store; the other budgets are settled all the same.
func (r *Reservation) Settle(ctx context.Context, used Use) error {
	return r.end(ctx, func(c charge) int64 { return c.n + c.more - used.of(r.l.rules[c.rule].Unit) })
}

// Cancel ends a request that never ran: everything is given back. Errors: faults of the store.
func (r *Reservation) Cancel(ctx context.Context) error {
	return r.end(ctx, func(c charge) int64 { return c.n })
}

// end returns to every budget what back says. The caller may be gone already, and its budgets are not.
func (r *Reservation) end(ctx context.Context, back func(charge) int64) error {
	if r == nil || r.done {
		return nil
	}
	r.done = true
	var failed error
	if len(r.taken) > 0 {
		ctx = context.WithoutCancel(ctx)
	}
	for _, c := range r.taken {
		if n := min(back(c), c.n); n != 0 { // use below nothing gives back no more
			failed = errors.Join(failed, r.l.store.Return(ctx, c.key, n, c.until))
		}
	}
	r.l.busy.mu.Lock()
	defer r.l.busy.mu.Unlock()
	r.l.busy.leave(r.inside)
	return failed
}
