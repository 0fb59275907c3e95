package seal

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// The arithmetic holds at its ends: plain inverts sealed, and nothing overflows.
func TestLayoutEnds(t *testing.T) {
	for _, l := range []layout{{24, 41}, {40, 64}, {40, 1 << 20}, {40, math.MaxInt32}} {
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
		for _, size := range []int64{math.MinInt64, -1, 0, l.header + 15, l.segment + 1, l.segment + 15} {
			if _, _, err := l.plain(size); !errors.Is(err, ErrTruncated) {
				t.Errorf("%v: plain(%d): %v", l, size, err)
			}
		}
		if _, _, err := l.plain(math.MaxInt64); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%v: plain(max): %v", l, err)
		}
	}
}

// Work is started at most a window ahead of what was reported, every piece runs once, and the first error stops it.
func TestSpread(t *testing.T) {
	for _, workers := range []int{1, 2, 7} {
		for _, total := range []int64{1, 2, 100} {
			s := newSpread(total, workers)
			var passed, ran atomic.Int64
			var mu, reporting sync.Mutex
			seen := map[int64]bool{}
			s.passedTo = func(p int64) {
				if !reporting.TryLock() {
					t.Error("two reports at once")
					return
				}
				defer reporting.Unlock()
				time.Sleep(200 * time.Microsecond) // the others run ahead meanwhile, no further than the window
				if p <= passed.Load() || p > total {
					t.Errorf("reported %d after %d", p, passed.Load())
				}
				passed.Store(p)
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
		s := newSpread(1000, workers)
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
	}
}

// Key derivation against Wycheproof.
func TestHKDFVectors(t *testing.T) {
	derivers := map[string]func(ikm, salt, info []byte, n int) ([]byte, error){
		"hkdf_sha1_test.json":   func(k, s, i []byte, n int) ([]byte, error) { return derive(sha1.New, k, s, i, n) },
		"hkdf_sha256_test.json": func(k, s, i []byte, n int) ([]byte, error) { return derive(sha256.New, k, s, i, n) },
		"hkdf_sha512_test.json": func(k, s, i []byte, n int) ([]byte, error) { return derive(sha512.New, k, s, i, n) },
	}
	for name, f := range derivers {
		b, err := os.ReadFile(testkit.Vectors(t, "crypto", "wycheproof", name))
		if err != nil {
			t.Fatal(err)
		}
		var v struct {
			NumberOfTests int
			TestGroups    []struct {
				Tests []struct {
					TcID                         int
					Ikm, Salt, Info, Okm, Result string
					Size                         int
				}
			}
		}
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, g := range v.TestGroups {
			for _, c := range g.Tests {
				unhexed := func(s string) []byte {
					b, err := hex.DecodeString(s)
					if err != nil {
						t.Fatal(err)
					}
					return b
				}
				got, err := f(unhexed(c.Ikm), unhexed(c.Salt), unhexed(c.Info), c.Size)
				if ok := err == nil && bytes.Equal(got, unhexed(c.Okm)); ok != (c.Result == "valid") {
					t.Errorf("%s %d: %s, got %x, %v", name, c.TcID, c.Result, got, err)
				}
				n++
			}
		}
		if n == 0 || n != v.NumberOfTests {
			t.Errorf("%s: %d tests of %d", name, n, v.NumberOfTests)
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
