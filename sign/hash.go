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
	s, err := plan(ctx, src, names, f)
	if err != nil {
		return nil, err
	}
	s.tally.report = report
	return s.run(ctx, e)
}

// plan makes the schedule for files of src.
func plan(ctx context.Context, src fs.FS, names []string, f form) (*schedule, error) {
	s := newSchedule(f)
	s.src, s.out = src, make([]hashed, len(names))
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
		s.tally.total += t.size
		s.add(t)
	}
	slices.SortStableFunc(s.queue, func(a, b *target) int { return int(min(max(b.size-a.size, -1), 1)) })
	return s, nil
}

func (s *schedule) run(ctx context.Context, e effort) ([]hashed, error) {
	s.start(ctx, e).Wait()
	if err := ctx.Err(); err != nil || s.panicked != nil {
		for _, t := range s.queue { // what was not read to the end
			t.close()
		}
		s.rethrow()
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

// start starts the workers.
func (s *schedule) start(ctx context.Context, e effort) *sync.WaitGroup {
	s.workers = min(e.limit(), s.left)
	if e.standard {
		s.together = func(int) int { return 1 }
	}
	wg := new(sync.WaitGroup)
	for range s.workers {
		wg.Go(func() {
			defer s.caught()
			w := worker{s: s, pace: e.pacer()}
			w.work(ctx)
		})
	}
	return wg
}

// A worker hashes what the schedule has, on one core, which hashes several streams at once faster than one after the other.
type worker struct {
	s    *schedule
	pace pacer
	all  digest.Group
	buf  []byte // of at most two chunks

	sums []*digest.Stream
	data [][]byte
}

func (w *worker) work(ctx context.Context) {
	var lanes []*lane
	for {
		if lanes = w.s.take(ctx, lanes[:0]); len(lanes) == 0 {
			return
		}
		n := w.hash(ctx, lanes)
		w.s.put(lanes)
		w.s.tally.add(n)
		w.pace.rest(ctx)
	}
}

// piece is how many bytes of each of so many lanes are read before they are hashed: all together two chunks.
func piece(lanes int) int {
	const page = 4 << 10
	return min(chunk, 2*chunk/lanes&^(page-1))
}

// hash reads a piece of each lane, hashes them together, and ends the lanes that have no more. It returns the bytes read.
func (w *worker) hash(ctx context.Context, lanes []*lane) (n int) {
	size := piece(len(lanes))
	if w.s.dst == nil && len(w.buf) < size*len(lanes) {
		w.buf = make([]byte, size*len(lanes))
	}
	w.sums, w.data = w.sums[:0], w.data[:0]
	for i, l := range lanes {
		if ctx.Err() != nil {
			break
		}
		b := w.s.read(l, w.buf[min(i*size, len(w.buf)):], size)
		n += len(b)
		w.sums, w.data = append(w.sums, l.sum), append(w.data, b)
	}
	w.all.Add(w.sums, w.data)
	for _, l := range lanes {
		if l.t != nil && l.in.off == l.end && ctx.Err() == nil {
			w.s.complete(l)
		}
	}
	return n
}

// limit is how many workers there may be.
func (e effort) limit() int {
	if e.workers <= 0 {
		return runtime.GOMAXPROCS(0)
	}
	return e.workers
}
