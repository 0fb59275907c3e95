package memory

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestFile(t *testing.T) {
	f := file(t)
	if b, err := io.ReadAll(f); err != nil || string(b) != weights {
		t.Fatalf("%q, %v", b, err)
	}
	if _, err := f.WriteAt([]byte("x"), 0); err == nil {
		t.Error("written to")
	}
	if err := unix.Ftruncate(int(f.Fd()), 0); err == nil {
		t.Error("truncated")
	}
}

// TestFileIsWhole gives nothing where filling failed, and clears what was there.
func TestFileIsWhole(t *testing.T) {
	broken := errors.New("broken")
	file(t)
	before := descriptors(t)
	if f, err := NewFile("m", 10, func(b []byte) error { copy(b, "secret"); return broken }); f != nil || !errors.Is(err, broken) {
		t.Error(f, err)
	}
	func() {
		defer func() { recover() }()
		NewFile("m", 10, func([]byte) error { panic("in fill") })
	}()
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors were open, and now %d", before, after)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// flags returns the kernel's VmFlags and the huge pages in KiB of the mapping that b begins in.
func flags(t *testing.T, b []byte) (vm string, huge string) {
	t.Helper()
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Skip(err)
	}
	at := uint64(uintptr(unsafe.Pointer(&b[0])))
	inside := false
	for line := range strings.Lines(string(smaps)) {
		var from, to uint64
		if n, _ := fmt.Sscanf(line, "%x-%x ", &from, &to); n == 2 {
			inside = from <= at && at < to
		}
		if s, ok := strings.CutPrefix(line, "VmFlags:"); ok && inside {
			return s, huge
		}
		if s, ok := strings.CutPrefix(line, "AnonHugePages:"); ok && inside {
			huge = strings.TrimSpace(s)
		}
	}
	t.Skip("the kernel does not show VmFlags")
	return "", ""
}

// TestRegionNoDump asks the kernel whether the memory goes into core dumps.
func TestRegionNoDump(t *testing.T) {
	r, err := NewRegion(3<<20, Options{Huge: Try})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.Bytes()[0] = 1
	if vm, _ := flags(t, r.Bytes()); !strings.Contains(vm, " dd") || !r.Facts().NoDump {
		t.Errorf("region: %q, %+v", vm, r.Facts())
	}
	f, err := NewFile("m", 100, func(b []byte) error {
		if vm, _ := flags(t, b); !strings.Contains(vm, " dd") {
			t.Errorf("file: %q", vm)
		}
		return nil
	})
	if err == nil {
		f.Close()
	} else if !errors.Is(err, ErrUnsupported) {
		t.Fatal(err)
	}
}

// TestRegionHuge asks the kernel whether huge pages came.
func TestRegionHuge(t *testing.T) {
	r, err := NewRegion(8<<20, Options{Huge: Require})
	if errors.Is(err, ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for i := 0; i < len(r.Bytes()); i += 4096 {
		r.Bytes()[i] = 1
	}
	if !r.Facts().Huge || align(r.Bytes(), hugeSize) != 0 {
		t.Errorf("%+v", r.Facts())
	}
	switch vm, huge := flags(t, r.Bytes()); {
	case r.Facts().Reserved && !strings.Contains(vm, " ht"):
		t.Errorf("not of the pool: %q", vm)
	case !r.Facts().Reserved && !strings.Contains(vm, " hg"):
		t.Errorf("not advised: %q", vm)
	case !r.Facts().Reserved && huge == "0 kB":
		t.Log("the kernel took the advice and had no huge page at hand")
	}
	ring, err := NewRing(4, 1<<20, Options{Huge: Require})
	if err != nil {
		t.Fatal(err)
	}
	if !ring.Facts().Huge {
		t.Errorf("%+v", ring.Facts())
	}
	if err := ring.Close(); err != nil {
		t.Error(err)
	}
}

// TestLock has a region larger than the limit. Root has none, so an ordinary user tries.
func TestLock(t *testing.T) {
	if capable(unix.CAP_IPC_LOCK) {
		r, err := NewRegion(1<<20, Options{Lock: Require})
		if err != nil || !r.Facts().Locked {
			t.Fatal(err)
		}
		if vm, _ := flags(t, r.Bytes()); !strings.Contains(vm, " lo") {
			t.Errorf("not locked: %q", vm)
		}
		r.Close()
	}
	if got := alone(t, "lock"); got != "try=false require=true" {
		t.Error(got)
	}
}

// TestHarden hardens a process of its own.
func TestHarden(t *testing.T) {
	want := "{NotDumpable:true CoreLimit:true} dumpable=0 core=0,0 file="
	if got := alone(t, "harden"); got != want && got != want+"data" {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestHardenKeepsOut has another process of the same user, without rights, open a process's memory.
func TestHardenKeepsOut(t *testing.T) {
	reach := func(how string) answered {
		t.Helper()
		cmd := exec.Command(probeProgram(t), "hold:"+how)
		cmd.Env, cmd.Dir = []string{probeEnv}, "/"
		if capable(unix.CAP_SETUID) && capable(unix.CAP_SETGID) {
			cmd.SysProcAttr = ordinary()
		}
		in, err1 := cmd.StdinPipe()
		out, err2 := cmd.StdoutPipe()
		if err := errors.Join(err1, err2, cmd.Start()); err != nil {
			t.Fatal(err)
		}
		defer cmd.Wait()
		defer in.Close()
		var ready string
		if _, err := fmt.Fscan(out, &ready); err != nil || ready != "ready" {
			t.Fatal(ready, err)
		}
		return attempted(t, fmt.Sprintf("open:/proc/%d/mem", cmd.Process.Pid))
	}
	if a := reach("hardened"); a.Errno != unix.EACCES && a.Errno != unix.EPERM {
		t.Errorf("hardened: %+v", a)
	}
	if a := reach("as it is"); a.Error != "" {
		t.Logf("without it: %+v, so something else on this system keeps processes apart too", a)
	}
}

// alone makes one attempt in an unconfined child without rights.
func alone(t *testing.T, attempt string) string {
	t.Helper()
	a := attempted(t, attempt)
	if a.Error != "" {
		t.Errorf("%s: %+v", attempt, a)
	}
	return a.Data
}

func attempted(t *testing.T, attempt string) answered {
	t.Helper()
	cmd := exec.Command(probeProgram(t), attempt)
	cmd.Env, cmd.Dir = []string{probeEnv}, "/"
	if capable(unix.CAP_SETUID) && capable(unix.CAP_SETGID) {
		cmd.SysProcAttr = ordinary()
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]answered{}
	if err := json.NewDecoder(bytes.NewReader(out)).Decode(&got); err != nil {
		t.Fatalf("%v: %q", err, out)
	}
	return got[attempt]
}
