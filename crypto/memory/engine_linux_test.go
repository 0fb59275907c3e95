package memory

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// lacking is what this system, or this user, cannot enforce. Tests of a measure that lacks are skipped.
func lacking() Measure {
	e := &Engine{}
	s := thisSystem()
	u, err := e.user(s)
	if err != nil {
		panic(err)
	}
	return allMeasures &^ e.can(s, u)
}

func need(t *testing.T, m Measure) {
	t.Helper()
	if l := lacking() & m; l != 0 {
		t.Skipf("this system cannot enforce: %v", l)
	}
}

// confined runs the probe with attempts under e and returns what became of them.
func confined(t *testing.T, e Engine, attempts ...string) (map[string]answered, Report) {
	t.Helper()
	if e.Path == "" {
		e.Path = probeProgram(t)
	}
	var out bytes.Buffer
	e.Args, e.Stdout, e.Stderr = attempts, &out, os.Stderr
	e.Env = append(e.Env, probeEnv)
	e.InsecureWithout |= lacking()
	p, err := e.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Fatalf("%v, output %q", err, out.String())
	}
	got := map[string]answered{}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v: %q", err, out.String())
	}
	return got, p.Report()
}

// refusedAs demands that an attempt failed for one of these reasons.
func refusedAs(t *testing.T, got map[string]answered, attempt string, reasons ...syscall.Errno) {
	t.Helper()
	a, ok := got[attempt]
	for _, r := range reasons {
		if ok && a.Errno == r {
			return
		}
	}
	t.Errorf("%s: %+v, want one of %v", attempt, a, reasons)
}

func allowedTo(t *testing.T, got map[string]answered, attempt string) string {
	t.Helper()
	a, ok := got[attempt]
	if !ok || a.Error != "" {
		t.Errorf("%s: %+v", attempt, a)
	}
	return a.Data
}

const weights = "weights that were verified"

func filled(content string) func([]byte) error {
	return func(dst []byte) error { copy(dst, content); return nil }
}

