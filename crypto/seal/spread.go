package seal

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"
)

// spread runs numbered pieces of work on several goroutines, in order of their start, and reports in one place after
// another how far the finished prefix reaches. A piece is not started while it is more than a window ahead of what was
// reported, so a slow reader of the prefix finds it in the cache.
type spread struct {
	total    int64
	options                           // workers, at most total
	passedTo func(prefix int64) error // called serially; may be nil

	mu        sync.Mutex
	cond      *sync.Cond
	next      int64  // first piece that nobody has started
	prefix    int64  // pieces done without a gap
	passed    int64  // pieces reported
	done      []bool // ring: done[i%len] for prefix <= i < passed+len
	reporting bool
	err       error
	panicked  any // of piece or passedTo
}

func newSpread(total int64, o options) *spread {
	o.workers = int(min(int64(o.workers), total))
	s := &spread{total: total, options: o}
	s.cond = sync.NewCond(&s.mu)
	s.done = make([]bool, ringSize(s.workers))
	return s
}

// run does all pieces and returns the first error, after every goroutine has ended. So does a panic reach its caller.
func (s *spread) run(ctx context.Context, piece func(i int64) error) error {
	var wg sync.WaitGroup
	for range s.workers - 1 {
		wg.Go(func() { s.work(ctx, piece) })
	}
	s.work(ctx, piece)
	wg.Wait()
	if s.panicked != nil {
		panic(s.panicked)
	}
	return s.err
}

// errEnded means that a piece or a report panicked, or ended its goroutine: it was not done.
var errEnded = errors.New("seal: a goroutine ended before its work")

func (s *spread) work(ctx context.Context, piece func(i int64) error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		p := recover() // nil for runtime.Goexit
		s.mu.Lock()
		defer s.mu.Unlock()
		s.panicked, s.err = cmp.Or(s.panicked, p), cmp.Or(s.err, errEnded)
		s.cond.Broadcast()
	}()
	s.pieces(ctx, piece)
	returned = true
}

// pieces does what it can claim.
func (s *spread) pieces(ctx context.Context, piece func(i int64) error) {
	var owed time.Duration
	for {
		i, ok := s.claim(ctx)
		if !ok {
			return
		}
		if s.duty == 100 {
			s.finish(i, piece(i))
			continue
		}
		start := time.Now()
		s.finish(i, piece(i))
		if owed += s.rest(time.Since(start)); owed >= restEvery && s.more() {
			select {
			case <-time.After(owed):
			case <-ctx.Done():
			}
			owed = 0
		}
	}
}

func (s *spread) claim(ctx context.Context) (int64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.err == nil && s.next < s.total && s.next-s.passed >= int64(len(s.done)) {
		s.cond.Wait()
	}
	if s.err == nil {
		s.err = ctx.Err()
	}
	if s.err != nil || s.next == s.total {
		s.cond.Broadcast()
		return 0, false
	}
	s.next++
	return s.next - 1, true
}

// more reports whether there is anything left to claim: nobody rests at the end.
func (s *spread) more() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err == nil && s.next < s.total
}

// finish notes the end of a piece. The goroutine that closes a gap reports the prefix, unless another one is at it and
// will see the new prefix when it returns.
func (s *spread) finish(i int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		if s.err == nil {
			s.err = err
		}
		s.cond.Broadcast()
		return
	}
	ring := int64(len(s.done))
	s.done[i%ring] = true
	for s.prefix < s.next && s.done[s.prefix%ring] {
		s.done[s.prefix%ring] = false
		s.prefix++
	}
	if s.reporting {
		return
	}
	s.reporting = true
	for s.passed < s.prefix && s.err == nil {
		prefix := s.prefix
		if s.passedTo != nil {
			if err := s.report(prefix); err != nil {
				s.err = cmp.Or(s.err, err)
			}
		}
		s.passed = prefix
		s.cond.Broadcast()
	}
	s.reporting = false
}

func (s *spread) report(prefix int64) error {
	s.mu.Unlock()
	defer s.mu.Lock()
	return s.passedTo(prefix)
}

// ringSize is how many pieces may be started and not yet reported: enough that no worker waits for another of equal speed.
func ringSize(workers int) int { return 2*workers + 1 }
