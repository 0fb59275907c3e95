package memory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe" // arguments of system calls

	"golang.org/x/sys/unix"
)

// probeEnv makes this test binary the program that is confined: it does what its arguments say, "verb:object", and reports.
const probeEnv = "HOLDFAST_MEMORY_PROBE=1"

func TestMain(m *testing.M) {
	if slices.Contains(os.Environ(), probeEnv) {
		probe(os.Args[1:])
		unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0) // at once: the race detector waits a second otherwise
	}
	os.Exit(m.Run())
}

// an answer is what became of one attempt.
type answered struct {
	Data  string
	Error string
	Errno syscall.Errno
}

func probe(attempts []string) {
	out := map[string]answered{}
	for _, a := range attempts {
		verb, object, _ := strings.Cut(a, ":")
		data, err := attempt(verb, object)
		r := answered{Data: data}
		if err != nil {
			r.Error = err.Error()
			errors.As(err, &r.Errno)
		}
		out[a] = r
	}
	json.NewEncoder(os.Stdout).Encode(out)
}

func attempt(verb, object string) (string, error) {
	number := func() int { n, _ := strconv.Atoi(object); return n }
	switch verb {
	case "read":
		b, err := os.ReadFile(object)
		return string(b), err
	case "list":
		entries, err := os.ReadDir(object)
		return fmt.Sprint(entries), err
	case "open": // without reading
		f, err := os.Open(object)
		if err == nil {
			f.Close()
		}
		return "", err
	case "write":
		f, err := os.OpenFile(object, os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteAt([]byte("x"), 0)
			f.Close()
		}
		return "", err
	case "chmod":
		return "", os.Chmod(object, 0o777)
	case "truncate":
		return "", os.Truncate(object, 0)
	case "remove":
		return "", os.Remove(object)
	case "create":
		return "", os.WriteFile(object, []byte("x"), 0o600)
	case "run":
		b, err := exec.Command(object).CombinedOutput()
		return string(b), err
	case "environ":
		return strings.Join(os.Environ(), "\n"), nil
	case "ids":
		groups, err := os.Getgroups()
		return fmt.Sprintf("%d %d %v", os.Getuid(), os.Getgid(), groups), err
	case "core":
		var r unix.Rlimit
		err := unix.Getrlimit(unix.RLIMIT_CORE, &r)
		return fmt.Sprint(r.Cur), err
	case "descriptors":
		var open []string
		for fd := range 64 {
			if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
				target, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
				open = append(open, target)
			}
		}
		return strings.Join(open, " "), nil
	case "dial":
		c, err := net.DialTimeout("tcp", object, time.Second)
		if err == nil {
			c.Close()
		}
		return "", err
	case "fastopen": // connects and sends in one call: sendto, sendmsg or sendmmsg
		call, to, _ := strings.Cut(object, ",")
		return "", fastOpen(call, to)
	case "deathsig": // what it gets when the server dies
		return "", unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(number()), 0, 0, 0)
	case "keepalive": // another option of TCP
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err == nil {
			defer unix.Close(fd)
			err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 10)
		}
		return "", err
	case "ulp": // a protocol over TCP
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err == nil {
			defer unix.Close(fd)
			err = unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_ULP, object)
		}
		return "", err
	case "listen":
		l, err := net.Listen("tcp", object)
		if err == nil {
			l.Close()
		}
		return "", err
	case "socket":
		var family, kind, protocol int
		fmt.Sscanf(object, "%d,%d,%d", &family, &kind, &protocol)
		fd, err := unix.Socket(family, kind, protocol)
		if err == nil {
			unix.Close(fd)
		}
		return "", err
	case "pair":
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err == nil {
			unix.Close(fds[0])
			unix.Close(fds[1])
		}
		return "", err
	case "abstract":
		c, err := net.Dial("unix", "@"+object)
		if err == nil {
			c.Close()
		}
		return "", err
	case "shared memory": // of System V, by its key
		_, err := unix.SysvShmGet(number(), 0, 0)
		return "", err
	case "attach":
		_, _, errno := unix.Syscall(unix.SYS_SHMAT, uintptr(number()), 0, unix.SHM_RDONLY)
		return "", ifSet(errno)
	case "queue":
		name := append([]byte(strings.TrimPrefix(object, "/")), 0)
		_, _, errno := unix.Syscall6(unix.SYS_MQ_OPEN, uintptr(unsafe.Pointer(&name[0])), unix.O_RDWR|unix.O_CREAT, 0o600, 0, 0, 0)
		return "", ifSet(errno)
	case "own memory":
		id, err := unix.SysvShmGet(unix.IPC_PRIVATE, 1, 0o600)
		if err == nil {
			_, err = unix.SysvShmCtl(id, unix.IPC_RMID, nil)
		}
		return "", err
	case "signal":
		return "", unix.Kill(number(), 0)
	case "trace":
		_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_ATTACH, uintptr(number()), 0, 0, 0, 0)
		return "", ifSet(errno)
	case "unshare":
		return "", unix.Unshare(unix.CLONE_NEWUSER)
	case "clone":
		// Refused, or a child that has to go.
		pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD|unix.CLONE_NEWUSER), 0, 0, 0, 0, 0)
		if errno == 0 && pid == 0 {
			unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
		return "", ifSet(errno)
	case "call":
		_, _, errno := unix.Syscall6(uintptr(number()), 0, 0, 0, 0, 0, 0)
		return "", ifSet(errno)
	case "ioctl": // on its input, with bits that a filter may look at and the kernel does not
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, 0, uintptr(uint64(number())|1<<32), 0)
		return "", ifSet(errno)
	case "sleep":
		time.Sleep(time.Duration(number()) * time.Second)
		return "", nil
	case "harden":
		return hardened()
	case "hold": // hardens itself, or not, and waits until nobody reads any more
		if object == "hardened" {
			if _, err := HardenProcess(); err != nil {
				return "", err
			}
		}
		fmt.Println("ready")
		_, err := io.Copy(io.Discard, os.Stdin)
		return "", err
	case "lock":
		return locked()
	case "sweepable": // leaves a published directory behind, as a killed process does
		return leave(object)
	case "engine": // starts an engine that sleeps, says so and sleeps too
		if lacking()&SystemCalls != 0 {
			return "", serve(object, "sleep:600")
		}
		return "", serve(object, "deathsig:0", "sleep:600") // one that wants to stay behind
	case "fork": // starts an engine that puts a process into a session of its own
		program, mark, _ := strings.Cut(object, " ")
		return "", serve(program, "away:"+program+" "+mark)
	case "away":
		program, mark, _ := strings.Cut(object, " ")
		cmd := exec.Command(program, mark)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		return "", cmd.Run()
	}
	return "", fmt.Errorf("unknown attempt %q", verb)
}