func file(t *testing.T) *os.File {
	t.Helper()
	f, err := NewFile("model", int64(len(weights)), filled(weights))
	if errors.Is(err, ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func published(t *testing.T, o DirOptions) *Dir {
	t.Helper()
	d, err := NewDir(o)
	if errors.Is(err, ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	for _, name := range []string{"config.json", "shards/a.safetensors"} {
		if err := d.Write(name, int64(len(weights)), filled(weights)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Publish(); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestEngineReadsItsModel hands one model over both ways, and nothing of it can be changed.
func TestEngineReadsItsModel(t *testing.T) {
	d := published(t, DirOptions{})
	shard := filepath.Join(d.Path(), "shards/a.safetensors")
	tries := []string{"read:" + FilePath(0), "read:" + shard, "list:" + d.Path(), "write:" + FilePath(0), "truncate:" + FilePath(0),
		"write:" + shard, "truncate:" + shard, "remove:" + shard, "create:" + filepath.Join(d.Path(), "new"), "descriptors"}
	got, _ := confined(t, Engine{Files: []*os.File{file(t)}, Dirs: []*Dir{d}}, tries...)
	for _, a := range tries[:2] {
		if s := allowedTo(t, got, a); s != weights {
			t.Errorf("%s: %q", a, s)
		}
	}
	if s := allowedTo(t, got, tries[2]); !strings.Contains(s, "config.json") {
		t.Errorf("list: %q", s)
	}
	for _, a := range tries[3:9] {
		refusedAs(t, got, a, unix.EPERM, unix.EACCES)
	}
	if fds := strings.Fields(got["descriptors"].Data); len(fds) < 4 || !strings.Contains(fds[3], "memfd:model") {
		t.Errorf("descriptors: %q", fds)
	}
}

// TestEngineFiles tries what was not granted.
func TestEngineFiles(t *testing.T) {
	need(t, Files)
	dir := open(t)
	secret, readable, writable := filepath.Join(dir, "secret"), filepath.Join(dir, "r"), filepath.Join(dir, "w")
	for _, p := range []string{readable, writable} {
		if err := os.Mkdir(p, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(p, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []string{secret, filepath.Join(readable, "f")} {
		if err := os.WriteFile(p, []byte("x"), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(p, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	got, r := confined(t, Engine{Read: []string{readable}, Write: []string{writable}},
		"read:"+secret, "write:"+secret, "truncate:"+secret, "list:"+dir, "create:"+dir+"/new", "create:/tmp/new", "list:/tmp", "list:/", "list:/home",
		"list:/etc", "list:/sys/kernel", "list:/dev", "open:/dev/mem", "open:/dev/kmsg", "open:/dev/tty",
		"read:"+readable+"/f", "write:"+readable+"/f", "create:"+readable+"/new", "truncate:"+readable+"/f",
		"create:"+writable+"/new", "read:"+writable+"/new", "write:"+writable+"/new", "list:/usr", "write:/dev/null", "open:/dev/urandom",
		"open:/dev/sev-guest", "open:/dev/tpm0")
	if r.Enforced&Files == 0 {
		t.Fatalf("%+v", r)
	}
	for _, a := range []string{"read:" + secret, "write:" + secret, "truncate:" + secret, "list:" + dir, "create:" + dir + "/new", "create:/tmp/new",
		"list:/tmp", "list:/", "list:/etc", "list:/sys/kernel", "list:/dev", "write:" + readable + "/f", "create:" + readable + "/new",
		"truncate:" + readable + "/f"} {
		refusedAs(t, got, a, unix.EACCES)
	}
	for _, a := range []string{"list:/home", "open:/dev/mem", "open:/dev/kmsg", "open:/dev/tty", "open:/dev/sev-guest", "open:/dev/tpm0"} {
		refusedAs(t, got, a, unix.EACCES, unix.EPERM, unix.ENOENT, unix.ENXIO)
	}
	for _, a := range []string{"read:" + readable + "/f", "create:" + writable + "/new", "read:" + writable + "/new", "write:" + writable + "/new",
		"list:/usr", "write:/dev/null", "open:/dev/urandom"} {
		allowedTo(t, got, a)
	}
}

// TestEngineDevices stands a file in for a device that the machine does not have: the engine does not get at what lies
// in /dev, whatever its mode, and gets what is granted.
func TestEngineDevices(t *testing.T) {
	need(t, Files|NoTEEDevices)
	got, _ := confined(t, Engine{}, "open:/dev/ptmx", "open:/dev/null")
	refusedAs(t, got, "open:/dev/ptmx", unix.EACCES, unix.ENOENT)
	allowedTo(t, got, "open:/dev/null")
	if _, err := os.Stat("/dev/ptmx"); err == nil {
		got, _ := confined(t, Engine{Devices: []string{"/dev/ptmx"}}, "open:/dev/ptmx")
		if a := got["open:/dev/ptmx"]; a.Errno == unix.EACCES {
			t.Errorf("a granted device: %+v", a)
		}
	}
}

func TestEngineUser(t *testing.T) {
	need(t, OwnUser)
	got, r := confined(t, Engine{}, "ids", "read:/proc/self/status", "signal:"+strconv.Itoa(os.Getpid()))
	want := fmt.Sprintf("%d %d []", r.User.UID, r.User.GID)
	if ids := allowedTo(t, got, "ids"); ids != want || r.User.UID == uint32(os.Getuid()) || r.User.GID == uint32(os.Getgid()) {
		t.Errorf("ids %q, want %q", ids, want)
	}
	status := allowedTo(t, got, "read:/proc/self/status")
	for _, line := range []string{"CapInh:\t0000000000000000", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000",
		"CapAmb:\t0000000000000000", "NoNewPrivs:\t1"} {
		if !strings.Contains(status, line+"\n") {
			t.Errorf("no %q in\n%s", line, status)
		}
	}
	refusedAs(t, got, "signal:"+strconv.Itoa(os.Getpid()), unix.EPERM, unix.ESRCH)

	got, r = confined(t, Engine{User: &User{UID: 61200, GID: 61201, Groups: []uint32{61202}}}, "ids")
	if ids := allowedTo(t, got, "ids"); ids != "61200 61201 [61202]" || r.User.UID != 61200 {
		t.Errorf("ids %q, %+v", ids, r)
	}
	for _, u := range []User{{}, {UID: uint32(os.Getuid()), GID: 61201}, {UID: 61200, GID: uint32(os.Getgid())}} {
		e := Engine{Path: "/bin/true", User: &u, InsecureWithout: lacking()}
		if _, err := e.Start(t.Context()); !missing(err, OwnUser) && !missing(err, OwnUser|NoTEEDevices) {
			t.Errorf("%+v: %v", u, err)
		}
	}
}

// TestEngineOutside tries to look at, signal and talk to processes that are not the engine's.
func TestEngineOutside(t *testing.T) {
	need(t, Files|SystemCalls)
	name := fmt.Sprintf("holdfast-test-%d", os.Getpid())
	l, err := net.Listen("unix", "@"+name)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	pid := strconv.Itoa(os.Getpid())
	anothers := fmt.Sprintf("/proc/%s/fd/%d", pid, file(t).Fd()) // another engine's model
	refused := []string{"read:/proc/" + pid + "/environ", "open:/proc/" + pid + "/mem", "open:" + anothers, "trace:" + pid}
	got, r := confined(t, Engine{Network: Network{Local: true}}, append(refused, "signal:"+pid, "abstract:"+name)...)
	for _, a := range refused {
		refusedAs(t, got, a, unix.EACCES, unix.EPERM)
	}
	if r.Landlock >= 6 {
		refusedAs(t, got, "abstract:"+name, unix.EPERM)
		if landlockErrata()&signalErratum != 0 {
			refusedAs(t, got, "signal:"+pid, unix.EPERM, unix.ESRCH)
		}
	}
}

func TestEngineEnvironment(t *testing.T) {
	t.Setenv("HOLDFAST_TEST_TOKEN", "canary")
	secret, err := os.Create(filepath.Join(t.TempDir(), "canary"))
	if err != nil {
		t.Fatal(err)
	}
	defer secret.Close()
	got, _ := confined(t, Engine{}, "environ", "descriptors", "core")
	if env := allowedTo(t, got, "environ"); env != probeEnv {
		t.Errorf("environment %q", env)
	}
	if fds := allowedTo(t, got, "descriptors"); strings.Contains(fds, "canary") {
		t.Errorf("descriptors %q", fds)
	}
	if core := allowedTo(t, got, "core"); core != "0" && lacking()&NoCoreDumps == 0 {
		t.Errorf("core limit %s", core)
	}
	var out bytes.Buffer
	e := Engine{Path: "/usr/bin/env", Stdout: &out, InsecureWithout: lacking()}
	p, err := e.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil || strings.Contains(out.String(), "canary") || !strings.Contains(out.String(), "PATH=") {
		t.Errorf("%v, %q", err, out.String())
	}
}

func TestEngineNetwork(t *testing.T) {
	need(t, NoNetwork)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	free.Close()
	dial, listen, other := "dial:"+l.Addr().String(), fmt.Sprintf("listen:127.0.0.1:%d", port), "listen:127.0.0.1:0"
	const mptcp = 262
	udp, udp6, raw := fmt.Sprintf("socket:%d,%d,0", unix.AF_INET, unix.SOCK_DGRAM), fmt.Sprintf("socket:%d,%d,0", unix.AF_INET6, unix.SOCK_DGRAM),
		fmt.Sprintf("socket:%d,%d,%d", unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_TCP)
	multi := fmt.Sprintf("socket:%d,%d,%d", unix.AF_INET, unix.SOCK_STREAM, mptcp)
	netlink, packet, vsock := fmt.Sprintf("socket:%d,%d,0", unix.AF_NETLINK, unix.SOCK_RAW), fmt.Sprintf("socket:%d,%d,0", unix.AF_PACKET, unix.SOCK_RAW),
		fmt.Sprintf("socket:%d,%d,0", unix.AF_VSOCK, unix.SOCK_STREAM)
	local := fmt.Sprintf("socket:%d,%d,0", unix.AF_UNIX, unix.SOCK_STREAM)
	uring := fmt.Sprintf("call:%d", unix.SYS_IO_URING_SETUP)
	all := []string{dial, listen, other, udp, udp6, raw, multi, netlink, packet, vsock, local, uring}

	got, _ := confined(t, Engine{}, append(all, "pair")...)
	for _, a := range all[:11] {
		refusedAs(t, got, a, unix.EAFNOSUPPORT)
	}
	refusedAs(t, got, uring, unix.ENOSYS)
	allowedTo(t, got, "pair")

	got, _ = confined(t, Engine{Network: Network{Local: true}}, all...)
	for _, a := range all[:10] {
		refusedAs(t, got, a, unix.EAFNOSUPPORT)
	}
	allowedTo(t, got, local)
	refusedAs(t, got, uring, unix.ENOSYS)

	if landlockVersion() >= 4 {
		got, _ = confined(t, Engine{Network: Network{Listen: []uint16{uint16(port)}}}, all...)
		allowedTo(t, got, listen)
		refusedAs(t, got, dial, unix.EACCES)
		refusedAs(t, got, other, unix.EACCES)
		for _, a := range []string{udp, udp6, raw, multi, netlink, packet, vsock, local} {
			refusedAs(t, got, a, unix.EAFNOSUPPORT)
		}
	}
	got, r := confined(t, Engine{Network: Network{InsecureAll: true}}, dial, other, udp)
	for _, a := range []string{dial, other, udp} {
		allowedTo(t, got, a)
	}
	if (r.Enforced|r.Missing)&NoNetwork != 0 {
		t.Errorf("%+v", r)
	}
}

func missing(err error, want Measure) bool {
	var e *UnenforcedError
	return errors.Is(err, ErrUnenforced) && errors.As(err, &e) && e.Missing == want
}

// TestEngineFailsClosed takes one ability after another from the system: the engine does not start, and says what lacks,
// until that very measure is named.
func TestEngineFailsClosed(t *testing.T) {
	full := system{landlock: 7, seccomp: true, users: true, admin: true}
	for name, c := range map[string]struct {
		system  system
		network Network
		missing Measure
	}{
		"all there":           {full, Network{}, 0},
		"no Landlock":         {system{0, true, true, true}, Network{}, Files},
		"old Landlock":        {system{2, true, true, true}, Network{}, Files},
		"no Landlock network": {system{3, true, true, true}, Network{Listen: []uint16{80}}, NoNetwork},
		"no seccomp":          {system{7, false, true, true}, Network{}, SystemCalls | NoNetwork},
		"no seccomp, network": {system{7, false, true, true}, Network{InsecureAll: true}, SystemCalls},
		"no users":            {system{7, true, false, true}, Network{}, OwnUser},
		"no namespaces":       {system{7, true, true, false}, Network{}, NoSurvivors},
		"nothing":             {system{}, Network{}, OwnUser | Files | NoTEEDevices | SystemCalls | NoNetwork | NoSurvivors},
	} {
		t.Run(name, func(t *testing.T) {
			e := Engine{Path: "/bin/true", Network: c.network, User: &User{UID: 61200, GID: 61200}}
			if c.system.landlock == 0 && !outOfReach(*e.User, "/", teeDevices[:]) {
				c.missing |= NoTEEDevices
			}
			if !coresOff() && !capable(unix.CAP_SYS_RESOURCE) && c.system.users {
				e.InsecureWithout = NoCoreDumps
			}
			p, err := e.plan(c.system)
			if c.missing == 0 {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if p != nil || !missing(err, c.missing) {
				t.Fatalf("%v, want %v", err, c.missing)
			}
			for bit := Measure(1); bit <= allMeasures; bit <<= 1 { // naming another one does not help
				e := e
				if e.InsecureWithout |= bit; c.missing&bit == 0 {
					if _, err := e.plan(c.system); err == nil && bit != NoTEEDevices {
						t.Errorf("starts without %v when %v is named", c.missing, bit)
					}
				}
			}
			e.InsecureWithout |= c.missing
			if p, err = e.plan(c.system); err != nil {
				t.Fatal(err)
			}
			if p.report.Missing&^NoCoreDumps != c.missing || p.report.Enforced&c.missing != 0 {
				t.Errorf("%+v", p.report)
			}
		})
	}
}

// TestEngineWithoutLandlock runs where the kernel has none, to the end: what is left is enforced, and reported.
func TestEngineWithoutLandlock(t *testing.T) {
	need(t, SystemCalls)
	s := thisSystem()
	s.landlock = 0
	var out bytes.Buffer
	e := Engine{Path: probeProgram(t), Args: []string{"unshare", "read:/proc/self/status"}, Env: []string{probeEnv}, Stdout: &out,
		InsecureWithout: lacking() | Files | NoTEEDevices}
	p, err := e.start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	if r := p.Report(); r.Missing&Files == 0 || r.Enforced&SystemCalls == 0 || r.Landlock != 0 {
		t.Errorf("%+v", r)
	}
	if !strings.Contains(out.String(), `Seccomp:\t2`) {
		t.Error(out.String())
	}
}

func TestEngineRefusals(t *testing.T) {
	d := published(t, DirOptions{})
	unpublished, err := NewDir(DirOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer unpublished.Close()
	writable, err := os.OpenFile(filepath.Join(t.TempDir(), "f"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer writable.Close()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("/dev", link); err != nil {
		t.Fatal(err)
	}
	for name, e := range map[string]Engine{
		"no program":         {},
		"relative program":   {Path: "true"},
		"absent program":     {Path: "/nonexistent/engine"},
		"relative grant":     {Path: "/bin/true", Read: []string{"x"}},
		"absent grant":       {Path: "/bin/true", Read: []string{"/nonexistent/x"}},
		"root":               {Path: "/bin/true", Read: []string{"/"}},
		"all devices":        {Path: "/bin/true", Devices: []string{"/dev"}},
		"devices by a link":  {Path: "/bin/true", Write: []string{link}},
		"kernel objects":     {Path: "/bin/true", Read: []string{"/sys"}},
		"unclean":            {Path: "/bin/true", Read: []string{"/usr/../dev/./"}},
		"model is writable":  {Path: "/bin/true", Write: []string{filepath.Dir(d.Path())}, Dirs: []*Dir{d}},
		"unpublished":        {Path: "/bin/true", Dirs: []*Dir{unpublished}},
		"writable file":      {Path: "/bin/true", Files: []*os.File{writable}},
		"network and local":  {Path: "/bin/true", Network: Network{Local: true, InsecureAll: true}},
		"network and ports":  {Path: "/bin/true", Network: Network{Listen: []uint16{1}, InsecureAll: true}},
		"unknown measure":    {Path: "/bin/true", InsecureWithout: 1 << 30},
		"model's own parent": {Path: "/bin/true", Write: []string{d.base}, Dirs: []*Dir{d}},
	} {
		e.InsecureWithout |= lacking() &^ NoTEEDevices
		if p, err := e.Start(t.Context()); p != nil || !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	e := Engine{Path: "/bin/true", Read: []string{"/"}, InsecureWithout: lacking() | NoTEEDevices}
	p, err := e.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil || p.Report().Enforced&(NoTEEDevices|OwnUser) == NoTEEDevices { // by its own user's rights alone
		t.Errorf("%v, %+v", err, p.Report())
	}
	notRun := Engine{Path: "/etc/passwd", InsecureWithout: lacking()}
	if _, err := notRun.Start(t.Context()); err == nil || errors.Is(err, ErrConfig) {
		t.Error(err)
	}
}

// TestDevicesOutOfReach holds modes of devices against users.
func TestDevicesOutOfReach(t *testing.T) {
	root := t.TempDir()
	me := User{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}
	stranger := User{UID: 61200, GID: 61200}
	if !outOfReach(stranger, root, teeDevices[:]) {
		t.Error("no device, and within reach")
	}
	dev := filepath.Join(root, "dev/sev-guest")
	if err := errors.Join(os.Mkdir(filepath.Dir(dev), 0o755), os.WriteFile(dev, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		mode os.FileMode
		user User
		out  bool
	}{
		{0o600, stranger, true}, {0o600, me, false}, {0o000, me, true},
		{0o604, stranger, false}, {0o602, stranger, false}, {0o601, stranger, true},
		{0o660, stranger, true}, {0o660, User{UID: 61200, GID: me.GID}, false}, {0o660, User{UID: 61200, GID: 61200, Groups: []uint32{me.GID}}, false},
	} {
		if err := os.Chmod(dev, c.mode); err != nil {
			t.Fatal(err)
		}
		if out := outOfReach(c.user, root, teeDevices[:]); out != c.out {
			t.Errorf("mode %v, user %+v: out of reach %v", c.mode, c.user, out)
		}
	}
}

// TestEngineDiesWithServer kills the server: an engine must not go on serving without its guard.
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

func TestNewUser(t *testing.T) {
	a, err := NewUser()
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewUser()
	if err != nil || a.UID == b.UID && a.UID >= unusedFirst {
		t.Fatalf("%+v, %+v, %v", a, b, err)
	}
	for _, u := range []User{a, b} {
		if u.UID != u.GID || (u.UID < unusedFirst || u.UID >= unusedFirst+unusedCount) && (u.UID < dynamicFirst || u.UID >= dynamicFirst+dynamicCount) {
			t.Errorf("%+v", u)
		}
	}
	for uidMap, want := range map[string]bool{
		"         0          0 4294967295\n":   true,
		"         0     100000      65536\n":   false,
		"0 100000 65536\n65536 1 4294900000\n": true,
		"":                                     false,
		"x y z\n0 0\n":                         false,
		"0 0 2147483647\n":                     false, // one short
		"0 0 2147483648\n":                     true,
	} {
		if got := mapped(uidMap, unusedFirst, unusedCount); got != want {
			t.Errorf("%q: %v", uidMap, got)
		}
	}
}

func ordinary() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
}

// TestAsOrdinaryUser runs the tests above as a user without any rights, where these run as root.
func TestAsOrdinaryUser(t *testing.T) {
	if !capable(unix.CAP_SETUID) || !capable(unix.CAP_SETGID) {
		t.Skip("this user can be no other")
	}
	cmd := exec.Command(probeProgram(t), "-test.run=^Test(Engine|Dir|File|Region|Ring|Harden|Lock)", "-test.v")
	cmd.Dir = "/"
	cmd.Env = []string{"TMPDIR=" + os.TempDir(), "HOME=/"}
	cmd.SysProcAttr = ordinary()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for _, must := range []string{"--- PASS: TestEngineReadsItsModel", "--- PASS: TestEngineFailsClosed"} {
		if !bytes.Contains(out, []byte(must)) {
			t.Errorf("no %q", must)
		}
	}
	if testing.Verbose() {
		t.Logf("%s", out)
	}
}
