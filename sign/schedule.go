package sign

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/holdfast-ai/holdfast/sign/digest"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// A schedule hands out files, and shards of files, to workers that hash them. The shards of a file are handed out one
// after the other, so few files are open at a time, and each is opened once.
type schedule struct {
	src      fs.FS
	form     form
	tally    tally
	out      []hashed
	dst      []byte        // where the bytes of the one file go; nil: each worker has memory of its own
	together func(int) int // of so many streams, how many a worker hashes at once
	workers  int

	mu    sync.Mutex
	back  sync.Cond // on mu: lanes came back
	idle  []*lane   // that no worker holds
	held  int       // lanes that workers hold
	queue []*target // from next on: not handed out completely
	next  int
	part  int // of queue[next]
	left  int // parts that were not handed out

	panicked any    // what a worker panicked with
	onPanic  func() // is told of it; or nil

	// Files of the source open large pieces for small reads: many lanes would open each many times.
	coarse atomic.Bool
}

// A target is one file to hash.
type target struct {
	name   string
	size   int64 // that it should have
	signed bool  // else size is a guess until the file is open
	parts  int   // in which it is handed out
	out    *hashed

	mu     sync.Mutex
	opened bool
	lent   bool // opened by somebody who closes it
	f      fs.File
	whole  bool           // whoever opened it reads all of it
	left   int            // parts that were not finished
	ended  func(part int) // if not nil, is called when a part is finished, good or not
}

// A lane is one stream of bytes that is hashed, by one worker at a time.
type lane struct {
	t    *target // nil: it has ended
	part int     // of t, or whole
	sum  *digest.Stream
	in   inOrder
	end  int64
}

const whole = -1

func newSchedule(f form) *schedule {
	s := &schedule{form: f, together: func(streams int) int { return digest.Together(f.algorithm, streams) }}
	s.back.L = &s.mu
	return s
}

// add adds t to what is to be hashed.
func (s *schedule) add(t *target) {
	t.left = t.parts
	s.left += t.parts
	s.queue = append(s.queue, t)
}

// take returns, in mine, the lanes that a worker hashes next: lanes that were begun first, so that few are open, and as many
// as are its share. There are none once there is nothing left to do, or ctx is done.
func (s *schedule) take(ctx context.Context, mine []*lane) []*lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ctx.Err() == nil && s.panicked == nil && len(mine) < s.share() {
		switch {
		case len(s.idle) > 0:
			s.held++
			mine = append(mine, s.idle[0])
			s.idle = slices.Delete(s.idle, 0, 1)
		case s.left > 0:
			s.held++
			l := s.begin(s.handOut())
			if l == nil {
				s.held--
				s.back.Broadcast()
			} else {
				mine = append(mine, l)
			}
		case len(mine) > 0:
			return mine
		default:
			s.back.Wait() // for what another worker may not want to keep
		}
	}
	return mine
}

// begin is open without the lock that take holds, also where the source panics.
func (s *schedule) begin(t *target, part int) *lane {
	s.mu.Unlock()
	defer s.mu.Lock()
	return s.open(t, part)
}

// caught stops all workers where the source panics under one of them: there nobody could recover from it.
func (s *schedule) caught() {
	if p := recover(); p != nil {
		s.mu.Lock()
		if s.panicked == nil {
			s.panicked = p
		}
		s.mu.Unlock()
		s.back.Broadcast()
		if s.onPanic != nil {
			s.onPanic()
		}
	}
}

// rethrow panics as a worker did, once none is left.
func (s *schedule) rethrow() {
	if s.panicked != nil {
		panic(s.panicked)
	}
}

// share is how many lanes a worker should have: no second one before every worker can have something.
func (s *schedule) share() int {
	n := (len(s.idle) + s.held + s.left + s.workers - 1) / s.workers
	if n == 0 {
		return 0
	}
	n = s.together(n)
	if s.coarse.Load() {
		n = min(n, 2)
	}
	return n
}