// fastOpen sends "out" to an address with TCP Fast Open, which asks no one who watches connect.
func fastOpen(call, to string) error {
	addr, err := netip.ParseAddrPort(to)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	sa := unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: addr.Addr().As4(), Port: addr.Port()<<8 | addr.Port()>>8}
	data := []byte("out")
	v := unix.Iovec{Base: &data[0]}
	v.SetLen(len(data))
	m := struct {
		unix.Msghdr
		n uint32
		_ uint32
	}{Msghdr: unix.Msghdr{Name: (*byte)(unsafe.Pointer(&sa)), Namelen: uint32(unsafe.Sizeof(sa)), Iov: &v, Iovlen: 1}}
	wide := uint64(unix.MSG_FASTOPEN | 1<<32) // with a bit that a filter may look at and the kernel does not
	flags := uintptr(wide)
	var errno syscall.Errno
	switch call {
	case "sendto":
		_, _, errno = unix.Syscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&data[0])), 3, flags, uintptr(unsafe.Pointer(&sa)), unsafe.Sizeof(sa))
	case "sendmsg":
		_, _, errno = unix.Syscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&m)), flags)
	case "sendmmsg":
		_, _, errno = unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&m)), 1, flags, 0, 0)
	}
	return ifSet(errno)
}

func ifSet(errno syscall.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

// hardened is what HardenProcess does to the process that calls it.
func hardened() (string, error) {
	h, err := HardenProcess()
	if err != nil {
		return "", err
	}
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil {
		return "", err
	}
	var core unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &core); err != nil {
		return "", err
	}
	f, err := NewFile("after", 4, func(dst []byte) error { copy(dst, "data"); return nil })
	if errors.Is(err, ErrUnsupported) {
		f, err = os.Open(os.DevNull)
	}
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(f)
	return fmt.Sprintf("%+v dumpable=%d core=%d,%d file=%s", h, dumpable, core.Cur, core.Max, b), err
}

// locked asks for more locked memory than the limit allows.
func locked() (string, error) {
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: 1 << 16, Max: 1 << 16}); err != nil {
		return "", err
	}
	r, err := NewRegion(1<<20, Options{Lock: Try})
	if err != nil {
		return "", err
	}
	_, required := NewRegion(1<<20, Options{Lock: Require})
	return fmt.Sprintf("try=%v require=%v", r.Facts().Locked, errors.Is(required, ErrUnsupported)), nil
}

func leave(parent string) (string, error) {
	d, err := NewDir(DirOptions{Parent: parent})
	if err != nil {
		return "", err
	}
	if err := d.Write("sub/weights", 6, func(dst []byte) error { copy(dst, "secret"); return nil }); err != nil {
		return "", err
	}
	return d.Publish()
}

func serve(program string, attempts ...string) error {
	e := Engine{Path: program, Args: attempts, Env: []string{probeEnv}, InsecureWithout: lacking()}
	p, err := e.Start(context.Background())
	if err != nil {
		return err
	}
	fmt.Println(p.Pid())
	return p.Wait()
}

// probeProgram is this test binary at a place where a process of any user can run it.
func probeProgram(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	p := filepath.Join(open(t), "probe")
	if err := os.WriteFile(p, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return p
}

// open is a temporary directory that every user can read.
func open(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "holdfast-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
