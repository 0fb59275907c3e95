package sign_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// TestDuty: a worker that may work half of its time takes twice as long, in every pass.
func TestDuty(t *testing.T) {
	key, content := signtest.Key(t), noise(32*testChunk)
	for name, way := range map[string]func(*testing.T, *sign.Model) error{
		"VerifyAll": func(t *testing.T, m *sign.Model) error { return m.VerifyAll(t.Context(), nil) },
		"ReadInto": func(t *testing.T, m *sign.Model) error {
			_, err := m.ReadInto(t.Context(), "w", make([]byte, len(content)))
			return err
		},
		"OpenFile": func(t *testing.T, m *sign.Model) error {
			f, err := m.OpenFile(t.Context(), "w")
			if err == nil {
				f.Close()
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			took := map[int]time.Duration{}
			for _, duty := range []int{0, 50, 25, 100, -1, 700} {
				src, bundle := signedAs(t, key, content, 0)
				synctest.Test(t, func(t *testing.T) {
					slow := &slowFS{FS: src.FS, delay: time.Millisecond}
					m := open(t, slow, anyModel(key), bundle, sign.WithWorkers(1), sign.WithDuty(duty))
					start := time.Now()
					if err := way(t, m); err != nil {
						t.Fatal(err)
					}
					took[duty] = time.Since(start)
				})
			}
			for duty, factor := range map[int]float64{50: 2, 25: 4, 100: 1, -1: 1, 700: 1} {
				if got := float64(took[duty]) / float64(took[0]); got < factor*0.93 || got > factor*1.01 {
					t.Errorf("duty %v takes %.2f times as long, want %v", duty, got, factor)
				}
			}
		})
	}
}

// TestCancelLeavesNothing cancels at each read in turn: the error is the context's alone, the next read of no worker starts
// afterwards, and no goroutine and no open file is left.
func TestCancelLeavesNothing(t *testing.T) {
	for _, shard := range []int64{0, testChunk} {
		src, p := manyFiles(t, shard)
		for name, way := range map[string]func(context.Context, *sign.Model) error{
			"VerifyAll": func(ctx context.Context, m *sign.Model) error { return m.VerifyAll(ctx, nil) },
			"Verify":    func(ctx context.Context, m *sign.Model) error { return m.Verify(ctx, nil, "f07", "f10") },
			"ReadInto": func(ctx context.Context, m *sign.Model) error {
				_, err := m.ReadInto(ctx, "f07", make([]byte, 6*testChunk))
				return err
			},
			"OpenFile": func(ctx context.Context, m *sign.Model) error {
				f, err := m.OpenFile(ctx, "f07")
				if err == nil {
					f.Close()
				}
				return err
			},
			"Memfd": func(ctx context.Context, m *sign.Model) error {
				f, err := m.Memfd(ctx, "f07")
				if err == nil || errors.Is(err, sign.ErrNoMemfd) {
					f.Close()
					return nil
				}
				return err
			},
			"ProvisionalStream": func(ctx context.Context, m *sign.Model) error {
				s, err := m.ProvisionalStream(ctx, "f07")
				if err != nil {
					return err
				}
				defer s.Abort()
				_, err = upload(ctx, s, 2*testChunk)
				return err
			},
		} {
			t.Run(fmt.Sprintf("%s/shard=%d", name, shard), func(t *testing.T) {
				canceled := 0
				for at := int64(1); ; at++ {
					ctx, cancel := context.WithCancel(t.Context())
					var reads, after atomic.Int64
					slow := &slowFS{FS: src, onRead: func() {
						if reads.Add(1) == at {
							cancel()
						} else if ctx.Err() != nil {
							after.Add(1)
						}
					}}
					m := open(t, slow, p, sign.WithWorkers(2))
					before := runtime.NumGoroutine()
					reads.Store(0)
					err := way(ctx, m)
					hit := ctx.Err() != nil
					cancel()
					if err == nil && (!hit || name != "VerifyAll" && name != "Verify") { // too late: the last read found the end
						break
					}
					if !errors.Is(err, context.Canceled) || (name == "VerifyAll" || name == "Verify") && err != context.Canceled {
						t.Fatalf("read %d: %v", at, err)
					}
					if after.Load() > 3 { // each lane of the other worker, which was just about to
						t.Errorf("read %d: %d reads were begun afterwards", at, after.Load())
					}
					if n := settle(before); n > before || slow.open.Load() != 0 {
						t.Fatalf("read %d: %d goroutines, were %d; %d files are open", at, n, before, slow.open.Load())
					}
					canceled++
				}
				if canceled < 6 && (name != "OpenFile" || shard == 0) && (name != "Memfd" || runtime.GOOS == "linux") {
					t.Error("nothing was cancelled")
				}
			})
		}
	}
}

