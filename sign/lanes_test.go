package sign

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	mrand "math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// openFS counts open files, and reads of each kind.
type openFS struct {
	fs.FS
	fills         bool // its files have ReadAllInto
	open, maxOpen atomic.Int64
	seq, random   atomic.Int64
	onRead        func(n int64) // before the n-th read at an offset; or nil
}

func (o *openFS) Open(name string) (fs.File, error) {
	f, err := o.FS.Open(name)
	if err != nil {
		return nil, err
	}
	for n := o.open.Add(1); ; {
		if old := o.maxOpen.Load(); n <= old || o.maxOpen.CompareAndSwap(old, n) {
			break
		}
	}
	counted := &openedFile{f, o}
	if o.fills {
		return fillingFile{counted}, nil
	}
	return counted, nil
}

type openedFile struct {
	fs.File
	o *openFS
}

func (f *openedFile) Close() error { f.o.open.Add(-1); return f.File.Close() }

func (f *openedFile) Read(b []byte) (int, error) { f.o.seq.Add(1); return f.File.Read(b) }

func (f *openedFile) ReadAt(b []byte, off int64) (int, error) {
	if n := f.o.random.Add(1); f.o.onRead != nil {
		f.o.onRead(n)
	}
	return f.File.(io.ReaderAt).ReadAt(b, off)
}

type fillingFile struct{ *openedFile }

func (f fillingFile) ReadAllInto(context.Context, []byte, func(int64)) error {
	panic("not for a pass that keeps nothing")
}

// manyLengths are files of lengths around every border, and the digests that they must have.
func manyLengths(shard int64) (src fstest.MapFS, names []string, want [][][]byte) {
	src = fstest.MapFS{}
	r := mrand.New(mrand.NewPCG(3, 4))
	lengths := []int{0, 1, 63, 64, 4095, 4096, piece(16) - 1, piece(16), piece(16) + 1, chunk - 1, chunk, chunk + 1, 3*chunk + 5}
	for range 12 {
		lengths = append(lengths, r.IntN(3*chunk))
	}
	for i, n := range lengths {
		data := make([]byte, n)
		for j := range data {
			data[j] = byte(r.Uint32())
		}
		name := fmt.Sprintf("f%02d", i)
		src[name] = &fstest.MapFile{Data: data, Mode: 0o644}
		names, want = append(names, name), append(want, digests(data, shard))
	}
	return src, names, want
}

// digests are those of data as a whole, or of its shards.
func digests(data []byte, shard int64) (sums [][]byte) {
	for {
		k := len(data)
		if shard > 0 {
			if k = min(k, int(shard)); k == 0 {
				return sums
			}
		}
		sum := sha256.Sum256(data[:k])
		sums = append(sums, sum[:])
		if data = data[k:]; shard == 0 {
			return sums
		}
	}
}

// TestLanes: however many lanes a worker has, every file has its digest, and no more files are open than there are lanes.
func TestLanes(t *testing.T) {
	for _, shard := range []int64{0, 100_000, chunk} {
		src, names, want := manyLengths(shard)
		for _, lanes := range []int{1, 2, 16} {
			for _, workers := range []int{1, 3} {
				o := &openFS{FS: src}
				s, err := plan(t.Context(), o, names, form{algorithm: manifest.SHA256, shardSize: shard})
				if err != nil {
					t.Fatal(err)
				}
				s.together = func(streams int) int { return min(streams, lanes) }
				got, err := s.run(t.Context(), effort{workers: workers})
				if err != nil {
					t.Fatal(err)
				}
				for i, name := range names {
					if got[i].err != nil || !slices.EqualFunc(got[i].sums, want[i], bytes.Equal) {
						t.Errorf("shard %d, %d lanes, %d workers: %s, of %d bytes, has other digests (%v)", shard, lanes, workers, name, len(src[name].Data), got[i].err)
					}
				}
				if n := o.maxOpen.Load(); n > int64(lanes*workers) || o.open.Load() != 0 {
					t.Errorf("%d lanes, %d workers: %d files were open, %d still are", lanes, workers, n, o.open.Load())
				}
			}
		}
	}
}

// TestLanesCancel: a worker that has many lanes to read sees a cancellation before the next of them, and leaves none open.
func TestLanesCancel(t *testing.T) {
	src, names, _ := manyLengths(0)
	for _, workers := range []int{1, 2} {
		for at := int64(1); ; at++ {
			ctx, cancel := context.WithCancel(t.Context())
			o := &openFS{FS: src}
			var mu sync.Mutex // no read is counted between the one that cancels and the cancellation
			var reads int64
			o.onRead = func(int64) {
				mu.Lock()
				defer mu.Unlock()
				if reads++; reads == at {
					cancel()
				}
			}
			s, err := plan(ctx, o, names, form{algorithm: manifest.SHA256})
			if err != nil {
				t.Fatal(err)
			}
			s.together = func(streams int) int { return min(streams, 16) }
			_, err = s.run(ctx, effort{workers: workers})
			done := ctx.Err() == nil
			cancel()
			if done {
				break
			}
			if n := reads; !errors.Is(err, context.Canceled) || n > at+int64(workers)-1 || o.open.Load() != 0 {
				t.Fatalf("%d workers, cancelled at read %d: %v; %d reads, %d files are open", workers, at, err, n, o.open.Load())
			}
		}
	}
}

