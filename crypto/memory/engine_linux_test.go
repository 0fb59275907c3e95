package memory

import (
	"bytes"
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
	return confinedBy(t, thisSystem(), e, attempts...)
}

// confinedBy is confined on a system that can do this.
func confinedBy(t *testing.T, s system, e Engine, attempts ...string) (map[string]answered, Report) {
	t.Helper()
	if e.Path == "" {
		e.Path = probeProgram(t)
	}
	var out bytes.Buffer
	e.Args, e.Stdout, e.Stderr = attempts, &out, os.Stderr
	e.Env = append(e.Env, probeEnv)
	e.InsecureWithout |= lacking()
	if err := e.check(); err != nil {
		t.Fatal(err)
	}
	p, err := e.start(t.Context(), s)
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
		"read:"+secret, "write:"+secret, "truncate:"+secret, "list:"+dir, "create:"+dir+"/new", "create:/tmp/holdfast-engine-new", "list:/tmp", "list:/", "list:/home",
		"list:/etc", "list:/sys/kernel", "list:/dev", "open:/dev/mem", "open:/dev/kmsg", "open:/dev/tty",
		"read:"+readable+"/f", "write:"+readable+"/f", "create:"+readable+"/new", "truncate:"+readable+"/f",
		"create:"+writable+"/new", "read:"+writable+"/new", "write:"+writable+"/new", "list:/usr", "write:/dev/null", "open:/dev/urandom",
		"open:/dev/sev-guest", "open:/dev/tpm0")
	if r.Enforced&Files == 0 {
		t.Fatalf("%+v", r)
	}
	for _, a := range []string{"read:" + secret, "write:" + secret, "truncate:" + secret, "list:" + dir, "create:" + dir + "/new", "create:/tmp/holdfast-engine-new",
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
