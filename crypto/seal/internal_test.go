package seal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The arithmetic holds at its ends: plain inverts sealed, and nothing overflows.
func TestLayoutEnds(t *testing.T) {
	for _, l := range []layout{{24, 41, 16}, {40, 64, 16}, {40, 1 << 20, 16}, {40, math.MaxInt32, 16}, {24, 35, 10}, {40, 105, 64}, {40, math.MaxInt32, 64}} {
		most := maxSegments*l.room() - l.header
		for _, plain := range []int64{0, 1, l.room() - l.header, l.room() - l.header + 1, 1 << 33, most - 1, most} {
			if plain > most {
				continue
			}
			size, n, err := l.sealed(plain)
			if err != nil || n > maxSegments {
				t.Fatalf("%v: sealed(%d) = %d, %d, %v", l, plain, size, n, err)
			}
			if back, m, err := l.plain(size); err != nil || back != plain || m != n {
				t.Errorf("%v: plain(sealed(%d)) = %d, %d, %v", l, plain, back, m, err)
			}
		}
		for _, plain := range []int64{-1, math.MinInt64, most + 1, math.MaxInt64} {
			if _, _, err := l.sealed(plain); !errors.Is(err, ErrTooLarge) {
				t.Errorf("%v: sealed(%d): %v", l, plain, err)
			}
		}
		for _, size := range []int64{math.MinInt64, -1, 0, l.header + l.tag - 1, l.segment + 1, l.segment + l.tag - 1} {
			if _, _, err := l.plain(size); !errors.Is(err, ErrTruncated) {
				t.Errorf("%v: plain(%d): %v", l, size, err)
			}
		}
		if _, _, err := l.plain(math.MaxInt64); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%v: plain(max): %v", l, err)
		}
	}
}

