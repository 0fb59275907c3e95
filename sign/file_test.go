package sign_test

import (
	"bytes"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// A countingFS counts what is read of it.
type countingFS struct {
	fs.FS
	bytes atomic.Int64
	open  atomic.Int64
}

type countingFile struct {
	fs.File
	c *countingFS
}

func (c *countingFS) Open(name string) (fs.File, error) {
	f, err := c.FS.Open(name)
	if err != nil {
		return nil, err
	}
	c.open.Add(1)
	return countingFile{f, c}, nil
}

func (f countingFile) ReadAt(b []byte, off int64) (int, error) {
	n, err := f.File.(io.ReaderAt).ReadAt(b, off)
	f.c.bytes.Add(int64(n))
	return n, err
}

func (f countingFile) Close() error { f.c.open.Add(-1); return f.File.Close() }

// signedAs signs content as "w", in shards of so many bytes or whole, and counts what is read of it.
func signedAs(t testing.TB, key *ecdsa.PrivateKey, content string, shard int64) (*countingFS, sign.Option) {
	t.Helper()
	src := fstest.MapFS{"w": {Data: []byte(content), Mode: 0o644}}
	b, _, err := sign.Sign(t.Context(), src, key, sign.SignOptions{ShardSize: shard})
	if err != nil {
		t.Fatal(err)
	}
	return &countingFS{FS: src}, sign.WithBundle(b)
}

func openFile(t testing.TB, m *sign.Model) *sign.File {
	t.Helper()
	f, err := m.OpenFile(t.Context(), "w")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestOpenFileReads holds open files against the contract of readers, for sizes around chunks and shards.
func TestOpenFileReads(t *testing.T) {
	key := signtest.Key(t)
	for _, size := range []int{1, testChunk, testChunk + 1, 2 * testChunk, 3*testChunk - 1} {
		for _, shard := range []int64{0, testChunk, testChunk + 77, 100_000, 10 << 20} {
			for _, cache := range []int64{0, 2 * testChunk, 1 << 30} {
				t.Run(fmt.Sprintf("size=%d/shard=%d/cache=%d", size, shard, cache), func(t *testing.T) {
					content := noise(size)
					src, bundle := signedAs(t, key, content, shard)
					m := open(t, src, anyModel(key), bundle, sign.WithCache(cache))
					f := openFile(t, m)
					if got, err := io.ReadAll(f); err != nil || string(got) != content {
						t.Errorf("%d bytes, %v", len(got), err)
					}
					for _, off := range []int{0, 1, testChunk - 1, testChunk, int(shard), size - 1, size, size + 1} {
						for _, n := range []int{0, 1, 100, testChunk + 2, size + 1} {
							b := make([]byte, n)
							got, err := f.ReadAt(b, int64(off))
							want := content[min(off, size):min(off+n, size)]
							if string(b[:got]) != want || (err == io.EOF) != (len(want) < n) || err != nil && err != io.EOF {
								t.Errorf("ReadAt(%d bytes, %d) = %d, %v", n, off, got, err)
							}
						}
					}
					if n, err := f.Seek(-1, io.SeekEnd); err != nil || n != int64(size-1) {
						t.Error(n, err)
					}
					if n, err := f.Read(make([]byte, 2)); n != 1 || err != nil {
						t.Error(n, err)
					}
					if n, err := f.Read(make([]byte, 2)); n != 0 || err != io.EOF {
						t.Error(n, err)
					}
					if _, complete := m.Loaded(); !complete {
						t.Error("was read and does not count")
					}
					if err := f.Close(); err != nil || src.open.Load() != 0 {
						t.Errorf("%v, %d files are open", err, src.open.Load())
					}
					if _, err := f.ReadAt(make([]byte, 1), 0); !errors.Is(err, fs.ErrClosed) {
						t.Error(err)
					}
				})
			}
		}
	}
}

// TestOpenFileCosts holds what the documentation says of the cost of a first access, of later ones and of the cache.
func TestOpenFileCosts(t *testing.T) {
	const size, shard = 16 * testChunk, 4 * testChunk
	key, content := signtest.Key(t), noise(size)
	for _, c := range []struct {
		name                          string
		shard, cache                  int64
		opening, first, second, other int64 // chunks that are read
	}{
		{"whole", 0, 2 * testChunk, 16, 1, 0, 1},
		{"whole, nothing kept", 0, 0, 16, 1, 1, 1},
		{"whole, all kept", 0, 2 * size, 16, 0, 0, 0},
		{"shards", shard, 2 * testChunk, 0, 4 + 1, 0, 4 + 1},
		{"shards, nothing kept", shard, 0, 0, 4 + 1, 1, 4 + 1},
		{"shards, one kept", shard, 2 * shard, 0, 4, 0, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			src, bundle := signedAs(t, key, content, c.shard)
			m := open(t, src, anyModel(key), bundle, sign.WithCache(c.cache))
			expect := func(what string, want int64) {
				t.Helper()
				if got := src.bytes.Swap(0); got != want*testChunk {
					t.Errorf("%s: %d bytes were read, want %d chunks", what, got, want)
				}
			}
			f := openFile(t, m)
			expect("open", c.opening)
			at := func(off int64) {
				t.Helper()
				b := make([]byte, 100)
				if _, err := f.ReadAt(b, off); err != nil || string(b) != content[off:off+100] {
					t.Fatal("wrong bytes", err)
				}
			}
			at(10)
			expect("first access", c.first)
			at(5000)
			expect("the same chunk", c.second)
			at(9 * testChunk)
			expect("another place", c.other)
			openFile(t, m)
			expect("open again", 0)
		})
	}
}

// TestOpenFileEvicted: a chunk that fell out of the cache and was changed meanwhile is refused; one that is kept stays good;
// and a shard that nobody touched is judged by its own digest.
func TestOpenFileEvicted(t *testing.T) {
	const size, shard = 8 * testChunk, 2 * testChunk
	key, content := signtest.Key(t), noise(size)
	for _, s := range []int64{0, shard} {
		src, bundle := signedAs(t, key, content, s)
		data := src.FS.(fstest.MapFS)["w"].Data
		f := openFile(t, open(t, src, anyModel(key), bundle, sign.WithCache(2*testChunk)))
		b := make([]byte, 10)
		for _, off := range []int64{0, testChunk} {
			if _, err := f.ReadAt(b, off); err != nil {
				t.Fatal(err)
			}
		}
		data[5]++
		data[7*testChunk]++
		if _, err := f.ReadAt(b, 0); err != nil || string(b) != content[:10] {
			t.Errorf("kept chunk: %q, %v", b, err)
		}
		for off := int64(testChunk); off < 4*testChunk; off += testChunk {
			if _, err := f.ReadAt(b, off); err != nil {
				t.Fatal(err)
			}
		}
		n, err := f.ReadAt(b, 0)
		if e, ok := errors.AsType[*sign.MismatchError](err); n != 0 || !ok || e.Path != "w" || e.Start != 0 || e.End != testChunk || e.Got != nil {
			t.Errorf("evicted chunk: %d, %v", n, err)
		}
		n, err = f.ReadAt(b, 7*testChunk-4)
		e, ok := errors.AsType[*sign.MismatchError](err)
		if s == 0 && (n != 4 || !ok || e.Start != 7*testChunk) || s > 0 && (n != 0 || !ok || e.Start != 6*testChunk || len(e.Got) != 32) {
			t.Errorf("changed chunk: %d, %v", n, err)
		}
		data[5]--
		if _, err = f.ReadAt(b, 0); err != nil {
			t.Error("repaired:", err)
		}
	}
}

// TestOpenFileConcurrent reads at random places from several goroutines, beside another open file of the same name.
func TestOpenFileConcurrent(t *testing.T) {
	key, content := signtest.Key(t), noise(9*testChunk+5)
	for _, shard := range []int64{0, testChunk + 4096} {
		for _, cache := range []int64{0, testChunk, 4 * testChunk} {
			src, bundle := signedAs(t, key, content, shard)
			m := open(t, src, anyModel(key), bundle, sign.WithCache(cache))
			files := []*sign.File{openFile(t, m), openFile(t, m)}
			var wg sync.WaitGroup
			for g := range 4 {
				wg.Go(func() {
					r := rand.New(rand.NewPCG(uint64(g), 1))
					b := make([]byte, testChunk+testChunk/2)
					for range 40 {
						off := r.IntN(len(content))
						p := b[:1+r.IntN(len(b))]
						n, err := files[g%2].ReadAt(p, int64(off))
						if want := min(len(p), len(content)-off); n != want || n < len(p) != (err == io.EOF) || err != nil && err != io.EOF ||
							string(p[:n]) != content[off:off+n] {
							t.Errorf("at %d: %d of %d bytes, %v", off, n, len(p), err)
							return
						}
					}
				})
			}
			wg.Wait()
		}
	}
}

// TestReadAtAllocations: reading what is kept, and what is not, costs no memory of its own.
func TestReadAtAllocations(t *testing.T) {
	key, content := signtest.Key(t), noise(9*testChunk)
	src, bundle := signedAs(t, key, content, 0)
	f := openFile(t, open(t, src.FS, anyModel(key), bundle, sign.WithCache(2*testChunk)))
	b, off := make([]byte, 4096), int64(0)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := f.ReadAt(b, 100); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a kept chunk", n)
	}
	if n := testing.AllocsPerRun(100, func() {
		off = (off + testChunk) % (8 * testChunk)
		if _, err := f.ReadAt(b, off); err != nil {
			t.Fatal(err)
		}
	}); n > 4 { // the entry of the cache, whatever the size
		t.Errorf("%v allocations for a chunk that is read again", n)
	}
}

