package sign_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/digest"
	"github.com/holdfast-ai/holdfast/sign/manifest"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// A slowFS takes a while for each read, counts how many wait at once, and calls back.
type slowFS struct {
	fs.FS
	delay        time.Duration
	onRead       func()
	running, max atomic.Int64
	open         atomic.Int64
	maxOpen      atomic.Int64
}

type slowFile struct {
	fs.File
	s *slowFS
}

func (s *slowFS) Open(name string) (fs.File, error) {
	f, err := s.FS.Open(name)
	if err != nil {
		return nil, err
	}
	raise(&s.maxOpen, s.open.Add(1))
	return slowFile{f, s}, nil
}

func raise(max *atomic.Int64, n int64) {
	for old := max.Load(); n > old && !max.CompareAndSwap(old, n); old = max.Load() {
	}
}

func (f slowFile) Close() error { f.s.open.Add(-1); return f.File.Close() }

func (f slowFile) ReadAt(b []byte, off int64) (int, error) {
	raise(&f.s.max, f.s.running.Add(1))
	defer f.s.running.Add(-1)
	if f.s.onRead != nil {
		f.s.onRead()
	}
	time.Sleep(f.s.delay)
	return f.File.(io.ReaderAt).ReadAt(b, off)
}

// manyFiles is a signed model of files of many lengths, whole or in shards.
func manyFiles(t testing.TB, shard int64) (fstest.MapFS, sign.Policy) {
	t.Helper()
	files := map[string]string{}
	for i, n := range []int{0, 1, 1000, testChunk - 1, testChunk, testChunk + 1, 2 * testChunk, 5*testChunk + 3, 100, 100, 3 * testChunk} {
		files[fmt.Sprintf("f%02d", i)] = noise(n)
	}
	src, key := signtest.Files(files), signtest.Key(t)
	b, _, err := sign.Sign(t.Context(), src, key, sign.SignOptions{ShardSize: shard})
	if err != nil {
		t.Fatal(err)
	}
	src[sign.SignatureFile] = &fstest.MapFile{Data: b, Mode: 0o644}
	return src, anyModel(key)
}

// TestWorkers: no more workers than allowed read at once, each file is opened once, few are open at a time, and whatever the
// number of workers and the cut of the files, the verdict is the same.
func TestWorkers(t *testing.T) {
	for _, shard := range []int64{0, 10_000, 100_000, testChunk, 1 << 30} {
		src, p := manyFiles(t, shard)
		for _, workers := range []int{1, 2, 3, 50} {
			t.Run(fmt.Sprintf("shard=%d/workers=%d", shard, workers), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					slow := &slowFS{FS: src}
					if shard != 10_000 {
						slow.delay = time.Millisecond
					}
					m := open(t, slow, p, sign.WithWorkers(workers))
					slow.max.Store(0)
					if err := m.VerifyAll(t.Context(), nil); err != nil {
						t.Fatal(err)
					}
					if got := slow.max.Load(); got > int64(workers) || slow.delay > 0 && workers < 4 && got != int64(workers) {
						t.Errorf("%d read at once", got)
					}
					if slow.open.Load() != 0 || slow.maxOpen.Load() > int64(16*workers) {
						t.Errorf("%d files are open, at most %d were", slow.open.Load(), slow.maxOpen.Load())
					}
				})
				for name, f := range src {
					if name == sign.SignatureFile || len(f.Data) == 0 {
						continue
					}
					for _, at := range []int{0, len(f.Data) / 2, len(f.Data) - 1} {
						if workers > 3 {
							break
						}
						f.Data[at]++
						m := open(t, src, p, sign.WithWorkers(workers))
						e, ok := errors.AsType[*sign.MismatchError](m.VerifyAll(t.Context(), nil))
						if !ok || e.Path != name || shard > 0 && (int64(at) < e.Start || int64(at) >= e.End) {
							t.Errorf("%s altered at %d: %v", name, at, e)
						}
						f.Data[at]--
					}
				}
			})
		}
	}
}

// TestStandardHash: a worker that may not hash several streams at once has one file open, and finds the same.
func TestStandardHash(t *testing.T) {
	src, p := manyFiles(t, 0)
	slow := &slowFS{FS: src}
	m := open(t, slow, p, sign.WithWorkers(2), sign.WithStandardHash())
	if err := m.VerifyAll(t.Context(), nil); err != nil || slow.maxOpen.Load() > 2 {
		t.Errorf("%v; %d files were open", err, slow.maxOpen.Load())
	}
	src["f07"].Data[5]++
	if err := m.VerifyAll(t.Context(), nil); !errors.Is(err, sign.ErrMismatch) {
		t.Error(err)
	}
}

