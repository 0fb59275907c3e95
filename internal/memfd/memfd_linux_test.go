package memfd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

const content = "weights that were verified"

// made creates a buffer, or skips where the kernel has none.
func made(t *testing.T, size int64) *Buffer {
	t.Helper()
	b, err := Create("model", size)
	if errors.Is(err, ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sealed(t *testing.T) *os.File {
	t.Helper()
	b := made(t, int64(len(content)))
	copy(b.Bytes(), content)
	f, err := b.Seal()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestSealed tries every way to change a sealed file.
func TestSealed(t *testing.T) {
	f := sealed(t)
	fd := int(f.Fd())
	writable, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", fd), os.O_RDWR, 0)
	if err == nil { // root may open it; it cannot write
		t.Cleanup(func() { writable.Close() })
	} else {
		writable = f
	}
	for name, try := range map[string]func() error{
		"write":    func() error { _, err := writable.WriteAt([]byte("x"), 0); return err },
		"append":   func() error { _, err := writable.WriteAt([]byte("x"), int64(len(content))); return err },
		"shrink":   func() error { return unix.Ftruncate(int(writable.Fd()), 1) },
		"grow":     func() error { return unix.Ftruncate(int(writable.Fd()), 1<<20) },
		"punch":    func() error { return unix.Fallocate(int(writable.Fd()), 3, 0, 1) },
		"map":      func() error { return mapping(writable, unix.MAP_SHARED) },
		"unsealed": func() error { _, err := unix.FcntlInt(writable.Fd(), unix.F_ADD_SEALS, 0); return err },
	} {
		if err := try(); err == nil {
			t.Errorf("%s: allowed", name)
		}
	}
	if got, err := io.ReadAll(f); err != nil || string(got) != content {
		t.Fatalf("%q, %v", got, err)
	}
	if err := Check(f, int64(len(content))); err != nil {
		t.Error(err)
	}
	if err := Check(f, 1); err == nil {
		t.Error("another size passes the check")
	}
	if flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0); err != nil || flags&unix.O_ACCMODE != unix.O_RDONLY {
		t.Errorf("flags %#x, %v: not read-only", flags, err)
	}
	if flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("flags %#x, %v: passed on to every child", flags, err)
	}
}

func mapping(f *os.File, flags int) error {
	b, err := unix.Mmap(int(f.Fd()), 0, len(content), unix.PROT_READ|unix.PROT_WRITE, flags)
	if err == nil {
		_ = unix.Munmap(b)
	}
	return err
}

// TestNotSealed shows that Check tells a file that can still be changed.
func TestNotSealed(t *testing.T) {
	b := made(t, 10)
	defer b.Close()
	if err := Check(b.f, 10); err == nil {
		t.Error("an open file passes the check")
	}
	disk, err := os.Create(t.TempDir() + "/f")
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	if err := Check(disk, 0); err == nil {
		t.Error("a file on disk passes the check")
	}
}

// TestForeignMapping holds a second writable mapping: the seal is refused, and nothing of the content stays in it.
func TestForeignMapping(t *testing.T) {
	b := made(t, int64(len(content)))
	copy(b.Bytes(), content)
	other, err := unix.Mmap(int(b.f.Fd()), 0, len(content), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(other)
	if f, err := b.Seal(); !errors.Is(err, unix.EBUSY) || f != nil {
		t.Fatalf("%v, %v", f, err)
	}
	if !bytes.Equal(other, make([]byte, len(content))) {
		t.Errorf("what was not sealed is still there: %q", other)
	}
}

func TestClose(t *testing.T) {
	b := made(t, int64(len(content)))
	copy(b.Bytes(), content)
	other, err := unix.Mmap(int(b.f.Fd()), 0, len(content), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(other)
	for range 2 {
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(other, make([]byte, len(content))) {
		t.Errorf("what was closed is still there: %q", other)
	}
	if _, err := b.Seal(); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}

func TestSizes(t *testing.T) {
	for _, size := range []int64{0, 1, 4095, 4096, 4097, 3 << 20} {
		b := made(t, size)
		if int64(len(b.Bytes())) != size {
			t.Fatalf("%d bytes, want %d", len(b.Bytes()), size)
		}
		for i := range b.Bytes() {
			b.Bytes()[i] = byte(i)
		}
		f, err := b.Seal()
		if err != nil {
			t.Fatal(size, err)
		}
		got, err := io.ReadAll(f)
		f.Close()
		if err != nil || int64(len(got)) != size {
			t.Fatalf("%d bytes, want %d: %v", len(got), size, err)
		}
		for i := range got {
			if got[i] != byte(i) {
				t.Fatalf("size %d: byte %d differs", size, i)
			}
		}
	}
	if b, err := Create("model", -1); err == nil {
		b.Close()
		t.Error("-1 bytes: made")
	}
	if _, err := Create("a\x00b", 1); err == nil {
		t.Error("a name with a zero byte: made")
	}
}

// TestChildReads hands the descriptor to a program that knows nothing of it but a path.
func TestChildReads(t *testing.T) {
	cmd := exec.Command("cat", "/proc/self/fd/3")
	cmd.ExtraFiles = []*os.File{sealed(t)}
	got, err := cmd.CombinedOutput()
	if err != nil || string(got) != content {
		t.Fatalf("%q, %v", got, err)
	}
}

// TestRoom asks for what no machine has, without trying to take it: a kernel that tried would kill processes.
func TestRoom(t *testing.T) {
	if err := Room(1 << 60); !errors.Is(err, ErrNoRoom) {
		t.Error(err)
	}
	if err := Room(1 << 20); err != nil {
		t.Error(err)
	}
	meminfo := "MemTotal:       24731708 kB\nMemFree:        23541176 kB\nMemAvailable:   24200428 kB\nBuffers: 1 kB\n"
	if n := available([]byte(meminfo)); n != 24200428<<10 {
		t.Error(n)
	}
	for _, odd := range []string{"", "MemAvailable: x kB\n", "MemAvailable: 99999999999999999 kB\n", "MemAvailable:"} {
		if n := available([]byte(odd)); n != 1<<63-1 {
			t.Errorf("%q: %d", odd, n)
		}
	}
}

// A signal now and then costs an allocation one piece, and no other fault is tried again.
func TestAllocationIsInterrupted(t *testing.T) {
	const size = 5<<20 + 7
	var got, calls int64
	err := allocate(size, func(off, n int64) error {
		calls++
		switch {
		case calls%2 == 1:
			return unix.EINTR
		case off != got || n <= 0 || n > 2<<20:
			t.Fatalf("%d bytes at %d after %d", n, off, got)
		}
		got += n
		return nil
	})
	if err != nil || got != size {
		t.Errorf("%d of %d bytes, %v", got, int64(size), err)
	}
	calls = 0
	if err := allocate(size, func(int64, int64) error { calls++; return unix.ENOSPC }); !errors.Is(err, unix.ENOSPC) || calls != 1 {
		t.Errorf("a full file system: %v after %d calls", err, calls)
	}
}
