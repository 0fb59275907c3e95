package memory

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestEngineDiesWithServer kills the server: an engine must not go on serving without its guard, not even one that asks the
// kernel to let it live.
func TestEngineDiesWithServer(t *testing.T) {
	exe := probeProgram(t)
	cmd := exec.Command(exe, "engine:"+exe)
	cmd.Env = []string{probeEnv}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil || pid == 0 {
		t.Fatal(pid, err)
	}
	if !alive(pid) {
		t.Fatal("the engine does not run")
	}
	time.Sleep(200 * time.Millisecond) // for what it tries before it sleeps
	cmd.Process.Kill()
	cmd.Wait()
	gone(t, pid)
}

// TestEngineEndsWithContext also ends what the engine started.
func TestEngineEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	mark := fmt.Sprintf("600.%d", os.Getpid())
	e := Engine{Path: "/bin/sh", Args: []string{"-c", "sleep " + mark + " & wait"}, InsecureWithout: lacking()}
	p, err := e.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	child := awaited(t, func() int { return running(mark) })
	cancel()
	if err := p.Wait(); err == nil {
		t.Error("it ended well")
	}
	gone(t, p.Pid())
	gone(t, child)
	if err := p.Wait(); err == nil {
		t.Error("a second Wait has another answer")
	}
}

// TestEngineLeavesNobody kills the server of an engine that has put a process out of its group.
func TestEngineLeavesNobody(t *testing.T) {
	need(t, NoSurvivors)
	exe := probeProgram(t)
	mark := fmt.Sprintf("sleep:6%d", os.Getpid())
	cmd := exec.Command(exe, "fork:"+exe+" "+mark)
	cmd.Env = []string{probeEnv}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var engine int
	if _, err := fmt.Fscan(out, &engine); err != nil || engine == 0 {
		t.Fatal(engine, err)
	}
	away := awaited(t, func() int {
		pid := running(mark)
		if sid, err := unix.Getsid(pid); err != nil || sid != pid {
			return 0
		}
		return pid
	})
	cmd.Process.Kill()
	cmd.Wait()
	gone(t, engine)
	gone(t, away)
}

// awaited waits until there is a process.
func awaited(t *testing.T, find func() int) int {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if pid := find(); pid != 0 {
			return pid
		}
		if time.Now().After(end) {
			t.Fatal("the engine started nobody")
		}
	}
}

// running finds the process whose last argument is mark.
func running(mark string) int {
	found, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range found {
		if b, err := os.ReadFile(p); err == nil && bytes.HasSuffix(b, []byte("\x00"+mark+"\x00")) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(p)))
			return pid
		}
	}
	return 0
}

// alive reports whether a process is there and not only waited for.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(b, []byte(") Z "))
}

func gone(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); alive(pid); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("process %d still runs", pid)
		}
	}
}

// TestServerIsNotConfined starts engines side by side, and shows that the restrictions of their threads stay theirs.
func TestServerIsNotConfined(t *testing.T) {
	before := filters("/proc/self/status") // of the container
	exe := probeProgram(t)
	done := make(chan error)
	for range 8 {
		go func() {
			var out bytes.Buffer
			e := Engine{Path: exe, Args: []string{"ids"}, Env: []string{probeEnv}, Stdout: &out, InsecureWithout: lacking()}
			p, err := e.Start(t.Context())
			if err == nil {
				err = p.Wait()
			}
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	for range 64 { // on whatever threads there are
		go func() {
			_, err := os.ReadDir("/etc")
			if err == nil {
				var l net.Listener
				if l, err = net.Listen("tcp", "127.0.0.1:0"); err == nil {
					l.Close()
				}
			}
			done <- err
		}()
	}
	for range 64 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		confined := 0
		tasks, _ := filepath.Glob("/proc/self/task/*/status")
		for _, task := range tasks {
			if n := filters(task); n > before {
				confined++
			}
		}
		if confined == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d threads are still confined", confined)
		}
	}
}

// filters is how many seccomp filters a thread is under. Kernels before 5.9 do not say.
func filters(status string) int {
	b, _ := os.ReadFile(status)
	_, rest, _ := strings.Cut(string(b), "Seccomp_filters:")
	n := 0
	fmt.Sscan(rest, &n)
	return n
}

// TestEngineSharesNoMemory: shared memory and queues without paths, which no rules of files reach, are its own, or it has none.
func TestEngineSharesNoMemory(t *testing.T) {
	key := os.Getpid()<<8 | 0x48
	id, err := unix.SysvShmGet(key, 1, unix.IPC_CREAT|unix.IPC_EXCL|0o666)
	if err != nil {
		t.Skip(err)
	}
	defer func() {
		if _, err := unix.SysvShmCtl(id, unix.IPC_RMID, nil); err != nil {
			t.Error(err)
		}
	}()
	look, attach := "shared memory:"+strconv.Itoa(key), "attach:"+strconv.Itoa(id)
	t.Run("namespace", func(t *testing.T) {
		need(t, NoSurvivors)
		got, _ := confined(t, Engine{}, look, attach, "own memory:")
		refusedAs(t, got, look, unix.ENOENT)
		refusedAs(t, got, attach, unix.EINVAL, unix.EIDRM)
		allowedTo(t, got, "own memory:")
	})
	t.Run("filter", func(t *testing.T) {
		need(t, SystemCalls)
		s := thisSystem()
		s.admin = false
		got, report := confinedBy(t, s, Engine{InsecureWithout: NoSurvivors}, look, attach, "own memory:", "queue:/"+strconv.Itoa(key))
		for _, attempt := range []string{look, attach, "own memory:", "queue:/" + strconv.Itoa(key)} {
			refusedAs(t, got, attempt, unix.ENOSYS)
		}
		if report.Missing != NoSurvivors|lacking() {
			t.Error(report.Missing)
		}
	})
}
