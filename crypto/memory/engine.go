package memory

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// An Engine is a foreign program that gets a model and little else: a child of the server with a user of its own, which sees
// the files that are granted, no environment of the server, no network, no TEE device. All of [Measure] is enforced, or the
// program does not start; what a system cannot do must be named in InsecureWithout.
//
// It is told to be a process, not a machine: kernel bugs, side channels and what the hardware leaks are outside. It can still
// give away the model through whatever it may write and whomever it may talk to.
type Engine struct {
	// Path is the program, absolute; Args are its arguments, without its name.
	Path string
	Args []string
	// Env is its whole environment, "KEY=value" each. The server's is not inherited, since tokens live there. Default: a PATH
	// of system directories and LANG=C.UTF-8.
	Env []string
	// WorkDir is where it starts. Default: "/".
	WorkDir string
	// Stdin, Stdout and Stderr are as in [exec.Cmd]; nil is the null device.
	Stdin          io.Reader
	Stdout, Stderr io.Writer

	// Files become descriptors 3, 4, …; see [FilePath]. They must be open for reading only, as [NewFile] returns them. The
	// caller still closes its own.
	Files []*os.File
	// Dirs may be read. They are published, and granted to its group.
	Dirs []*Dir
	// Read lists what else it may read and run, for example its Python environment. /usr, /lib*, /bin, /sbin, /opt, the
	// linker's configuration below /etc, /proc, /sys/devices/system, and Path itself are granted.
	Read []string
	// Write lists where it may write, and make and remove files. None by default. What lies above one of Dirs is refused.
	Write []string
	// Devices lists the devices that it may use, for example /dev/nvidia0. The null, zero, full and random ones are granted.
	Devices []string
	// Network is what it may reach. Default: nothing.
	Network Network
	// User is whom it runs as. Default: a user that nobody else is, see [NewUser].
	User *User

	// InsecureWithout names the measures that may be missing. Each is enforced all the same where the system can.
	InsecureWithout Measure
}

// waitDelay is how long output is read after the program ended, where something that it left behind holds it open.
const waitDelay = 5 * time.Second

// Network says what an engine may reach. The zero value is nothing: it has pairs of sockets between its own processes.
type Network struct {
	// Local lets it make sockets of the machine itself (AF_UNIX), for the server to reach it through a path in Write. It can then
	// also connect to every such socket whose mode lets its user, and those of message buses and agents often let everyone.
	Local bool
	// Listen lists TCP ports that it may serve on, for the server to reach it. It may not connect anywhere. Landlock does not see
	// a socket that listens without a name: on a port that the kernel chooses it can serve too, to whoever gets through to the
	// machine's ports. Local has no such way in.
	Listen []uint16
	// InsecureAll lets it reach everything that the server can.
	InsecureAll bool
}

// User is whom an engine runs as.
type User struct {
	UID, GID uint32
	Groups   []uint32 // supplementary ones, for example that of a device
}

// A Process is an engine that was started, by [Engine.Start].
type Process struct {
	cmd    *exec.Cmd
	report Report
	done   chan struct{}
	err    error
}

// Start checks what can be enforced, and starts the program under it. It is killed, with its process group, when ctx ends,
// and when the server does. The caller must Wait.
//
// Between start and end it holds one thread of the operating system: restrictions are put on that thread alone, and a
// program started from it inherits them.
// Errors: [ErrUnenforced] as [*UnenforcedError], [ErrConfig], [ErrUnsupported] outside Linux, and the system's.
func (e *Engine) Start(ctx context.Context) (*Process, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	return e.start(ctx, thisSystem())
}

// Report says what is enforced.
func (p *Process) Report() Report { return p.report }

// Pid is its process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Wait waits until the program ends and its output is read. Errors: as [exec.Cmd.Wait], and [ErrConfig] for a process that was not started.
// It may be called many times.
func (p *Process) Wait() error {
	if p.done == nil {
		return fmt.Errorf("%w: the process was not started", ErrConfig)
	}
	<-p.done
	return p.err
}

func (e *Engine) check() error {
	switch {
	case !filepath.IsAbs(e.Path):
		return fmt.Errorf("%w: the program's path %q is not absolute", ErrConfig, e.Path)
	case e.Network.InsecureAll && (len(e.Network.Listen) > 0 || e.Network.Local):
		return fmt.Errorf("%w: all of the network, and a part of it", ErrConfig)
	case e.InsecureWithout&^allMeasures != 0:
		return fmt.Errorf("%w: unknown measures %#x", ErrConfig, uint(e.InsecureWithout&^allMeasures))
	}
	for _, list := range [][]string{e.Read, e.Write, e.Devices} {
		for _, p := range list {
			if !filepath.IsAbs(p) {
				return fmt.Errorf("%w: granted path %q is not absolute", ErrConfig, p)
			}
		}
	}
	for _, d := range e.Dirs {
		if d.Path() == "" {
			return fmt.Errorf("%w: a directory is not published", ErrConfig)
		}
	}
	return nil
}

// asked is what the engine is to run under.
func (e *Engine) asked() Measure {
	if e.Network.InsecureAll {
		return allMeasures &^ NoNetwork
	}
	return allMeasures
}

func (e *Engine) command(ctx context.Context) *exec.Cmd {
	cmd := exec.CommandContext(ctx, e.Path, e.Args...)
	cmd.Env = e.Env
	if cmd.Env == nil {
		cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"}
	}
	cmd.Dir = e.WorkDir
	if cmd.Dir == "" {
		cmd.Dir = "/"
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = e.Stdin, e.Stdout, e.Stderr
	cmd.ExtraFiles = e.Files
	cmd.WaitDelay = waitDelay
	return cmd
}
