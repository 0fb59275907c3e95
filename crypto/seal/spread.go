package seal

import (
	"context"
	"errors"
	"sync"
)

// spread runs numbered pieces of work on several goroutines, in order of their start, and reports in one place after
// another how far the finished prefix reaches. A piece is not started while it is more than a window ahead of what was
// reported, so a slow reader of the prefix finds it in the cache.
type spread struct {
	total    int64
	workers  int
	passedTo func(prefix int64) // called serially; may be nil

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

func newSpread(total int64, workers int) *spread {
	s := &spread{total: total, workers: int(min(int64(workers), total))}
	s.cond = sync.NewCond(&s.mu)
	s.done = make([]bool, 2*s.workers+1)
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

var errPanicked = errors.New("seal: panicked")

func (s *spread) work(ctx context.Context, piece func(i int64) error) {
	defer func() {
		if p := recover(); p != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.panicked, s.err = p, errPanicked
			s.cond.Broadcast()
		}
	}()
	for {
		i, ok := s.claim(ctx)
		if !ok {
			return
		}
		s.finish(i, piece(i))
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
			s.report(prefix)
		}
		s.passed = prefix
		s.cond.Broadcast()
	}
	s.reporting = false
}

func (s *spread) report(prefix int64) {
	s.mu.Unlock()
	defer s.mu.Lock()
	s.passedTo(prefix)
}
