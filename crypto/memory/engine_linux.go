package memory

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// A system is what this kernel and this process's rights allow.
type system struct {
	landlock int  // version, 0 without it
	seccomp  bool // with filters for this processor
	users    bool // may become another user
	admin    bool // may make namespaces of processes
}

func thisSystem() system {
	return system{
		landlock: landlockVersion(),
		seccomp:  filterKnown && seccompFilters(),
		users:    capable(unix.CAP_SETUID) && capable(unix.CAP_SETGID),
		admin:    capable(unix.CAP_SYS_ADMIN) && namespaces(),
	}
}

// namespaces tries, on a thread that then ends: besides capabilities, limits and filters of a container decide.
func namespaces() bool {
	made := make(chan error, 1)
	onThreadOfItsOwn(func() { made <- newProcesses() })
	return <-made == nil
}

// capable reports whether this process has a capability.
func capable(c uint) bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	return unix.Capget(&header, &data[0]) == nil && data[c/32].Effective&(1<<(c%32)) != 0
}

// A plan is what will be done, decided before anything is.
type plan struct {
	engine *Engine
	report Report
	grants []pathGrant
	filter []unix.SockFilter
}

func (e *Engine) start(ctx context.Context, s system) (*Process, error) {
	p, err := e.plan(s)
	if err != nil {
		return nil, err
	}
	cmd := e.command(ctx)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	if u := p.report.User; p.report.Enforced&OwnUser != 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: u.UID, Gid: u.GID, Groups: u.Groups}
		for _, d := range e.Dirs {
			if err := d.Grant(int(u.GID)); err != nil {
				return nil, err
			}
		}
	}
	process := &Process{cmd: cmd, report: p.report, done: make(chan struct{})}
	started := make(chan error, 1)
	onThreadOfItsOwn(func() {
		defer close(process.done)
		err := p.run(cmd)
		started <- err
		if err == nil {
			process.err = wait(cmd)
		}
	})
	if err := <-started; err != nil {
		return nil, err
	}
	return process, nil
}

// plan decides what is enforced, and refuses where that is less than what was asked for and not excused.
func (e *Engine) plan(s system) (*plan, error) {
	p := &plan{engine: e, report: Report{Landlock: s.landlock}}
	user, err := e.user(s)
	if err != nil {
		return nil, err
	}
	for _, f := range e.Files {
		if flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0); err != nil || flags&unix.O_ACCMODE != unix.O_RDONLY {
			return nil, fmt.Errorf("%w: %s is not open for reading only", ErrConfig, f.Name())
		}
	}
	if p.grants, err = e.grants(); err != nil {
		return nil, err
	}
	can := e.can(s, user)
	if can&OwnUser == 0 {
		user = self()
	}
	p.report.User = user
	p.report.Enforced = can & e.asked()
	p.report.Missing = e.asked() &^ can
	if missing := p.report.Missing &^ e.InsecureWithout; missing != 0 {
		return nil, &UnenforcedError{missing}
	}
	if m := p.report.Enforced; m&(SystemCalls|NoNetwork) != 0 {
		p.filter = filter(m, e.Network)
	}
	return p, nil
}

// can says what will hold here for user u.
func (e *Engine) can(s system, u User) Measure {
	m := NoNewPrivileges
	own := s.users && u.UID != uint32(os.Geteuid()) && u.GID != uint32(os.Getegid()) && u.UID != 0
	if own {
		m |= OwnUser
	}
	if s.landlock >= 3 {
		m |= Files
	}
	devices := s.landlock >= 1 && e.InsecureWithout&NoTEEDevices == 0 || own && outOfReach(u, "/", teeDevices[:])
	if sockets := e.Network.Local || e.Network.InsecureAll || !s.seccomp; devices && (!sockets || outOfReach(u, "/", teeSockets[:])) {
		m |= NoTEEDevices
	}
	if s.admin {
		m |= NoSurvivors
	}
	if s.seccomp {
		m |= SystemCalls
		if len(e.Network.Listen) == 0 || s.landlock >= 4 {
			m |= NoNetwork
		}
	}
	if coresOff() || !own || capable(unix.CAP_SYS_RESOURCE) {
		m |= NoCoreDumps
	}
	return m
}

// user decides whom the engine runs as.
func (e *Engine) user(s system) (User, error) {
	switch {
	case e.User != nil:
		return *e.User, nil
	case s.users:
		return NewUser()
	}
	return self(), nil
}

func self() User { return User{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())} }

// coresOff reports whether a child will dump no core by what it inherits.
func coresOff() bool {
	var core unix.Rlimit
	return unix.Getrlimit(unix.RLIMIT_CORE, &core) == nil && core.Cur == 0
}

// run restricts the calling thread, which is of no use to anyone else afterwards, and starts the program from it.
func (p *plan) run(cmd *exec.Cmd) error {
	if p.report.Enforced&NoSurvivors != 0 {
		if err := newProcesses(); err != nil {
			return err
		}
	}
	dropCapabilities()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("memory: no_new_privs: %w", err)
	}
	if p.report.Landlock > 0 {
		fd, err := ruleset(p.report.Landlock, p.grants, p.engine.Network)
		if err != nil {
			return err
		}
		if err := errors.Join(landlockRestrict(fd), unix.Close(fd)); err != nil {
			return err
		}
	}
	if p.filter != nil {
		if err := seccompInstall(p.filter); err != nil {
			return err
		}
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("memory: start: %w", err)
	}
	// A limit is the whole process's, so the child's is set when it is there: before it can have read anything.
	none := unix.Rlimit{}
	if err := unix.Prlimit(cmd.Process.Pid, unix.RLIMIT_CORE, &none, nil); err != nil && p.report.Enforced&NoCoreDumps != 0 && !coresOff() {
		return errors.Join(fmt.Errorf("memory: core limit: %w", err), cmd.Cancel(), cmd.Wait())
	}
	return nil
}

// newProcesses makes the next child of this thread the first process of a namespace, which ends with it. Shared memory and message queues
// that are no files are others' too.
func newProcesses() error {
	// Before its first child, package os starts one that ends at once, to see what the kernel can. That must not be the first
	// of the namespace, and looking for a process has it done.
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Release()
	}
	if err := unix.Unshare(unix.CLONE_NEWPID | unix.CLONE_NEWIPC); err != nil {
		return fmt.Errorf("memory: process namespace: %w", err)
	}
	return nil
}

// dropCapabilities takes from what is started here whatever capabilities a program would inherit or get for being root's.
// Who has none to drop is refused, and has none to give either.
func dropCapabilities() {
	_ = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
	for c := uintptr(0); unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0) == nil; c++ {
	}
}

// wait kills what is left of the process group before the number of its leader can be another's.
func wait(cmd *exec.Cmd) error {
	pid := cmd.Process.Pid
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	_ = unix.Kill(-pid, unix.SIGKILL) // ESRCH where it had no children
	return cmd.Wait()
}

// onThreadOfItsOwn runs f on a thread that ends with it and is not the process's first one: that cannot end, and its
// state is what /proc shows as the process's.
func onThreadOfItsOwn(f func()) {
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			f() // and never unlocked: the thread ends with this goroutine
			return
		}
		defer runtime.UnlockOSThread()
		elsewhere := make(chan struct{})
		go func() { // not here: this thread is taken until it has one
			runtime.LockOSThread()
			close(elsewhere)
			f()
		}()
		<-elsewhere
	}()
}