// TestPanickingSource: where storage panics under a worker, the caller gets the panic, who may recover from it, and no file stays open.
func TestPanickingSource(t *testing.T) {
	src, names, _ := manyLengths(0)
	for _, opens := range []bool{false, true} {
		for _, workers := range []int{1, 2} {
			for at := int64(1); at < 12; at++ {
				o := &openFS{FS: src, onRead: func(n int64) {
					if n >= at && !opens {
						panic("storage")
					}
				}}
				var fsys fs.FS = o
				if opens {
					fsys = &panickyFS{o, at, atomic.Int64{}}
				}
				s, err := plan(t.Context(), fsys, names, form{algorithm: manifest.SHA256})
				if err != nil {
					t.Fatal(err)
				}
				s.together = func(streams int) int { return min(streams, 16) }
				func() {
					defer func() {
						if p := recover(); p != "storage" {
							t.Errorf("%d workers, panic at %d: %v", workers, at, p)
						}
					}()
					_, err := s.run(t.Context(), effort{workers: workers})
					t.Error("no panic, but", err)
				}()
				if o.open.Load() != 0 {
					t.Errorf("%d workers, panic at %d: %d files are open", workers, at, o.open.Load())
				}
			}
		}
	}
}

// panickyFS panics where the at-th file is opened.
type panickyFS struct {
	*openFS
	at int64
	n  atomic.Int64
}

func (p *panickyFS) Open(name string) (fs.File, error) {
	if p.n.Add(1) >= p.at {
		panic("storage")
	}
	return p.openFS.Open(name)
}

func (p *panickyFS) Stat(name string) (fs.FileInfo, error) { return fs.Stat(p.FS, name) }

// TestPiece: the lanes of a worker share the memory of two chunks, and pages are not cut.
func TestPiece(t *testing.T) {
	for lanes := 1; lanes <= 16; lanes++ {
		if n := piece(lanes); n*lanes > 2*chunk || n%4096 != 0 || n < 32<<10 || n > chunk {
			t.Errorf("%d lanes: %d bytes each", lanes, n)
		}
	}
}

// TestCoarseSources: a source whose files open large segments for small reads is read from front to back, in few lanes. Only where
// there are fewer files than workers are shards read at offsets.
func TestCoarseSources(t *testing.T) {
	for _, c := range []struct {
		shard          int64
		workers, files int
		inOrder        bool
	}{{0, 1, 25, true}, {0, 2, 1, true}, {chunk, 1, 25, true}, {chunk, 2, 2, true}, {chunk, 2, 1, false}} {
		src, names, want := manyLengths(c.shard)
		names, want = names[len(names)-c.files:], want[len(want)-c.files:]
		o := &openFS{FS: src, fills: true}
		s, err := plan(t.Context(), o, names, form{algorithm: manifest.SHA256, shardSize: c.shard})
		if err != nil {
			t.Fatal(err)
		}
		s.together = func(streams int) int { return min(streams, 16) }
		got, err := s.run(t.Context(), effort{workers: c.workers})
		if err != nil {
			t.Fatal(err)
		}
		for i := range names {
			if got[i].err != nil || !slices.EqualFunc(got[i].sums, want[i], bytes.Equal) {
				t.Errorf("%+v: %s has other digests (%v)", c, names[i], got[i].err)
			}
		}
		if n := o.maxOpen.Load(); n > int64(2*c.workers) || (o.random.Load() == 0) != c.inOrder || (o.seq.Load() == 0) == c.inOrder {
			t.Errorf("%+v: %d files open, %d reads in order, %d at offsets", c, n, o.seq.Load(), o.random.Load())
		}
	}
}

// otherBytes is storage that answers each read with other bytes, and remembers them.
type otherBytes struct {
	fstest.MapFS
	mu   sync.Mutex
	told map[string][]byte // what was answered, by name
	seen map[string]int64  // bytes asked for, by name
}

func (o *otherBytes) Open(name string) (fs.File, error) {
	f, err := o.MapFS.Open(name)
	return otherFile{f, o, name}, err
}

type otherFile struct {
	fs.File
	o    *otherBytes
	name string
}

func (f otherFile) ReadAt(b []byte, off int64) (int, error) {
	n, err := f.File.(io.ReaderAt).ReadAt(b, off)
	for i := range b[:n] {
		b[i] = byte(mrand.Uint32())
	}
	f.o.mu.Lock()
	defer f.o.mu.Unlock()
	copy(f.o.told[f.name][off:], b[:n])
	f.o.seen[f.name] += int64(n)
	return n, err
}

// TestEachByteOnce: every byte is read once, and what is hashed is what was read, however many lanes there are: storage that says
// something else each time it is asked gets the digest of what it said.
func TestEachByteOnce(t *testing.T) {
	src, names, _ := manyLengths(0)
	for _, shard := range []int64{0, 100_000} {
		for _, lanes := range []int{1, 2, 16} {
			o := &otherBytes{MapFS: src, told: map[string][]byte{}, seen: map[string]int64{}}
			for name, f := range src {
				o.told[name] = make([]byte, len(f.Data))
			}
			s, err := plan(t.Context(), o, names, form{algorithm: manifest.SHA256, shardSize: shard})
			if err != nil {
				t.Fatal(err)
			}
			s.together = func(streams int) int { return min(streams, lanes) }
			got, err := s.run(t.Context(), effort{workers: 2})
			if err != nil {
				t.Fatal(err)
			}
			for i, name := range names {
				if want := digests(o.told[name], shard); got[i].err != nil || !slices.EqualFunc(got[i].sums, want, bytes.Equal) {
					t.Errorf("shard %d, %d lanes: %s has not the digest of what was read (%v)", shard, lanes, name, got[i].err)
				}
				if o.seen[name] != int64(len(src[name].Data)) {
					t.Errorf("shard %d, %d lanes: of %s %d bytes were read", shard, lanes, name, o.seen[name])
				}
			}
		}
	}
}
