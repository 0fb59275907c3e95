package sign_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/digest"
	"github.com/holdfast-ai/holdfast/sign/manifest"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

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
