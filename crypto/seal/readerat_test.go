package seal_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// faulty fails the reads that fail says.
type faulty struct {
	io.ReaderAt
	fail func(off int64) error
}

func (f faulty) ReadAt(p []byte, off int64) (int, error) {
	if err := f.fail(off); err != nil {
		return 0, err
	}
	return f.ReaderAt.ReadAt(p, off)
}

// A fault of the disk stays one, is not remembered as tampering, and leaves nothing in the destination.
func TestReadFaults(t *testing.T) {
	h := newKeyset(t, 4096)
	pt := pattern("p", 20_000)
	ct := sealBytes(t, h, nil, pt)
	var fault error
	src := faulty{bytes.NewReader(ct), func(off int64) error {
		if off == 8192 {
			return fault
		}
		return nil
	}}
	r, err := seal.NewReaderAt(src, int64(len(ct)), h, nil, seal.WithWorkers(2))
	if err != nil {
		t.Fatal(err)
	}
	fault = iotest.ErrTimeout
	dst := bytes.Repeat([]byte{0xee}, 200)
	if n, err := r.ReadAt(dst, 8300); n != 0 || !errors.Is(err, iotest.ErrTimeout) || errors.Is(err, seal.ErrAuth) {
		t.Errorf("ReadAt: %d, %v", n, err)
	}
	fault = io.EOF // the file has shrunk
	if n, err := r.ReadAt(dst, 8300); n != 0 || !errors.Is(err, seal.ErrTruncated) {
		t.Errorf("ReadAt of a file that has shrunk: %d, %v", n, err)
	}
	fault = nil
	if r, err = seal.NewReaderAt(src, int64(len(ct)), h, nil); err != nil {
		t.Fatal(err)
	}
	for at, err := range map[string]error{"header": iotest.ErrTimeout} {
		bad := faulty{bytes.NewReader(ct), func(off int64) error {
			if off == 0 {
				return err
			}
			return nil
		}}
		if _, got := seal.NewReaderAt(bad, int64(len(ct)), h, nil); !errors.Is(got, err) || errors.Is(got, seal.ErrAuth) {
			t.Errorf("%s: %v", at, got)
		}
	}
	all := make([]byte, len(pt))
	if err := r.ReadAllInto(t.Context(), all, nil); err != nil || !bytes.Equal(all, pt) {
		t.Errorf("without faults: %v", err)
	}
}

func TestReadAtContract(t *testing.T) {
	h := newKeyset(t, 100)
	pt := pattern("p", 1000)
	ct := sealBytes(t, h, nil, pt)
	r, err := seal.NewReaderAt(bytes.NewReader(ct), int64(len(ct)), h, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(io.NewSectionReader(r, 0, r.Size()), pt); err != nil {
		t.Error(err)
	}
	if n, err := r.ReadAt(make([]byte, 1), -1); n != 0 || err == nil || err == io.EOF {
		t.Errorf("negative offset: %d, %v", n, err)
	}
	for _, off := range []int64{1000, 1001, math.MaxInt64} {
		if n, err := r.ReadAt(make([]byte, 1), off); n != 0 || err != io.EOF {
			t.Errorf("offset %d: %d, %v", off, n, err)
		}
	}
	for off := range pt {
		for _, size := range []int{0, 1, 83, 84, 85, 200, 2000} {
			p := bytes.Repeat([]byte{0xee}, size)
			n, err := r.ReadAt(p, int64(off))
			want := min(size, len(pt)-off)
			if n != want || !bytes.Equal(p[:n], pt[off:off+n]) || (err == io.EOF) != (n < size) || err != nil && err != io.EOF {
				t.Fatalf("offset %d, %d bytes: %d, %v", off, size, n, err)
			}
			if !bytes.Equal(p[n:], bytes.Repeat([]byte{0xee}, size-n)) {
				t.Fatalf("offset %d, %d bytes: wrote past what it read", off, size)
			}
		}
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			p := make([]byte, 150)
			for i := range 50 {
				off := (g*131 + i*17) % 850
				if _, err := r.ReadAt(p, int64(off)); err != nil || !bytes.Equal(p, pt[off:off+150]) {
					t.Errorf("concurrent read at %d: %v", off, err)
				}
			}
		})
	}
	wg.Wait()
}