func (s *schedule) handOut() (*target, int) {
	t, part := s.queue[s.next], s.part
	if s.part++; s.part == t.parts {
		s.next, s.part = s.next+1, 0
	}
	s.left--
	return t, part
}

// put gives lanes back.
func (s *schedule) put(mine []*lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held -= len(mine)
	for _, l := range mine {
		if l.t != nil {
			s.idle = append(s.idle, l)
		}
	}
	s.back.Broadcast()
}

// open begins a part of t. It returns nil where that needs no work.
func (s *schedule) open(t *target, part int) *lane {
	t.mu.Lock()
	defer t.mu.Unlock()
	first := !t.opened
	if first {
		t.opened = true
		t.out.err = errPanicked // unless it returns
		t.f, t.out.size, t.out.err = s.openFile(t)
		if t.out.err == nil {
			_, random := t.f.(io.ReaderAt)
			if _, coarse := t.f.(allReader); coarse {
				s.coarse.Store(true)
			}
			// A coarse file is better read in order, see newInOrder, if there is enough else for the other workers.
			t.whole = t.parts == 1 || !random || s.coarse.Load() && len(s.queue) >= s.workers
		}
	}
	if t.out.err != nil || t.whole && !first {
		t.finish(part)
		return nil
	}
	l := &lane{t: t, part: part, in: newInOrder(t.f), end: t.out.size}
	if t.whole {
		l.part = whole
		l.sum = digest.New(s.form.algorithm, s.form.shardSize)
		return l
	}
	if t.out.sums == nil {
		t.out.sums = make([][]byte, t.parts)
	}
	l.in.at, l.in.off = t.f.(io.ReaderAt), int64(part)*s.form.shardSize
	l.end = min(l.in.off+s.form.shardSize, l.end)
	l.sum = digest.New(s.form.algorithm, 0)
	return l
}

func (s *schedule) openFile(t *target) (fs.File, int64, error) {
	f, size, err := openRegular(s.src, t.name)
	if err != nil {
		return nil, 0, err
	}
	switch {
	case (t.signed || t.parts > 1) && size != t.size:
		err = errLength
	case s.form.shardSize > 0 && shards(size, s.form.shardSize) > manifest.MaxResources:
		err = tooManyShards(t.name)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, size, nil
}

func tooManyShards(name string) error {
	return fmt.Errorf("%w (%q: more than %d shards)", ErrFormat, name, manifest.MaxResources)
}

// read reads the lane's next bytes, at most size: into own, or where they belong. An error ends the lane.
func (s *schedule) read(l *lane, own []byte, size int) []byte {
	b := own
	if s.dst != nil {
		b = s.dst[l.in.off:]
	}
	b = b[:min(l.end-l.in.off, int64(size))]
	if len(b) == 0 {
		return nil
	}
	if err := l.in.fill(b); err != nil {
		s.end(l, nil, err)
		return nil
	}
	return b
}

// complete ends a lane whose bytes were all hashed.
func (s *schedule) complete(l *lane) {
	var err error
	if l.part == whole || l.part == l.t.parts-1 {
		err = l.in.nothingFollows()
	}
	s.end(l, l.sum.Sums(), err)
}

// end records the outcome of a lane.
func (s *schedule) end(l *lane, sums [][]byte, err error) {
	t := l.t
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.out.err != nil:
	case err != nil:
		t.out.err = err
	case l.part == whole:
		t.out.sums = sums
	default:
		t.out.sums[l.part] = sums[0]
	}
	t.finish(l.part)
	l.t = nil
}

// finish counts one part as done, and closes the file after the last.
func (t *target) finish(part int) {
	if t.left--; t.left == 0 {
		t.close()
	}
	if t.ended != nil {
		t.ended(part)
	}
}

func (t *target) close() {
	if t.f != nil && !t.lent {
		t.f.Close()
	}
	t.f = nil
}
