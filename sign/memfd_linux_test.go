package sign_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// TestMemfd: the file has the verified content, can be opened by its path and mapped, and nobody can change it.
func TestMemfd(t *testing.T) {
	key := signtest.Key(t)
	for _, size := range []int{0, 1, 3*testChunk + 5} {
		content := noise(size)
		tap := &recorder{}
		m := open(t, signtest.Sign(t, signtest.Files(map[string]string{"dir/w": content}), key), anyModel(key),
			sign.WithTap(func(string, int64) (sign.Tap, error) { return tap, nil }))
		f, err := m.Memfd(t.Context(), "dir/w")
		if errors.Is(err, sign.ErrNoMemfd) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(f); err != nil || string(got) != content || tap.String() != content || tap.finished != 1 {
			t.Errorf("%d bytes, tap %d, %v", len(got), tap.Len(), err)
		}
		if _, complete := m.Loaded(); !complete {
			t.Error("does not count as loaded")
		}
		for _, open := range []func() (*os.File, error){
			func() (*os.File, error) { return f, nil },
			func() (*os.File, error) { return os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), os.O_RDWR, 0) },
		} {
			g, err := open()
			if err != nil {
				continue // not even opened for writing
			}
			defer g.Close()
			if _, err := g.WriteAt([]byte{1}, 0); err == nil {
				t.Error("was written")
			}
			if g.Truncate(0) == nil && size > 0 || g.Truncate(int64(size+1)) == nil {
				t.Error("has another size")
			}
			if size > 0 {
				if _, err := syscall.Mmap(int(g.Fd()), 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED); err == nil {
					t.Error("was mapped for writing")
				}
			}
		}
		if size > 0 {
			data, err := syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_SHARED)
			if err != nil || string(data) != content {
				t.Errorf("mapped: %v", err)
			}
			syscall.Munmap(data)
		}
		f.Close()
	}
}

// TestMemfdRefuses: no descriptor is left of what is not what was signed, and names that the system does not take are cut.
func TestMemfdRefuses(t *testing.T) {
	key := signtest.Key(t)
	long := strings.Repeat("模", 80) + ".bin"
	src := signtest.Sign(t, signtest.Files(map[string]string{"w": noise(1000), long: "x"}), key)
	descriptors := func() int {
		d, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		return len(d)
	}
	before := descriptors()
	for _, c := range signtest.Tamper(src, "w") {
		m := open(t, c.FS, anyModel(key))
		if f, err := m.Memfd(t.Context(), "w"); f != nil || !errors.Is(err, c.Error) {
			t.Errorf("%s: %v, %v", c.Name, f, err)
		}
		if m.Released("w") {
			t.Errorf("%s: counts as released", c.Name)
		}
	}
	m := open(t, src, anyModel(key), sign.WithTap(func(string, int64) (sign.Tap, error) { return nil, io.ErrUnexpectedEOF }))
	if f, err := m.Memfd(t.Context(), "w"); f != nil || !errors.Is(err, sign.ErrTap) {
		t.Error(f, err)
	}
	if after := descriptors(); after > before {
		t.Errorf("%d descriptors, were %d", after, before)
	}
	m = open(t, src, anyModel(key))
	if f, err := m.Memfd(t.Context(), "unsigned"); f != nil || !errors.Is(err, sign.ErrNotSigned) {
		t.Error(f, err)
	}
	f, err := m.Memfd(t.Context(), long)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

// TestMemfdHugeFile: a file that claims more than this machine has is an error, before anything is read.
func TestMemfdHugeFile(t *testing.T) {
	key := signtest.Key(t)
	src := signtest.Sign(t, fstest.MapFS{"w": {Data: []byte("x")}}, key)
	m := open(t, hugeFS{src}, anyModel(key))
	if f, err := m.Memfd(t.Context(), "w"); f != nil || !errors.Is(err, sign.ErrNoMemory) {
		t.Error(f, err)
	}
}