// Tink accepts a full segment followed by an empty last one, though it writes none; so do we.
func TestEmptyLastSegment(t *testing.T) {
	h := newKeyset(t, 100)
	for _, full := range []int{1, 2, 3} {
		pt := pattern("p", full*84-40)
		ct := seal.WithEmptyLast(t, h, nil, pt)
		for name, read := range readers {
			if got, err := read(t, h, nil, ct); err != nil || !bytes.Equal(got, pt) {
				t.Errorf("%d segments by %s: %d bytes, %v", full, name, len(got), err)
			}
		}
		if _, err := openAll(t, h, nil, ct[:len(ct)-16]); !errors.Is(err, seal.ErrTruncated) {
			t.Errorf("%d segments without the empty one: %v", full, err)
		}
	}
}

// The watermark rises to the end, never overlaps itself, and what lies below it is plaintext.
func TestWatermark(t *testing.T) {
	h := newKeyset(t, 4096)
	pt := pattern("p", 3_000_000)
	ct := sealBytes(t, h, nil, pt)
	for _, workers := range []int{1, 2, 5} {
		r, err := seal.NewReaderAt(bytes.NewReader(ct), int64(len(ct)), h, nil, seal.WithWorkers(workers))
		if err != nil {
			t.Fatal(err)
		}
		dst := make([]byte, len(pt))
		var at int64
		var busy sync.Mutex
		err = r.ReadAllInto(t.Context(), dst, func(n int64) {
			if !busy.TryLock() {
				t.Error("two calls at once")
				return
			}
			defer busy.Unlock()
			if n <= at || !bytes.Equal(dst[at:n], pt[at:n]) {
				t.Errorf("watermark %d after %d", n, at)
			}
			at = n
		})
		if err != nil || at != int64(len(pt)) {
			t.Errorf("%d workers: watermark ends at %d, %v", workers, at, err)
		}
	}
	empty := sealBytes(t, h, nil, nil)
	if err := seal.DecryptTo(t.Context(), nil, bytes.NewReader(empty), int64(len(empty)), h, nil); err != nil {
		t.Errorf("empty file: %v", err)
	}
	if err := seal.DecryptTo(t.Context(), make([]byte, 1), bytes.NewReader(empty), int64(len(empty)), h, nil); !errors.Is(err, io.ErrShortBuffer) {
		t.Errorf("destination of another size: %v", err)
	}
}

// A cancelled call ends with the context's error and a cleared destination.
func TestCancel(t *testing.T) {
	h := newKeyset(t, 4096)
	pt := pattern("p", 2_000_000)
	ct := sealBytes(t, h, nil, pt)
	for _, workers := range []int{1, 3} {
		r, err := seal.NewReaderAt(bytes.NewReader(ct), int64(len(ct)), h, nil, seal.WithWorkers(workers))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		dst := make([]byte, len(pt))
		err = r.ReadAllInto(ctx, dst, func(n int64) { cancel() })
		if !errors.Is(err, context.Canceled) || !bytes.Equal(dst, make([]byte, len(dst))) {
			t.Errorf("%d workers: %v", workers, err)
		}
		if err := r.ReadAllInto(t.Context(), dst, nil); err != nil || !bytes.Equal(dst, pt) {
			t.Errorf("after a cancelled call: %v", err)
		}
	}
}

// ReadAt, and each segment of ReadAllInto, allocate nothing once warm.
func TestAllocations(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector allocates")
	}
	h := newKeyset(t, 4096)
	pt := pattern("p", 1_000_000)
	ct := sealBytes(t, h, nil, pt)
	f := newTempFile(t)
	if _, err := f.Write(ct); err != nil {
		t.Fatal(err)
	}
	for name, src := range map[string]io.ReaderAt{"file": f, "memory": bytes.NewReader(ct), "private": seal.PrivateBytes(ct)} {
		r, err := seal.NewReaderAt(src, int64(len(ct)), h, nil, seal.WithWorkers(1))
		if err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 10_000)
		if n := testing.AllocsPerRun(200, func() {
			if _, err := r.ReadAt(p, 5000); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations for each ReadAt", name, n)
		}
		dst := make([]byte, len(pt))
		// 245 segments: what is left belongs to the call.
		if n := testing.AllocsPerRun(20, func() {
			if err := r.ReadAllInto(t.Context(), dst, nil); err != nil {
				t.Fatal(err)
			}
		}); n > 8 {
			t.Errorf("%s: %v allocations for each ReadAllInto", name, n)
		}
	}
}
