//go:build amd64 || arm64

package memory

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// Offsets in struct seccomp_data. Of an argument the kernel's handlers of socket, setsockopt, flags of sending and of clone
// below 2^32, and ioctl look at the low half alone, so the filter does too.
const (
	atNumber = 0
	atArch   = 4
	atArgs   = 16
)

// x32Bit marks calls of the x32 interface, which has numbers of its own on the same processor.
const x32Bit = 0x40000000

// newNamespaces are the flags of clone that make one. A namespace of users would give the engine every capability within.
const newNamespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP

// denied are the calls that an engine has no use for: to look into other processes, to change what it sees of the system, to
// get around this filter, or to reach large parts of the kernel.
var denied = [...]uint32{
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PIDFD_GETFD, unix.SYS_KCMP,
	unix.SYS_PROCESS_MADVISE, unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD,
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE, unix.SYS_OPEN_TREE_ATTR, unix.SYS_FSOPEN,
	unix.SYS_FSPICK, unix.SYS_FSMOUNT, unix.SYS_MOUNT_SETATTR, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_SETNS,
	unix.SYS_UNSHARE, unix.SYS_OPEN_BY_HANDLE_AT,
	unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD, unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE,
	unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL,
}

// absent are calls that programs try and do without: io_uring opens sockets that no filter sees, and the flags of clone3 lie
// in memory, where a filter cannot read them.
var absent = [...]uint32{unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER, unix.SYS_CLONE3}

// shared are the ways to other processes that no rules of files reach, since they have no paths: shared memory and queues of System V, and
// queues of POSIX. An engine with a namespace of its own has its own.
var shared = [...]uint32{
	unix.SYS_SHMGET, unix.SYS_SHMAT, unix.SYS_SHMCTL, unix.SYS_MSGGET, unix.SYS_MSGSND, unix.SYS_MSGRCV, unix.SYS_MSGCTL,
	unix.SYS_SEMGET, unix.SYS_SEMOP, unix.SYS_SEMTIMEDOP, unix.SYS_SEMCTL, unix.SYS_MQ_OPEN,
}

// filterKnown says that filters are written for this processor.
const filterKnown = true

func filterArch() uint32 {
	if runtime.GOARCH == "arm64" {
		return unix.AUDIT_ARCH_AARCH64
	}
	return unix.AUDIT_ARCH_X86_64
}

// filter is the program for the measures SystemCalls and NoNetwork, where they are in m, which is all that holds.
func filter(m Measure, n Network) []unix.SockFilter {
	p := program{
		load(atArch), jump(unix.BPF_JEQ, filterArch(), 1, 0), answer(unix.EPERM), // another interface to the same kernel
		load(atNumber), jump(unix.BPF_JGE, x32Bit, 0, 1), answer(unix.ENOSYS),
	}
	if m&SystemCalls != 0 {
		p.each(denied[:], unix.EPERM)
		p.each(absent[:], unix.ENOSYS)
		if m&NoSurvivors == 0 {
			p.each(shared[:], unix.ENOSYS)
		}
		p.call(unix.SYS_CLONE, load(argument(0)), jump(unix.BPF_JSET, newNamespaces, 0, 1), answer(unix.EPERM), allowed())
		// The engine is killed when the server dies unless it asks for another signal, or none. Launchers ask for the same one.
		p.call(unix.SYS_PRCTL, load(argument(0)), jump(unix.BPF_JEQ, unix.PR_SET_PDEATHSIG, 0, 3),
			load(argument(1)), jump(unix.BPF_JEQ, uint32(unix.SIGKILL), 1, 0), answer(unix.EPERM), allowed())
		// TIOCSTI types into the terminal that the server was started from, and TIOCLINUX pastes into a console.
		p.call(unix.SYS_IOCTL, load(argument(1)), jump(unix.BPF_JEQ, unix.TIOCSTI, 1, 0), jump(unix.BPF_JEQ, unix.TIOCLINUX, 0, 1),
			answer(unix.EPERM), allowed())
	}
	if m&NoNetwork != 0 {
		p.call(unix.SYS_SOCKET, sockets(n)...)
		if len(n.Listen) > 0 {
			p.connecting()
		}
		if m&SystemCalls == 0 {
			p.each(absent[:3], unix.ENOSYS)
		}
	}
	return append(p, allowed())
}

// sockets allows those of the machine itself where they are asked for and, to listen, TCP proper: Landlock does not see MPTCP.
func sockets(n Network) []unix.SockFilter {
	p := program{load(argument(0))}
	if n.Local {
		p = append(p, jump(unix.BPF_JEQ, unix.AF_UNIX, 0, 1), allowed())
	}
	if len(n.Listen) > 0 {
		p = append(p,
			jump(unix.BPF_JEQ, unix.AF_INET, 1, 0), jump(unix.BPF_JEQ, unix.AF_INET6, 0, 7),
			load(argument(1)), unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: 0xf}, // without SOCK_CLOEXEC and SOCK_NONBLOCK
			jump(unix.BPF_JEQ, unix.SOCK_STREAM, 0, 4),
			load(argument(2)), jump(unix.BPF_JEQ, 0, 1, 0), jump(unix.BPF_JEQ, unix.IPPROTO_TCP, 0, 1), allowed())
	}
	return append(p, answer(unix.EAFNOSUPPORT))
}

// connecting refuses what connects a TCP socket past connect, where Landlock looks: sending with TCP Fast Open, and protocols
// that are put over TCP, of which SMC makes the socket another kind.
func (p *program) connecting() {
	for _, send := range [...]struct{ nr, flags uint32 }{{unix.SYS_SENDTO, 3}, {unix.SYS_SENDMSG, 2}, {unix.SYS_SENDMMSG, 3}} {
		p.call(send.nr, load(argument(send.flags)), jump(unix.BPF_JSET, unix.MSG_FASTOPEN, 0, 1), answer(unix.EOPNOTSUPP), allowed())
	}
	p.call(unix.SYS_SETSOCKOPT, load(argument(1)), jump(unix.BPF_JEQ, unix.IPPROTO_TCP, 0, 3),
		load(argument(2)), jump(unix.BPF_JEQ, unix.TCP_ULP, 0, 1), answer(unix.EOPNOTSUPP), allowed())
}

// program is a filter under construction; between its parts the accumulator holds the number of the call.
type program []unix.SockFilter

// each answers calls with an error.
func (p *program) each(calls []uint32, errno unix.Errno) {
	for _, nr := range calls {
		*p = append(*p, jump(unix.BPF_JEQ, nr, 0, 1), answer(errno))
	}
}

// call decides about one call by a body that always answers.
func (p *program) call(nr uint32, body ...unix.SockFilter) {
	*p = append(append(*p, jump(unix.BPF_JEQ, nr, 0, uint8(len(body)))), body...)
}

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

func jump(op uint16, k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | op | unix.BPF_K, Jt: yes, Jf: no, K: k}
}

func answer(errno unix.Errno) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)}
}

func allowed() unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}
}

// argument is the offset of the low half of an argument; both processors are little-endian.
func argument(i uint32) uint32 { return atArgs + 8*i }
