// Package limit keeps the budgets of the guard: requests, tokens and cost per key, tenant and route in every window, and
// requests at work.
//
// Tokens and cost are reserved before a request runs, for the prompt and for the most that it may generate, and what was not used
// is returned when it ends. So budgets cannot be outrun by starting many requests at once.
package limit

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"
)

// ErrExhausted means that the budget is spent; every [*ExhaustedError] unwraps to it.
var ErrExhausted = errors.New("limit: exhausted")

// An ExhaustedError tells when to come again.
type ExhaustedError struct {
	RetryAfter time.Duration // 0 where more time does not help, or where nobody can tell
	Unit       Unit          // that is spent, where a [Limiter] says so
	Full       bool          // nothing is spent: the store has no room for another key
}

// Error says what is spent, and when to come again.
func (e *ExhaustedError) Error() string {
	if e.Full {
		return fmt.Sprintf("limit: no room for another key (retry after %v)", e.RetryAfter)
	}
	if e.Unit != "" {
		return fmt.Sprintf("limit: exhausted: %s (retry after %v)", e.Unit, e.RetryAfter)
	}
	return fmt.Sprintf("limit: exhausted (retry after %v)", e.RetryAfter)
}

// Unwrap returns [ErrExhausted].
func (e *ExhaustedError) Unwrap() error { return ErrExhausted }

// A Budget allows Tokens tokens, or units of another kind, in every Window.
type Budget struct {
	Tokens int64
	Window time.Duration
}

// A Store keeps what each key has spent. It must be safe for concurrent use. An error other than [ErrExhausted] is a
// fault: the guard refuses the request.
type Store interface {
	// Reserve takes n tokens off the budget of key, and returns when the window that they were taken from ends.
	Reserve(ctx context.Context, key string, n int64, b Budget) (until time.Time, err error)
	// Return gives n tokens of the window that ends at until back; a negative n takes what was used beyond the
	// reservation, whatever the budget. Once that window is over it does nothing.
	Return(ctx context.Context, key string, n int64, until time.Time) error
}

// maxKeys bounds the memory of a store: callers choose keys. It is about 100 MB.
const maxKeys = 1 << 20

// Memory is a [Store] in the memory of one process, with a fixed window per key. When it knows 1,048,576 keys whose
// windows are open it refuses new ones.
type Memory struct {
	now  func() time.Time
	most int

	mu    sync.Mutex
	keys  map[string]*window
	swept time.Time
}

type window struct {
	end   time.Time
	spent int64
}

var _ Store = (*Memory)(nil)

// NewMemory returns an empty store. The clock is [time.Now] if now is nil.
func NewMemory(now func() time.Time) *Memory {
	if now == nil {
		now = time.Now
	}
	return &Memory{now: now, most: maxKeys, keys: make(map[string]*window)}
}

// Reserve implements [Store]. A window begins with the first reservation. A clock that is set back does not open a
// window anew.
func (m *Memory) Reserve(_ context.Context, key string, n int64, b Budget) (time.Time, error) {
	if n < 0 || n > b.Tokens || b.Window <= 0 {
		return time.Time{}, &ExhaustedError{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	w := m.keys[key]
	if w == nil {
		if len(m.keys) >= m.most {
			m.sweep(now)
		}
		if len(m.keys) >= m.most {
			return time.Time{}, &ExhaustedError{RetryAfter: b.Window, Full: true}
		}
		w = &window{}
		m.keys[key] = w
	}
	if !now.Before(w.end) {
		*w = window{end: now.Add(b.Window)}
	}
	if w.spent > b.Tokens-n {
		return time.Time{}, &ExhaustedError{RetryAfter: w.end.Sub(now)}
	}
	w.spent += n
	return w.end, nil
}

// sweepEvery keeps a store that is full from being searched for every new key.
const sweepEvery = time.Second

// sweep forgets the keys whose windows are over.
func (m *Memory) sweep(now time.Time) {
	if d := now.Sub(m.swept); d >= 0 && d < sweepEvery {
		return
	}
	m.swept = now
	for k, w := range m.keys {
		if !now.Before(w.end) {
			delete(m.keys, k)
		}
	}
}

// Return implements [Store].
func (m *Memory) Return(_ context.Context, key string, n int64, until time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.keys[key]
	switch {
	case w == nil || !w.end.Equal(until):
	case n < 0 && w.spent > math.MaxInt64+n:
		w.spent = math.MaxInt64
	default:
		w.spent = max(w.spent-n, 0)
	}
	return nil
}
