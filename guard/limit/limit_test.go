package limit

import (
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var budget = Budget{Tokens: 100, Window: time.Minute}

func TestWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(nil)
		reserve := func(key string, n int64) (time.Time, bool) {
			until, err := m.Reserve(t.Context(), key, n, budget)
			if err != nil && !errors.Is(err, ErrExhausted) {
				t.Fatal(err)
			}
			return until, err == nil
		}
		first, ok := reserve("a", 60)
		if !ok {
			t.Fatal("the first reservation")
		}
		if _, ok := reserve("a", 41); ok {
			t.Fatal("more than the budget")
		}
		if _, ok := reserve("b", 100); !ok {
			t.Fatal("keys share a budget")
		}
		if _, ok := reserve("a", 40); !ok {
			t.Fatal("exactly the budget")
		}
		if err := m.Return(t.Context(), "a", 30, first); err != nil {
			t.Fatal(err)
		}
		if _, ok := reserve("a", 31); ok {
			t.Fatal("more than was returned")
		}
		time.Sleep(59 * time.Second)
		_, err := m.Reserve(t.Context(), "a", 31, budget)
		if x, ok := errors.AsType[*ExhaustedError](err); !ok || x.RetryAfter != time.Second {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if _, ok := reserve("a", 100); !ok {
			t.Fatal("a new window")
		}
		if err := m.Return(t.Context(), "a", 60, first); err != nil { // of the window before
			t.Fatal(err)
		}
		if _, ok := reserve("a", 1); ok {
			t.Fatal("an old reservation paid for a new window")
		}
	})
}

func TestImpossibleReservations(t *testing.T) {
	m := NewMemory(nil)
	for _, n := range []int64{-1, 101, math.MaxInt64, math.MinInt64} {
		if _, err := m.Reserve(t.Context(), "a", n, budget); !errors.Is(err, ErrExhausted) {
			t.Error(n, err)
		}
	}
	for name, b := range map[string]Budget{"zero": {}, "of no time": {Tokens: 1}, "of less": {Tokens: 1, Window: -1}, "of no tokens": {Window: time.Minute}} {
		if _, err := m.Reserve(t.Context(), "a", 1, b); !errors.Is(err, ErrExhausted) {
			t.Errorf("a budget %s: %v", name, err)
		}
	}
	if len(m.keys) != 0 {
		t.Errorf("%d keys are kept for what is never granted", len(m.keys))
	}
	if _, err := m.Reserve(t.Context(), "a", 0, budget); err != nil {
		t.Errorf("nothing: %v", err)
	}
}

// A clock that is set back opens no window anew.
func TestClockSteps(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	m := NewMemory(func() time.Time { return now })
	if _, err := m.Reserve(t.Context(), "a", 100, budget); err != nil {
		t.Fatal(err)
	}
	now = now.Add(-time.Hour)
	if _, err := m.Reserve(t.Context(), "a", 1, budget); !errors.Is(err, ErrExhausted) {
		t.Fatal(err)
	}
}

// Keys are bounded; those whose window is over make room.
func TestKeysAreBounded(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	m := NewMemory(func() time.Time { return now })
	m.most = 2
	for key, ok := range map[string]bool{"a": true, "b": true} {
		if _, err := m.Reserve(t.Context(), key, 1, budget); (err == nil) != ok {
			t.Fatal(key, err)
		}
	}
	_, err := m.Reserve(t.Context(), "c", 1, budget)
	if x, ok := errors.AsType[*ExhaustedError](err); !ok || !x.Full || !errors.Is(err, ErrExhausted) || !strings.Contains(err.Error(), "no room") {
		t.Fatal(err)
	}
	_, err = m.Reserve(t.Context(), "a", 100, budget)
	if x, ok := errors.AsType[*ExhaustedError](err); !ok || x.Full {
		t.Error("a budget that is spent:", err)
	}
	l, err := NewLimiter([]Rule{{Per: []Scope{PerKey}, Unit: Tokens, Amount: 5, WindowSeconds: 60}}, m)
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.Reserve(t.Context(), Subject{Key: "d"}, Use{Tokens: 1})
	if x, ok := errors.AsType[*ExhaustedError](err); !ok || !x.Full {
		t.Error("a limiter on a full store:", err)
	}
	now = now.Add(time.Hour)
	if _, err := m.Reserve(t.Context(), "c", 1, budget); err != nil || len(m.keys) != 1 {
		t.Fatal(err, len(m.keys))
	}
}

// Whoever asks at once, no more is granted than there is.
func TestConcurrentReservations(t *testing.T) {
	m := NewMemory(nil)
	var wg sync.WaitGroup
	granted := make(chan struct{}, 1000)
	for range 200 {
		wg.Go(func() {
			if _, err := m.Reserve(t.Context(), "a", 7, budget); err == nil {
				granted <- struct{}{}
			}
		})
	}
	wg.Wait()
	if len(granted) != 14 {
		t.Fatal(len(granted))
	}
}

func TestGate(t *testing.T) {
	g := NewGate(3, 2)
	if !g.Enter("a") || !g.Enter("a") || g.Enter("a") {
		t.Fatal("per key")
	}
	if !g.Enter("b") || g.Enter("c") {
		t.Fatal("in all")
	}
	g.Leave("a")
	if !g.Enter("c") {
		t.Fatal("no room after a request left")
	}
	g.Leave("a")
	g.Leave("b")
	g.Leave("c")
	if len(g.keys) != 0 || g.busy != 0 {
		t.Fatal("keys are kept")
	}
	// Who leaves frees one place, of several.
	g = NewGate(10, 2)
	if !g.Enter("a") || !g.Enter("a") || g.Enter("a") {
		t.Fatal("not two for each key")
	}
	g.Leave("a")
	if !g.Enter("a") || g.Enter("a") {
		t.Fatal("one who leaves frees more than a place")
	}
	if NewGate(0, 0).Enter("a") {
		t.Fatal("the empty gate lets in")
	}
}

// What was used beyond a reservation is taken, whatever the budget, and no amount wraps around.
func TestReturnOfLessThanNothing(t *testing.T) {
	m := NewMemory(nil)
	until, err := m.Reserve(t.Context(), "a", 10, budget)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int64{-90, math.MinInt64, -1} {
		if err := m.Return(t.Context(), "a", n, until); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Reserve(t.Context(), "a", 1, budget); !errors.Is(err, ErrExhausted) {
			t.Fatal(n, err)
		}
	}
}
