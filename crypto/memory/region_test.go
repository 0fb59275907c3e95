package memory

import (
	"errors"
	"os"
	"runtime"
	"testing"
)

func TestRegion(t *testing.T) {
	for _, size := range []int64{0, 1, 4096, 4097, 3<<20 + 5} {
		for _, o := range []Options{{}, {Huge: Try}, {Lock: Try}, {Huge: Try, Lock: Try}} {
			r, err := NewRegion(size, o)
			if err != nil {
				t.Fatal(size, o, err)
			}
			b := r.Bytes()
			if int64(len(b)) != size || int64(cap(b)) < size {
				t.Fatalf("%d bytes, want %d", len(b), size)
			}
			for i := range b {
				if b[i] != 0 {
					t.Fatalf("byte %d is not zero", i)
				}
				b[i] = byte(i)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			if r.Bytes() != nil {
				t.Error("bytes after Close")
			}
			if err := r.Close(); !errors.Is(err, os.ErrClosed) {
				t.Error(err)
			}
		}
	}
	if _, err := NewRegion(-1, Options{}); !errors.Is(err, ErrConfig) {
		t.Error(err)
	}
}

// TestRegionRoom asks for more than any machine has. The storage that tells sizes is hostile.
func TestRegionRoom(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the kernel is asked on Linux only")
	}
	size := int64(1) << 60
	if int64(int(size)) != size {
		t.Skip("an int has 32 bits")
	}
	if _, err := NewRegion(size, Options{}); !errors.Is(err, ErrNoRoom) {
		t.Error(err)
	}
	if _, err := NewFile("f", size, func([]byte) error { t.Error("filled"); return nil }); !errors.Is(err, ErrNoRoom) && !errors.Is(err, ErrUnsupported) {
		t.Error(err)
	}
}
