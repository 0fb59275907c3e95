package limit_test

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/holdfast-ai/holdfast/guard/limit"
)

func limiter(t *testing.T, rules ...limit.Rule) *limit.Limiter {
	t.Helper()
	l, err := limit.NewLimiter(rules, limit.NewMemory(nil))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func exhausted(t *testing.T, err error) *limit.ExhaustedError {
	t.Helper()
	x, ok := errors.AsType[*limit.ExhaustedError](err)
	if !ok || !errors.Is(err, limit.ErrExhausted) {
		t.Fatalf("%v", err)
	}
	return x
}

var (
	ctx   = context.Background()
	alice = limit.Subject{Key: "alice", Tenant: "red", Route: "/chat"}
	bob   = limit.Subject{Key: "bob", Tenant: "red", Route: "/chat"}
	carol = limit.Subject{Key: "carol", Tenant: "blue", Route: "/embed"}
)

func TestEveryRuleMustAgree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limiter(t,
			limit.Rule{Per: []limit.Scope{limit.PerKey}, Unit: limit.Requests, Amount: 2, WindowSeconds: 60},
			limit.Rule{Per: []limit.Scope{limit.PerTenant}, Unit: limit.Tokens, Amount: 100, WindowSeconds: 3600},
			limit.Rule{Per: []limit.Scope{limit.PerTenant, limit.PerRoute}, Unit: limit.Cost, Amount: 1000, WindowSeconds: 3600},
		)
		take := func(s limit.Subject, tokens, cost int64) error {
			_, err := l.Reserve(ctx, s, limit.Use{Tokens: tokens, Cost: cost})
			return err
		}
		if err := errors.Join(take(alice, 40, 1), take(alice, 40, 1)); err != nil {
			t.Fatal(err)
		}
		if x := exhausted(t, take(alice, 1, 1)); x.Unit != limit.Requests || x.RetryAfter != time.Minute {
			t.Error(x)
		}
		if x := exhausted(t, take(bob, 21, 1)); x.Unit != limit.Tokens || x.RetryAfter != time.Hour {
			t.Error("tenants share their tokens:", x)
		}
		if x := exhausted(t, take(bob, 20, 999)); x.Unit != limit.Cost {
			t.Error(x)
		}
		// What was refused has taken nothing: neither bob's requests nor the tenant's tokens.
		if err := errors.Join(take(bob, 10, 1), take(bob, 10, 1), take(carol, 100, 1000)); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		if x := exhausted(t, take(alice, 1, 1)); x.Unit != limit.Tokens || x.RetryAfter != 59*time.Minute {
			t.Error(x)
		}
	})
}

func TestSettlingGivesBackAndTakes(t *testing.T) {
	rule := limit.Rule{Per: []limit.Scope{limit.PerKey}, Unit: limit.Tokens, Amount: 100, WindowSeconds: 60}
	for name, c := range map[string]struct {
		end  func(*limit.Reservation) error
		left int64
	}{
		"used less":   {func(r *limit.Reservation) error { return r.Settle(ctx, limit.Use{Tokens: 30}) }, 70},
		"used more":   {func(r *limit.Reservation) error { return r.Settle(ctx, limit.Use{Tokens: 95}) }, 5},
		"far more":    {func(r *limit.Reservation) error { return r.Settle(ctx, limit.Use{Tokens: 1000}) }, 0},
		"cancelled":   {func(r *limit.Reservation) error { return r.Cancel(ctx) }, 100},
		"never ended": {func(*limit.Reservation) error { return nil }, 40},
		"twice": {func(r *limit.Reservation) error {
			return errors.Join(r.Settle(ctx, limit.Use{Tokens: 60}), r.Settle(ctx, limit.Use{}), r.Cancel(ctx))
		}, 40},
		"caller gone": {func(r *limit.Reservation) error {
			gone, cancel := context.WithCancel(ctx)
			cancel()
			return r.Settle(gone, limit.Use{Tokens: 10})
		}, 90},
	} {
		l := limiter(t, rule)
		r, err := l.Reserve(ctx, alice, limit.Use{Tokens: 60})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.end(r); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Reserve(ctx, alice, limit.Use{Tokens: c.left + 1}); !errors.Is(err, limit.ErrExhausted) {
			t.Errorf("%s: more than %d are left", name, c.left)
		}
		if _, err := l.Reserve(ctx, alice, limit.Use{Tokens: c.left}); err != nil && c.left > 0 {
			t.Errorf("%s: less than %d are left", name, c.left)
		}
	}
	var none *limit.Reservation
	if err := none.Cancel(ctx); err != nil {
		t.Error(err)
	}
}

