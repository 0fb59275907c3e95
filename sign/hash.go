package sign

import (
	"context"
	"crypto/sha256"
	"io/fs"
	"runtime"
	"slices"
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
	sum [32]byte
	err error
}

// hashFiles hashes files of src, one per worker at a time, the largest first. The outcomes are in the order of names. The
// error is ctx's alone: what is wrong with a file stands in its outcome.
func hashFiles(ctx context.Context, src fs.FS, names []string, workers int, report func(Progress)) ([]hashed, error) {
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
				h.sum, h.err = hashFile(ctx, src, names[order[i]], buf, t.add)
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

func hashFile(ctx context.Context, src fs.FS, name string, buf []byte, seen func(int)) ([32]byte, error) {
	f, size, err := openRegular(src, name)
	if err != nil {
		return [32]byte{}, err
	}
	defer f.Close()
	p := pass{sum: sha256.New(), seen: seen}
	if err := p.read(ctx, f, size, func(_ int64, n int) []byte { return buf[:n] }); err != nil {
		return [32]byte{}, err
	}
	return [32]byte(p.sum.Sum(nil)), nil
}