// TestTapsSeeOpenedFiles: a tap sees the whole of a large file when it is opened, once, in order, also where shards would be
// verified one by one; and decides.
func TestTapsSeeOpenedFiles(t *testing.T) {
	key, content := signtest.Key(t), noise(5*testChunk)
	errTap := errors.New("refused")
	for _, shard := range []int64{0, 2 * testChunk} {
		for _, fail := range []error{nil, errTap} {
			src, bundle := signedAs(t, key, content, shard)
			tap := &recorder{failFinish: fail}
			m := open(t, src, anyModel(key), bundle, sign.WithTap(func(string, int64) (sign.Tap, error) { return tap, nil }))
			f, err := m.OpenFile(t.Context(), "w")
			if !errors.Is(err, fail) || !bytes.Equal(tap.Bytes(), []byte(content)) || tap.finished != 1 {
				t.Fatalf("shard %d: tap saw %d bytes, finished %d times, %v", shard, tap.Len(), tap.finished, err)
			}
			if fail != nil {
				if src.open.Load() != 0 {
					t.Error("left open")
				}
				continue
			}
			if _, err := io.Copy(io.Discard, f); err != nil || tap.finished != 1 {
				t.Error(err, tap.finished)
			}
			f.Close()
		}
	}
}

// hugeFS says that the file "w" is larger than any memory.
type hugeFS struct{ fstest.MapFS }

