package sign

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
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
	f.o.random.Add(1)
	return f.File.(io.ReaderAt).ReadAt(b, off)
}

type fillingFile struct{ *openedFile }

func (f fillingFile) ReadAllInto(context.Context, []byte, func(int64)) error {
	panic("not for a pass that keeps nothing")
}

// manyLengths are files of lengths around every border, and the digests that they must have.
func manyLengths(shard int64) (src fstest.MapFS, names []string, want [][][]byte) {
	src = fstest.MapFS{}
	r := rand.New(rand.NewPCG(3, 4))
	lengths := []int{0, 1, 63, 64, 4095, 4096, piece(16) - 1, piece(16), piece(16) + 1, chunk - 1, chunk, chunk + 1, 3*chunk + 5}
	for range 30 {
		lengths = append(lengths, r.IntN(4*chunk))
	}
	for i, n := range lengths {
		data := make([]byte, n)
		for j := range data {
			data[j] = byte(r.Uint32())
		}
		name := fmt.Sprintf("f%02d", i)
		src[name] = &fstest.MapFile{Data: data, Mode: 0o644}
		var sums [][]byte
		for rest := data; len(rest) > 0 || shard == 0; {
			k := len(rest)
			if shard > 0 {
				k = min(k, int(shard))
			}
			sum := sha256.Sum256(rest[:k])
			sums = append(sums, sum[:])
			if rest = rest[k:]; shard == 0 {
				break
			}
		}
		names, want = append(names, name), append(want, sums)
	}
	return src, names, want
}

// TestLanes: however many lanes a worker has, every file has its digest, and no more files are open than there are lanes.
func TestLanes(t *testing.T) {
	for _, shard := range []int64{0, 100_000, chunk} {
		src, names, want := manyLengths(shard)
		for _, lanes := range []int{1, 2, 11, 16} {
			for _, workers := range []int{1, 2, 3} {
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
					equal := got[i].err == nil && len(got[i].sums) == len(want[i])
					for j := range want[i] {
						equal = equal && bytes.Equal(got[i].sums[j], want[i][j])
					}
					if !equal {
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

// TestPiece: the lanes of a worker share the memory of two chunks, and pages are not cut.
func TestPiece(t *testing.T) {
	for lanes := 1; lanes <= 16; lanes++ {
		if n := piece(lanes); n*lanes > 2*chunk || n%4096 != 0 || n < 32<<10 || n > chunk {
			t.Errorf("%d lanes: %d bytes each", lanes, n)
		}
	}
}

// TestCoarseSources: a source whose files open large segments for small reads is read in few lanes, and whole files from front to back.
func TestCoarseSources(t *testing.T) {
	for _, shard := range []int64{0, chunk} {
		src, names, want := manyLengths(shard)
		o := &openFS{FS: src, fills: true}
		s, err := plan(t.Context(), o, names, form{algorithm: manifest.SHA256, shardSize: shard})
		if err != nil {
			t.Fatal(err)
		}
		s.together = func(streams int) int { return min(streams, 16) }
		got, err := s.run(t.Context(), effort{workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		for i := range names {
			if got[i].err != nil || len(got[i].sums) != len(want[i]) || len(want[i]) > 0 && !bytes.Equal(got[i].sums[0], want[i][0]) {
				t.Errorf("%s has another digest (%v)", names[i], got[i].err)
			}
		}
		if n := o.maxOpen.Load(); n > 2 || shard == 0 && o.random.Load() != 0 || o.seq.Load() == 0 {
			t.Errorf("shard %d: %d files open, %d reads in order, %d at offsets", shard, n, o.seq.Load(), o.random.Load())
		}
	}
}
