package limit

import (
	"context"
	"errors"
	"testing"
	"time"
)

// What is used beyond a reservation while a request runs is taken as any other, and settled once: off all budgets, in the window in which it was used.
func TestMoreThanReserved(t *testing.T) {
	now := time.Unix(1000, 0)
	store := NewMemory(func() time.Time { return now })
	ctx, s := context.Background(), Subject{Key: "a"}
	rules := []Rule{{Unit: Tokens, Amount: 100, WindowSeconds: 60}, {Unit: Cost, Amount: 1000, WindowSeconds: 60}, {Unit: Requests, Amount: 2, WindowSeconds: 60}}
	l, err := NewLimiter(rules, store)
	if err != nil {
		t.Fatal(err)
	}
	left := func(want int64) {
		t.Helper()
		for n, ok := range map[int64]bool{want: true, want + 1: false} {
			if n <= 0 {
				continue
			}
			one, err := NewLimiter(rules[:1], store)
			if err != nil {
				t.Fatal(err)
			}
			r, err := one.Reserve(ctx, s, Use{Tokens: n})
			if (err == nil) != ok {
				t.Errorf("%d of %d: %v", n, want, err)
			}
			_ = r.Cancel(ctx)
		}
	}
	r, err := l.Reserve(ctx, s, Use{Tokens: 20, Cost: 20})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.More(ctx, Use{Tokens: 30, Cost: 30}); err != nil {
		t.Fatal(err)
	}
	left(50)
	var x *ExhaustedError
	if err := r.More(ctx, Use{Tokens: 51, Cost: 51}); !errors.As(err, &x) || x.Unit != Tokens {
		t.Error("more than there is:", err)
	}
	if err := r.Settle(ctx, Use{Tokens: 60, Cost: 60}); err != nil {
		t.Fatal(err)
	}
	left(40)
	if err := r.More(ctx, Use{Tokens: 10, Cost: 10}); err != nil {
		t.Fatal(err)
	}
	left(40) // it is over
	// A window later.
	if r, err = l.Reserve(ctx, s, Use{Tokens: 40, Cost: 40}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Minute)
	if err := r.More(ctx, Use{Tokens: 70, Cost: 70}); err != nil {
		t.Fatal(err)
	}
	if err := r.Settle(ctx, Use{Tokens: 110, Cost: 110}); err != nil {
		t.Fatal(err)
	}
	left(30)
}