// Use below nothing must not give back what others have taken.
func TestNegativeUseGivesBackNoMoreThanWasTaken(t *testing.T) {
	l := limiter(t, limit.Rule{Unit: limit.Tokens, Amount: 100, WindowSeconds: 60})
	if _, err := l.Reserve(ctx, bob, limit.Use{Tokens: 30}); err != nil {
		t.Fatal(err)
	}
	r, err := l.Reserve(ctx, alice, limit.Use{Tokens: 60})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Settle(ctx, limit.Use{Tokens: -50}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Reserve(ctx, alice, limit.Use{Tokens: 71}); !errors.Is(err, limit.ErrExhausted) {
		t.Error("bob's tokens were given back")
	}
}

func TestConcurrencyPerTenant(t *testing.T) {
	l := limiter(t, limit.Rule{Unit: limit.Concurrent, Amount: 3}, limit.Rule{Per: []limit.Scope{limit.PerTenant}, Unit: limit.Concurrent, Amount: 2})
	a, err := l.Reserve(ctx, alice, limit.Use{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Reserve(ctx, bob, limit.Use{}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Reserve(ctx, alice, limit.Use{}); exhausted(t, err).Unit != limit.Concurrent {
		t.Error(err)
	}
	if _, err := l.Reserve(ctx, carol, limit.Use{}); err != nil { // what was refused does not count against the total
		t.Error(err)
	}
	if err := a.Settle(ctx, limit.Use{}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Reserve(ctx, bob, limit.Use{}); err != nil {
		t.Error(err)
	}
}

// Other amounts do not forget what was counted.
func TestRulesChangeWhileRequestsRun(t *testing.T) {
	rules := []limit.Rule{{Unit: limit.Concurrent, Amount: 2}, {Per: []limit.Scope{limit.PerKey}, Unit: limit.Tokens, Amount: 100, WindowSeconds: 60}}
	l := limiter(t, rules...)
	r, err := l.Reserve(ctx, alice, limit.Use{Tokens: 60})
	if err != nil {
		t.Fatal(err)
	}
	rules[0].Amount, rules[1].Amount = 1, 80
	next, err := l.With(rules)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := next.Reserve(ctx, alice, limit.Use{Tokens: 1}); exhausted(t, err).Unit != limit.Concurrent {
		t.Error(err)
	}
	if err := r.Settle(ctx, limit.Use{Tokens: 50}); err != nil {
		t.Fatal(err)
	}
	if _, err := next.Reserve(ctx, alice, limit.Use{Tokens: 31}); exhausted(t, err).Unit != limit.Tokens {
		t.Error(err)
	}
	if _, err := next.Reserve(ctx, alice, limit.Use{Tokens: 30}); err != nil {
		t.Error(err)
	}
}

// No two subjects share a budget by the way their names are put together, and a key without a tenant is in none.
func TestSubjectsDoNotCollide(t *testing.T) {
	l := limiter(t, limit.Rule{Per: []limit.Scope{limit.PerKey, limit.PerRoute}, Unit: limit.Requests, Amount: 1, WindowSeconds: 60},
		limit.Rule{Per: []limit.Scope{limit.PerTenant}, Unit: limit.Requests, Amount: 1, WindowSeconds: 60})
	for _, s := range []limit.Subject{
		{Key: "a", Route: "b 1:c"}, {Key: "a 5:b", Route: "c"}, {Key: "", Route: "a"}, {Key: "x", Tenant: "a", Route: "y"},
		{"a :b", "t1", "c"}, {"a", "t2", "b :c"}, {"k:1", "t3", "r"}, {"k", "t4", "1:r"}, {"ab", "t5", "cd"}, {"abcd", "t6", ""}, {"a :b", "t7", "c :d"}, {"a", "t8", "b :c :d"},
		{"a 0:b", "t9", "c"}, {"a", "t10", "b 0:c"},
	} {
		if _, err := l.Reserve(ctx, s, limit.Use{}); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestRulesAreChecked(t *testing.T) {
	good := limit.Rule{Per: []limit.Scope{limit.PerKey}, Unit: limit.Tokens, Amount: 1, WindowSeconds: 1}
	if _, err := limit.NewLimiter([]limit.Rule{good}, nil); !errors.Is(err, limit.ErrRule) {
		t.Error(err)
	}
	twice := good
	twice.Amount++
	if _, err := limit.NewLimiter([]limit.Rule{good, twice}, limit.NewMemory(nil)); !errors.Is(err, limit.ErrRule) {
		t.Error(err)
	}
	for name, change := range map[string]func(*limit.Rule){
		"zero":              func(r *limit.Rule) { *r = limit.Rule{} },
		"amount":            func(r *limit.Rule) { r.Amount = 0 },
		"unit":              func(r *limit.Rule) { r.Unit = "bytes" },
		"no window":         func(r *limit.Rule) { r.WindowSeconds = 0 },
		"concurrent window": func(r *limit.Rule) { r.Unit = limit.Concurrent },
		"scope":             func(r *limit.Rule) { r.Per = []limit.Scope{"model"} },
		"scope twice":       func(r *limit.Rule) { r.Per = []limit.Scope{limit.PerKey, limit.PerKey} },
	} {
		r := good
		change(&r)
		if _, err := limit.NewLimiter([]limit.Rule{r}, limit.NewMemory(nil)); !errors.Is(err, limit.ErrRule) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// failing is a store that fails after some calls.
type failing struct {
	limit.Store
	left atomic.Int64
}

var errStore = errors.New("store is gone")

func (f *failing) Reserve(ctx context.Context, key string, n int64, b limit.Budget) (time.Time, error) {
	if f.left.Add(-1) < 0 {
		return time.Time{}, errStore
	}
	return f.Store.Reserve(ctx, key, n, b)
}

func TestStoreThatFailsRefuses(t *testing.T) {
	f := &failing{Store: limit.NewMemory(nil)}
	f.left.Store(1)
	l, err := limit.NewLimiter([]limit.Rule{
		{Unit: limit.Tokens, Amount: 10, WindowSeconds: 60}, {Unit: limit.Requests, Amount: 10, WindowSeconds: 60},
		{Unit: limit.Concurrent, Amount: 1},
	}, f)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := l.Reserve(ctx, alice, limit.Use{Tokens: 10}); !errors.Is(err, errStore) || r != nil {
		t.Fatal(r, err)
	}
	f.left.Store(2)
	if _, err := l.Reserve(ctx, alice, limit.Use{Tokens: 10}); err != nil { // the first attempt was undone
		t.Error(err)
	}
}

// However requests interleave, no budget is overdrawn by what was reserved, and all of it comes back.
type forgetful struct{ limit.Store }

var errForgetful = errors.New("not given back")

func (forgetful) Return(context.Context, string, int64, time.Time) error { return errForgetful }

// Whoever ends a request hears of it when the store does not take what is given back.
func TestFaultsOfGivingBack(t *testing.T) {
	l, err := limit.NewLimiter([]limit.Rule{{Unit: limit.Tokens, Amount: 100, WindowSeconds: 60}}, forgetful{limit.NewMemory(nil)})
	if err != nil {
		t.Fatal(err)
	}
	for name, end := range map[string]func(*limit.Reservation) error{
		"settled":   func(r *limit.Reservation) error { return r.Settle(ctx, limit.Use{Tokens: 1}) },
		"cancelled": func(r *limit.Reservation) error { return r.Cancel(ctx) },
	} {
		r, err := l.Reserve(ctx, alice, limit.Use{Tokens: 2})
		if err != nil {
			t.Fatal(err)
		}
		if err := end(r); !errors.Is(err, errForgetful) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNothingIsLostOrMadeInARace(t *testing.T) {
	l := limiter(t, limit.Rule{Unit: limit.Tokens, Amount: 50, WindowSeconds: 60}, limit.Rule{Per: []limit.Scope{limit.PerKey}, Unit: limit.Tokens, Amount: 30, WindowSeconds: 60})
	var out, most atomic.Int64
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			s := limit.Subject{Key: string(rune('a' + i%3))}
			for range 200 {
				r, err := l.Reserve(ctx, s, limit.Use{Tokens: 7})
				if err != nil {
					continue
				}
				for now := out.Add(7); ; {
					if m := most.Load(); now <= m || most.CompareAndSwap(m, now) {
						break
					}
				}
				out.Add(-7)
				if err := r.Cancel(ctx); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if most.Load() > 50 {
		t.Errorf("%d of 50 were reserved at once", most.Load())
	}
	if _, err := l.Reserve(ctx, limit.Subject{Key: "a"}, limit.Use{Tokens: 30}); err != nil {
		t.Error("not all came back:", err)
	}
}

func TestCost(t *testing.T) {
	p := limit.Price{Prompt: 150_000, Completion: 600_000}
	for _, c := range []struct{ in, out, want int64 }{
		{0, 0, 0}, {1, 0, 1}, {1_000_000, 0, 150_000}, {1_000_000, 1_000_000, 750_000}, {-5, -5, 0}, {math.MaxInt64, math.MaxInt64, math.MaxInt64 / 4 * 3},
	} {
		if got := p.Cost(c.in, c.out); got != c.want && (c.want < 1<<60 || got < c.want) {
			t.Errorf("%d and %d tokens: %d, want %d", c.in, c.out, got, c.want)
		}
	}
	huge := limit.Price{Prompt: math.MaxInt64, Completion: math.MaxInt64}
	if got := huge.Cost(math.MaxInt64, math.MaxInt64); got != math.MaxInt64 {
		t.Error(got)
	}
	rapid.Check(t, func(t *rapid.T) { // more never costs less
		p := limit.Price{Prompt: rapid.Int64Min(0).Draw(t, "prompt"), Completion: rapid.Int64Min(0).Draw(t, "completion")}
		a, b := rapid.Int64Range(0, math.MaxInt64-1).Draw(t, "a"), rapid.Int64Min(0).Draw(t, "b")
		if x, y := p.Cost(a, b), p.Cost(a+1, b); y < x || x < 0 {
			t.Fatal(x, y)
		}
	})
}
