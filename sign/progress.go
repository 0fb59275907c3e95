package sign

import (
	"sync"
	"sync/atomic"
	"time"
)

// Progress tells how far a pass over a model's files is.
type Progress struct {
	Done, Total int64 // bytes; Total is a hint where files change meanwhile
}

// progressEvery is the least time between two calls of a progress function.
const progressEvery = 100 * time.Millisecond

// A tally adds up bytes from several workers and reports them, one call at a time.
type tally struct {
	total  int64
	done   atomic.Int64
	report func(Progress) // or nil

	mu   sync.Mutex
	last time.Time
}

func (t *tally) add(n int) {
	t.done.Add(int64(n))
	if t.report == nil || !t.mu.TryLock() {
		return
	}
	defer t.mu.Unlock()
	if now := time.Now(); now.Sub(t.last) >= progressEvery {
		t.last = now
		done := t.done.Load() // not before the lock: another worker may have reported more meanwhile
		t.report(Progress{Done: done, Total: max(done, t.total)})
	}
}

func (t *tally) finish() {
	if t.report == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	done := t.done.Load()
	t.report(Progress{Done: done, Total: max(done, t.total)})
}