// TestProgressPace: calls come at most every 100 ms and once at the end, one at a time, with rising numbers.
func TestProgressPace(t *testing.T) {
	for _, shard := range []int64{0, testChunk} {
		src, p := manyFiles(t, shard)
		synctest.Test(t, func(t *testing.T) {
			m := open(t, &slowFS{FS: src, delay: 150 * time.Millisecond}, p, sign.WithWorkers(3))
			var calls []sign.Progress
			var times []time.Time
			var busy sync.Mutex
			if err := m.Verify(t.Context(), func(p sign.Progress) {
				if !busy.TryLock() {
					t.Error("called twice at a time")
				}
				defer busy.Unlock()
				time.Sleep(time.Millisecond)
				calls, times = append(calls, p), append(times, time.Now())
			}, "f07", "f10", "f07"); err != nil {
				t.Fatal(err)
			}
			const total = 8*testChunk + 3
			last := len(calls) - 1
			if last < 2 || calls[last] != (sign.Progress{Done: total, Total: total}) {
				t.Fatalf("%d calls, %+v", last+1, calls)
			}
			for i := 1; i <= last; i++ {
				if gap := times[i].Sub(times[i-1]); i < last && gap < 100*time.Millisecond || calls[i].Done < calls[i-1].Done || calls[i].Total != total {
					t.Errorf("call %d after %v: %+v", i, gap, calls[i])
				}
			}
		})
	}
}

// TestVerifyNames: only what is named is read, and a name that is not signed is refused before.
func TestVerifyNames(t *testing.T) {
	src, p := manyFiles(t, 0)
	src["f05"].Data[7]++
	count := &countingFS{FS: src}
	m := open(t, count, p)
	count.bytes.Store(0)
	if err := m.Verify(t.Context(), nil, "f06", "f02"); err != nil || count.bytes.Load() != 2*testChunk+1000 {
		t.Errorf("%v, %d bytes", err, count.bytes.Load())
	}
	if err := m.Verify(t.Context(), nil, "f05", "f02"); !errors.Is(err, sign.ErrMismatch) {
		t.Error(err)
	}
	count.bytes.Store(0)
	if err := m.Verify(t.Context(), nil, "f06", "unsigned"); !errors.Is(err, sign.ErrNotSigned) || count.bytes.Load() != 0 {
		t.Errorf("%v, %d bytes", err, count.bytes.Load())
	}
	if err := m.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if m.Released("f06") {
		t.Error("counts as released")
	}
}

// TestTapsOfShards: where several workers fill one buffer, the taps still see the file in order, once, and decide; and a tap
// that panics leaves no worker behind that writes to the buffer.
func TestTapsOfShards(t *testing.T) {
	key, content := signtest.Key(t), noise(9*testChunk+5)
	errTap := errors.New("refused")
	altered := []byte(content)
	altered[8*testChunk]++
	for name, c := range map[string]struct {
		content []byte
		tap     recorder
		want    error
		workers int // default 3
	}{
		"good":              {},
		"one worker":        {workers: 1},
		"altered, one":      {content: altered, want: sign.ErrMismatch, workers: 1},
		"write refuses":     {tap: recorder{failWrite: errTap}, want: errTap},
		"finish refuses":    {tap: recorder{failFinish: errTap}, want: errTap},
		"altered":           {content: altered, want: sign.ErrMismatch},
		"altered, refusing": {content: altered, tap: recorder{failWrite: errTap}, want: sign.ErrMismatch},
	} {
		c.workers = cmp.Or(c.workers, 3)
		for _, shard := range []int64{testChunk + 100, 100_000, 9 * testChunk} {
			src, bundle := signedAs(t, key, content, shard)
			if c.content != nil {
				src, _ = signedAs(t, key, string(c.content), shard)
			}
			tap := &recorder{failWrite: c.tap.failWrite, failFinish: c.tap.failFinish}
			m := open(t, src, anyModel(key), bundle, sign.WithWorkers(c.workers), sign.WithTap(func(string, int64) (sign.Tap, error) { return tap, nil }))
			dst := make([]byte, len(content)+3)
			n, err := m.ReadInto(t.Context(), "w", dst)
			if !errors.Is(err, c.want) || m.Released("w") != (c.want == nil) || src.open.Load() != 0 {
				t.Errorf("%s, shard %d: %v", name, shard, err)
			}
			if c.want == nil && (string(dst[:n]) != content || tap.String() != content || tap.finished != 1) ||
				c.want != nil && (string(dst) != string(make([]byte, len(dst))) || c.want != errTap && tap.finished != 0) {
				t.Errorf("%s, shard %d: wrong bytes, or the tap finished %d times", name, shard, tap.finished)
			}
		}
	}
	src, bundle := signedAs(t, key, content, 100_000)
	before := runtime.NumGoroutine()
	m := open(t, src, anyModel(key), bundle, sign.WithWorkers(3), sign.WithTap(func(string, int64) (sign.Tap, error) { return panicky{}, nil }))
	dst := make([]byte, len(content))
	func() {
		defer func() { recover() }()
		m.ReadInto(t.Context(), "w", dst)
		t.Error("no panic")
	}()
	if string(dst) != string(make([]byte, len(dst))) || settle(before) > before || src.open.Load() != 0 {
		t.Error("not cleared, or something is left")
	}
}
