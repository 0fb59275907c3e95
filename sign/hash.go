package sign

import (
	"context"
	"io/fs"
	"runtime"
	"slices"
	"sync"

	"github.com/holdfast-ai/holdfast/sign/digest"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// A hashed file is the outcome for one name.
type hashed struct {
	sums [][]byte // as [digest.Stream.Sums] lists them
	size int64
	err  error
}

// A form says how files are hashed.
type form struct {
	algorithm string
	shardSize int64 // 0: each file as a whole

	// size, if not nil, tells how long a file must be, where that is known. The storage decides how long a file is, and each
	// shard of it costs memory.
	size func(name string) (n int64, known bool)
}

// hashFiles hashes files of src by f, largest first, and files in shards by several workers at once. The outcomes are in the
// order of names. The error is ctx's alone: what is wrong with a file stands in its outcome. No goroutine is left when it
// returns, and the workers held two chunks each.
func hashFiles(ctx context.Context, src fs.FS, names []string, f form, e effort, report func(Progress)) ([]hashed, error) {
	s := &schedule{src: src, form: f, tally: tally{report: report}, out: make([]hashed, len(names)), queue: make([]*target, len(names))}
	tasks := 0
	for i, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		t := &target{name: name, parts: 1, out: &s.out[i]}
		if f.size != nil {
			t.size, t.signed = f.size(name)
		}
		if !t.signed {
			if fi, err := lstat(src, name); err == nil {
				t.size = fi.Size()
			}
		}
		if f.shardSize > 0 && t.size > f.shardSize {
			// What is too long for a manifest gets an error when it is opened.
			t.parts = int(min(shards(t.size, f.shardSize), manifest.MaxResources))
		}
		t.left = t.parts
		tasks += t.parts
		s.tally.total += t.size
		s.queue[i] = t
	}
	slices.SortStableFunc(s.queue, func(a, b *target) int { return int(min(max(b.size-a.size, -1), 1)) })
	s.start(ctx, e, tasks).Wait()
	if err := ctx.Err(); err != nil {
		for _, t := range s.queue { // what was not read to the end
			t.close()
		}
		return nil, err
	}
	s.tally.finish()
	return s.out, nil
}

// shards is how many shards a file of size bytes has.
func shards(size, shardSize int64) int64 {
	n := size / shardSize
	if size%shardSize > 0 {
		n++
	}
	return n
}

// start starts the workers for so many files and parts of files.
func (s *schedule) start(ctx context.Context, e effort, tasks int) *sync.WaitGroup {
	s.waiting = min(e.limit(), tasks)
	wg := new(sync.WaitGroup)
	for range s.waiting {
		wg.Go(func() { s.work(ctx, e.pacer()) })
	}
	return wg
}

// work hashes what the schedule has, until it has no more. It keeps two lanes, because a core hashes two streams side by
// side almost as fast as one.
func (s *schedule) work(ctx context.Context, p pacer) {
	var a, b lane
	var pair digest.Pair
	s.fill(&a, alone)
	s.started()
	for ctx.Err() == nil {
		if a.t == nil {
			a, b = b, a
		}
		if a.t == nil && !s.fill(&a, alone) {
			break
		}
		if b.t == nil {
			s.fill(&b, beside)
		}
		x, y := s.read(&a), s.read(&b)
		switch {
		case a.t != nil && b.t != nil:
			pair.Add(a.sum, b.sum, x, y)
		case a.t != nil:
			a.sum.Add(x)
		case b.t != nil:
			b.sum.Add(y)
		}
		s.tally.add(len(x) + len(y))
		p.rest(ctx)
	}
	for _, l := range []*lane{&a, &b} { // after a cancellation
		if l.t != nil {
			s.end(l, nil, ctx.Err())
		}
	}
}

// limit is how many workers there may be.
func (e effort) limit() int {
	if e.workers <= 0 {
		return runtime.GOMAXPROCS(0)
	}
	return e.workers
}
