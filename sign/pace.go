package sign

import (
	"context"
	"runtime"
	"time"
)

// An effort says how much of the machine a pass may take.
type effort struct {
	workers int // at most; 0: GOMAXPROCS
	duty    int // percent of its time that a worker may work; 0: all of it

	standard bool // no hashing but the standard library's
}

// A pacer keeps one worker from taking more than its share.
type pacer struct {
	rests   float64 // seconds of rest for each second of work
	since   time.Time
	owed    time.Duration
	yielded time.Time
}

// restAtLeast keeps the number of timers down: a chunk takes a fraction of it.
const restAtLeast = 2 * time.Millisecond

// yieldAfter is how long a worker keeps its processor from whoever waits. To yield wakes another thread, which costs as much as
// hashing 20 KB: after each chunk that would be a tenth of reading and verifying.
const yieldAfter = time.Millisecond

func (e effort) pacer() pacer {
	if e.duty <= 0 || e.duty >= 100 {
		return pacer{}
	}
	return pacer{rests: 100/float64(e.duty) - 1, since: time.Now()}
}

// rest is called after each chunk. Whoever waits for the processor may go first, once a millisecond: hashing never blocks by
// itself, and a request that is being served should not wait for the runtime to notice. What waits for the network is another matter: the
// runtime looks there when a processor has nothing to do, or every ten milliseconds.
func (p *pacer) rest(ctx context.Context) {
	now := time.Now()
	if now.Sub(p.yielded) >= yieldAfter {
		runtime.Gosched()
		p.yielded = now
	}
	if p.rests == 0 {
		return
	}
	p.owed += time.Duration(float64(now.Sub(p.since)) * p.rests)
	p.since = now
	if p.owed < restAtLeast {
		return
	}
	timer := time.NewTimer(p.owed)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	p.since = time.Now()
	p.owed -= p.since.Sub(now)
}
