package memory

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

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
	absent := filepath.Join(t.TempDir(), "absent")
	for name, e := range map[string]Engine{
		"no program":         {},
		"relative program":   {Path: "true"},
		"absent program":     {Path: filepath.Join(absent, "engine")},
		"relative grant":     {Path: "/bin/true", Read: []string{"x"}},
		"absent grant":       {Path: "/bin/true", Read: []string{filepath.Join(absent, "x")}},
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
