package memory

import "strings"

// A Measure is something that is enforced around an engine; a set of them is their bitwise or.
type Measure uint

const (
	// OwnUser is a uid and gid that the server does not have, no supplementary groups but those asked for, and no
	// capabilities. It takes CAP_SETUID and CAP_SETGID. Without it the engine may do to the server's files, and where
	// [Files] is missing too to its memory, what the server may.
	OwnUser Measure = 1 << iota
	// NoNewPrivileges keeps it from gaining any by running another program.
	NoNewPrivileges
	// Files is Landlock: only what is granted can be read, and written, run and so on; processes outside cannot be traced,
	// and from Linux 6.12 on neither be signalled nor reached through abstract sockets. It takes Linux 6.2, with Landlock
	// among the kernel's security modules; earlier versions cannot keep files from being truncated. Modes and owners are not
	// Landlock's: an engine of the server's own user can change them.
	Files
	// NoTEEDevices keeps the machine's evidence from it: what an engine can quote, whoever takes it over can quote too. It
	// holds by [Files], or by a uid whose rights to every known device were looked at. Known sockets of attestation agents are
	// looked at where [Network].Local lets it connect to such. A GPU that is granted quotes for itself alone.
	NoTEEDevices
	// NoNetwork leaves pairs of sockets within the engine, and what [Network] names. It takes seccomp, on x86-64 or arm64, and
	// Landlock of Linux 6.7 where there are ports.
	NoNetwork
	// SystemCalls is a seccomp filter, on x86-64 or arm64: no tracing, no namespaces and mounts, no io_uring, no keyrings,
	// no kernel modules, BPF or perf, no way to outlive the server by asking for another signal than its death's, and, where NoSurvivors does
	// not hold, no shared memory and message queues without paths, those of System V among them.
	SystemCalls
	// NoCoreDumps means that it dumps no core unless it raises its limit itself. Where that takes a capability that is
	// missing, [HardenProcess] gives it to all children.
	NoCoreDumps
	// NoSurvivors means that what it starts ends with it, and so with the server: it is the first process of a namespace of
	// its own, in which shared memory and message queues of System V and queues of POSIX are its own too. It takes CAP_SYS_ADMIN. Without it, its process group is killed when it ends, which others can leave, and
	// nothing but itself when the server is killed.
	NoSurvivors

	allMeasures = NoSurvivors<<1 - 1
)

// names of the measures, in the order of their bits.
func (m Measure) names() []string {
	all := [...]string{"own user", "no new privileges", "files", "no TEE devices", "no network", "system calls", "no core dumps",
		"no survivors"}
	var out []string
	for i, name := range all {
		if m&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return out
}

// String lists the measures.
func (m Measure) String() string {
	if m == 0 {
		return "none"
	}
	return strings.Join(m.names(), ", ")
}

// A Report says what holds around an engine that runs.
type Report struct {
	Enforced Measure
	Missing  Measure // of those that were asked for; [Engine].InsecureWithout allowed each of them
	Landlock int     // the version of the kernel's Landlock, 0 without it
	User     User    // whom it runs as
}