type hugeFile struct{ fs.File }

type hugeInfo struct{ fs.FileInfo }

func (hugeInfo) Size() int64 { return 1 << 60 }

func (h hugeFS) Open(name string) (fs.File, error) {
	f, err := h.MapFS.Open(name)
	if err != nil || name != "w" {
		return f, err
	}
	return hugeFile{f}, nil
}

func (f hugeFile) Stat() (fs.FileInfo, error) {
	fi, err := f.File.Stat()
	return hugeInfo{fi}, err
}

func (f hugeFile) ReadAt(b []byte, off int64) (int, error) {
	return f.File.(io.ReaderAt).ReadAt(b, off)
}

// TestHugeSizes: the size that the storage claims costs no memory.
func TestHugeSizes(t *testing.T) {
	key := signtest.Key(t)
	src := signtest.Sign(t, fstest.MapFS{"w": {Data: []byte("x"), Mode: 0o644}}, key)
	m := open(t, hugeFS{src}, anyModel(key))
	if _, err := m.OpenFile(t.Context(), "w"); !errors.Is(err, sign.ErrMismatch) {
		t.Error(err)
	}
	if _, err := m.ReadFile("w"); !errors.Is(err, sign.ErrTooLarge) {
		t.Error(err)
	}
	if err := m.VerifyAll(t.Context(), nil); !errors.Is(err, sign.ErrMismatch) {
		t.Error(err)
	}
	if _, _, err := sign.Sign(t.Context(), hugeFS{src}, key, sign.SignOptions{ShardSize: 1}); !errors.Is(err, sign.ErrFormat) {
		t.Error("signing in shards:", err)
	}
}

// TestFailedPassKeepsNothing: what a pass read that failed is not in the cache, and not in the buffers that are used again.
func TestFailedPassKeepsNothing(t *testing.T) {
	key, content := signtest.Key(t), noise(3*testChunk)
	for _, shard := range []int64{0, 2 * testChunk} {
		src, bundle := signedAs(t, key, content, shard)
		data := src.FS.(fstest.MapFS)["w"].Data
		m := open(t, src, anyModel(key), bundle)
		data[testChunk]++ // in the first shard
		f, err := m.OpenFile(t.Context(), "w")
		if shard == 0 {
			if !errors.Is(err, sign.ErrMismatch) || src.open.Load() != 0 {
				t.Errorf("%v, %d files open", err, src.open.Load())
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		b := make([]byte, 10)
		for range 2 {
			for _, off := range []int64{0, testChunk} {
				if n, err := f.ReadAt(b, off); n != 0 || !errors.Is(err, sign.ErrMismatch) {
					t.Errorf("at %d: %d, %v", off, n, err)
				}
			}
		}
		if _, err := f.ReadAt(b, 2*testChunk); err != nil || string(b) != content[2*testChunk:][:10] {
			t.Error("another shard:", err)
		}
	}
}
