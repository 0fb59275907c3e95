package limit_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-ai/holdfast/guard/limit"
)

// A thousand tokens a minute for each key: what a request may use at most is taken before it runs, and what it did not use is given back.
func ExampleLimiter() {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	store := limit.NewMemory(func() time.Time { return now })
	rules := []limit.Rule{{Per: []limit.Scope{limit.PerKey}, Unit: limit.Tokens, Amount: 1000, WindowSeconds: 60}}
	l, err := limit.NewLimiter(rules, store)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, alice := context.Background(), limit.Subject{Key: "alice"}
	first, err := l.Reserve(ctx, alice, limit.Use{Tokens: 800})
	fmt.Println("first:", err)
	_, err = l.Reserve(ctx, alice, limit.Use{Tokens: 800})
	exhausted, ok := errors.AsType[*limit.ExhaustedError](err)
	fmt.Println("second at the same time:", ok, exhausted.Unit, exhausted.RetryAfter)
	fmt.Println("first ends:", first.Settle(ctx, limit.Use{Tokens: 100}))
	_, err = l.Reserve(ctx, alice, limit.Use{Tokens: 800})
	fmt.Println("second:", err)
	// Output:
	// first: <nil>
	// second at the same time: true tokens 1m0s
	// first ends: <nil>
	// second: <nil>
}
