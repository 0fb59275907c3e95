package sign

import (
	"context"
	"io/fs"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-ai/holdfast/sign/digest"
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
	done := t.done.Add(int64(n))
	if t.report == nil || !t.mu.TryLock() {
		return
	}
	defer t.mu.Unlock()
	if now := time.Now(); now.Sub(t.last) >= progressEvery {
		t.last = now
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

// hashFiles hashes files of src by f, one per worker at a time, the largest first. The outcomes are in the order of names. The
// error is ctx's alone: what is wrong with a file stands in its outcome.
func hashFiles(ctx context.Context, src fs.FS, names []string, f form, workers int, report func(Progress)) ([]hashed, error) {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	t := &tally{report: report}
	sizes, order := make([]int64, len(names)), make([]int, len(names))
	for i, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		order[i] = i
		if fi, err := lstat(src, name); err == nil {
			sizes[i] = fi.Size()
			t.total += fi.Size()
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(min(max(sizes[b]-sizes[a], -1), 1)) })
	out := make([]hashed, len(names))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(workers, len(names)) {
		wg.Go(func() {
			buf := make([]byte, chunk)
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(order) {
					return
				}
				h := &out[order[i]]
				h.sums, h.size, h.err = hashFile(ctx, src, names[order[i]], f, buf, t.add)
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t.finish()
	return out, nil
}

func hashFile(ctx context.Context, src fs.FS, name string, form form, buf []byte, seen func(int)) ([][]byte, int64, error) {
	f, size, err := openRegular(src, name)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	if form.size != nil {
		if n, known := form.size(name); known && n != size {
			return nil, 0, errLength
		}
	}
	p := pass{sum: digest.New(form.algorithm, form.shardSize), seen: seen}
	if err := p.read(ctx, f, size, func(_ int64, n int) []byte { return buf[:n] }); err != nil {
		return nil, 0, err
	}
	return p.sum.Sums(), size, nil
}