// A file that is larger than slices can be is refused where it is asked for as one, and is no panic.
func TestFileLargerThanSlices(t *testing.T) {
	if math.MaxInt > math.MaxInt32 {
		t.Skip("no file is, on 64 bits")
	}
	f := &File{info: fileInfo{name: "w", size: math.MaxInt32 + 1}, path: "w"}
	if _, err := f.readAll(); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

// Work is started at most a window ahead of what was reported, every piece runs once, and the first error stops it.
func TestSpread(t *testing.T) {
	for _, workers := range []int{1, 2, 7} {
		for _, total := range []int64{1, 2, 100} {
			s := newSpread(total, options{workers: workers, duty: 100})
			var passed, ran atomic.Int64
			var mu, reporting sync.Mutex
			seen := map[int64]bool{}
			s.passedTo = func(p int64) error {
				if !reporting.TryLock() {
					t.Error("two reports at once")
					return nil
				}
				defer reporting.Unlock()
				time.Sleep(200 * time.Microsecond) // the others run ahead meanwhile, no further than the window
				if p <= passed.Load() || p > total {
					t.Errorf("reported %d after %d", p, passed.Load())
				}
				passed.Store(p)
				return nil
			}
			if err := s.run(t.Context(), func(i int64) error {
				if i-passed.Load() > int64(2*workers+1) {
					t.Errorf("piece %d starts when %d were reported", i, passed.Load())
				}
				ran.Add(1)
				mu.Lock()
				defer mu.Unlock()
				seen[i] = true
				return nil
			}); err != nil || ran.Load() != total || int64(len(seen)) != total || passed.Load() != total {
				t.Errorf("%d workers: %d of %d pieces, %d reported, %v", workers, ran.Load(), total, passed.Load(), err)
			}
		}
		s := newSpread(1000, options{workers: workers, duty: 100})
		var after atomic.Int64
		err := s.run(t.Context(), func(i int64) error {
			if i == 5 {
				return context.DeadlineExceeded
			}
			after.Add(1)
			return nil
		})
		if !errors.Is(err, context.DeadlineExceeded) || after.Load() > 100 {
			t.Errorf("%d workers: %d pieces around an error, %v", workers, after.Load(), err)
		}
		s = newSpread(1000, options{workers: workers, duty: 100})
		s.passedTo = func(p int64) error {
			if p > 5 {
				return context.DeadlineExceeded
			}
			return nil
		}
		after.Store(0)
		if err := s.run(t.Context(), func(int64) error { after.Add(1); return nil }); !errors.Is(err, context.DeadlineExceeded) || after.Load() > 100 {
			t.Errorf("%d workers: %d pieces around an error of the report, %v", workers, after.Load(), err)
		}
	}
}

// A worker on half duty rests as long as it works, and a rest ends with the context.
func TestDuty(t *testing.T) {
	work := func(ctx context.Context, duty int) time.Duration {
		start := time.Now()
		var worked atomic.Int64
		_ = newSpread(20, options{workers: 2, duty: duty}).run(ctx, func(int64) error {
			began := time.Now()
			time.Sleep(2 * time.Millisecond)
			worked.Add(int64(time.Since(began)))
			return nil
		})
		return time.Since(start) - time.Duration(worked.Load()/2)
	}
	if busy := 20 * time.Millisecond; work(t.Context(), 25) < 2*busy {
		t.Error("no rest on a quarter of duty")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if d := work(ctx, 1); d > 5*time.Second {
		t.Errorf("a rest of %v after the context's end", d)
	}
	for _, n := range []int{-1, 0, 1, 100, 1000} {
		if o := newOptions([]Option{WithDuty(n)}); o.duty < 1 || o.duty > 100 {
			t.Errorf("duty %d is taken as %d", n, o.duty)
		}
	}
}

func FuzzManifest(f *testing.F) {
	c := hex.EncodeToString(make([]byte, 32))
	f.Add([]byte(`{"version":1,"model":{"name":"m","version":1},"segment":4096,"commitment":"` + c +
		`","files":[{"path":"a/b","blob":"blobs/0","size":1,"header":""},{"path":"c","blob":"blobs/1","size":0,"header":""}]}`))
	f.Add([]byte(`{"version":1,"model":{"name":"m","version":18446744073709551615},"segment":-1,"commitment":"` + c + `","files":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, info, err := parseManifest(b)
		if err != nil {
			return
		}
		if info.ManifestDigest != sha256.Sum256(b) || info.Name == "" {
			t.Errorf("info %+v", info)
		}
		seen := map[string]bool{}
		for _, s := range m.Files {
			if !fs.ValidPath(s.Path) || !fs.ValidPath(s.Blob) || seen[s.Path] || seen[s.Blob] || s.Size < 0 {
				t.Errorf("file %+v", s)
			}
			seen[s.Path], seen[s.Blob] = true, true
		}
		out, err := m.bytes()
		if err != nil {
			t.Fatal(err)
		}
		if _, again, err := parseManifest(out); err != nil || again.Commitment != info.Commitment || again.Name != info.Name {
			t.Errorf("parsed manifest does not parse again: %v", err)
		}
	})
}

// The list of a directory with hidden names: what is accepted is sound, and says the same when it is written again.
func FuzzList(f *testing.F) {
	f.Add([]byte(`{"files":[{"path":"a/b","blob":"blobs/0","size":1,"header":""},{"path":"c","blob":"blobs/1","size":0,"header":""}]}`))
	f.Add([]byte(`{"files":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		files, err := parseList(b, blobsDir+"/list")
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Errorf("class of %v", err)
			}
			return
		}
		seen := map[string]bool{blobsDir + "/list": true}
		for _, s := range files {
			if !fs.ValidPath(s.Path) || !fs.ValidPath(s.Blob) || seen[s.Path] || seen[s.Blob] || s.Size < 0 {
				t.Errorf("file %+v", s)
			}
			seen[s.Path], seen[s.Blob] = true, true
		}
		out, err := json.Marshal(fileList{files})
		if err != nil {
			t.Fatal(err)
		}
		if again, err := parseList(out, blobsDir+"/list"); err != nil || len(again) != len(files) {
			t.Errorf("parsed list does not parse again: %v", err)
		}
	})
}