// TestShardsRunBesideEachOther: one file in shards keeps all workers busy; one whole file cannot.
func TestShardsRunBesideEachOther(t *testing.T) {
	key, content := signtest.Key(t), noise(16*testChunk)
	for _, c := range []struct{ shard, atOnce int64 }{{0, 1}, {testChunk, 4}, {4 * testChunk, 4}, {8 * testChunk, 2}} {
		src, bundle := signedAs(t, key, content, c.shard)
		synctest.Test(t, func(t *testing.T) {
			slow := &slowFS{FS: src.FS, delay: time.Millisecond}
			m := open(t, slow, anyModel(key), bundle, sign.WithWorkers(4))
			for name, way := range map[string]func() error{
				"VerifyAll": func() error { return m.VerifyAll(t.Context(), nil) },
				"ReadInto": func() error {
					dst := make([]byte, len(content))
					if _, err := m.ReadInto(t.Context(), "w", dst); err != nil || string(dst) != content {
						return fmt.Errorf("wrong bytes or %w", err)
					}
					return nil
				},
			} {
				slow.max.Store(0)
				start := time.Now()
				if err := way(); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(start); slow.max.Load() != c.atOnce || took > time.Duration(16/c.atOnce+3)*time.Millisecond {
					t.Errorf("%s, shard %d: %d at once, %v", name, c.shard, slow.max.Load(), took)
				}
			}
		})
	}
}

// TestOneWorkerReadsShards: one worker that can hash several shards at once also does where the file goes to the caller, in as many
// places as it hashes, and keeps to one with the standard library's hash.
func TestOneWorkerReadsShards(t *testing.T) {
	const shard = 4 * testChunk
	key, content := signtest.Key(t), noise(16*shard)
	src, bundle := signedAs(t, key, content, shard)
	for name, c := range map[string]struct {
		opt  sign.Option
		most int
	}{"lanes": {sign.WithWorkers(1), digest.Together(manifest.SHA256, 16)}, "standard": {sign.WithStandardHash(), 1}} {
		at := &placesFS{FS: src.FS}
		m := open(t, at, anyModel(key), bundle, sign.WithWorkers(1), c.opt)
		dst := make([]byte, len(content))
		at.reads = nil
		if _, err := m.ReadInto(t.Context(), "w", dst); err != nil || string(dst) != content {
			t.Fatalf("%s: wrong bytes, or %v", name, err)
		}
		shards := map[int64]bool{} // that the first reads are of
		for _, off := range at.reads[:max(c.most, 4)] {
			shards[off/shard] = true
		}
		if len(shards) != c.most {
			t.Errorf("%s: %d shards at once, want %d", name, len(shards), c.most)
		}
	}
}

// TestSourcePanicsInShards: where storage panics while shards are read, whoever called gets it, the buffer is cleared, and nothing is
// left.
func TestSourcePanicsInShards(t *testing.T) {
	key, content := signtest.Key(t), noise(9*testChunk+5)
	src, bundle := signedAs(t, key, content, testChunk)
	for _, workers := range []int{1, 3} {
		for at := int64(1); at < 10; at++ {
			var reads atomic.Int64
			slow := &slowFS{FS: src.FS}
			m := open(t, slow, anyModel(key), bundle, sign.WithWorkers(workers))
			slow.onRead = func() {
				if reads.Add(1) >= at {
					panic("storage")
				}
			}
			before := runtime.NumGoroutine()
			dst := []byte(content)
			func() {
				defer func() {
					if p := recover(); p != "storage" {
						t.Errorf("%d workers, panic at read %d: %v", workers, at, p)
					}
				}()
				_, err := m.ReadInto(t.Context(), "w", dst)
				t.Error("no panic, but", err)
			}()
			if string(dst) != string(make([]byte, len(dst))) || settle(before) > before || slow.open.Load() != 0 || m.Released("w") {
				t.Errorf("%d workers, panic at read %d: not cleared, or something is left", workers, at)
			}
		}
	}
}

// placesFS remembers where its files are read.
type placesFS struct {
	fs.FS
	mu    sync.Mutex
	reads []int64
}

func (p *placesFS) Open(name string) (fs.File, error) {
	f, err := p.FS.Open(name)
	return placesFile{f, p}, err
}

type placesFile struct {
	fs.File
	p *placesFS
}

func (f placesFile) ReadAt(b []byte, off int64) (int, error) {
	f.p.mu.Lock()
	f.p.reads = append(f.p.reads, off)
	f.p.mu.Unlock()
	return f.File.(io.ReaderAt).ReadAt(b, off)
}

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

// settle waits a moment for goroutines that have returned and are still counted.
func settle(want int) int {
	n := runtime.NumGoroutine()
	for range 100 {
		if n <= want {
			break
		}
		time.Sleep(time.Millisecond)
		n = runtime.NumGoroutine()
	}
	return n
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
