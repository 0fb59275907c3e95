package memory

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
)

func ring(t *testing.T, n, size int) *Ring {
	t.Helper()
	r, err := NewRing(n, size, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRing(t *testing.T) {
	r := ring(t, 2, 5000)
	ctx := t.Context()
	a, err := r.Get(ctx)
	if err != nil || len(a) != 5000 || cap(a) != 5000 {
		t.Fatal(len(a), cap(a), err)
	}
	b, err := r.Get(ctx)
	if err != nil || &a[0] == &b[0] {
		t.Fatal("the same buffer twice", err)
	}
	for i := range a {
		a[i] = 1
	}
	for i := range b {
		if b[i] != 0 {
			t.Fatal("buffers overlap")
		}
	}
	short, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := r.Get(short); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := r.Close(); err == nil {
		t.Fatal("closed while buffers are out")
	}
	if err := r.Put(a[:7]); err != nil {
		t.Fatal(err)
	}
	again, err := r.Get(ctx)
	if err != nil || &again[0] != &a[0] || len(again) != 5000 {
		t.Fatal(err)
	}
	for i := range again {
		if again[i] != 0 {
			t.Fatalf("byte %d of the last use is still there", i)
		}
	}
	for name, bad := range map[string][]byte{"nil": nil, "empty": {}, "foreign": make([]byte, 5000), "inner": again[1:]} {
		if err := r.Put(bad); err == nil {
			t.Errorf("%s: taken back", name)
		}
	}
	if err := errors.Join(r.Put(again), r.Put(b)); err != nil {
		t.Fatal(err)
	}
	if err := r.Put(b); err == nil {
		t.Error("taken back twice")
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Get(ctx); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	if err := r.Close(); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}

func TestRingSizes(t *testing.T) {
	for _, c := range [][2]int{{0, 1}, {1, 0}, {-1, 1}, {1, -1}, {maxBuffers + 1, 1}} {
		if _, err := NewRing(c[0], c[1], Options{}); !errors.Is(err, ErrConfig) {
			t.Errorf("%v: %v", c, err)
		}
	}
}

// TestRingUnderUse has more users than buffers: no buffer is two users', and each comes clean.
func TestRingUnderUse(t *testing.T) {
	r := ring(t, 3, 4096)
	var wg sync.WaitGroup
	for user := range byte(8) {
		wg.Go(func() {
			for range 200 {
				b, err := r.Get(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				for i := range b {
					if b[i] != 0 {
						t.Error("not clean")
					}
					b[i] = user + 1
				}
				for i := range b {
					if b[i] != user+1 {
						t.Error("another user's")
					}
				}
				if err := r.Put(b); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestRingAllocations(t *testing.T) {
	r := ring(t, 2, 1<<16)
	defer r.Close()
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		b, err := r.Get(ctx)
		if err != nil {
			t.Fatal(err)
		}
		b[0] = 1
		if err := r.Put(b); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a Get and a Put", n)
	}
}
