package memory

import (
	"fmt"
	"unsafe" // addresses of memory and of arguments: neither has a safe form in golang.org/x/sys/unix

	"golang.org/x/sys/unix"
)

// align returns how far into b the next address lies that is a multiple of n.
func align(b []byte, n int) int {
	over := int(uintptr(unsafe.Pointer(unsafe.SliceData(b))) % uintptr(n))
	return (n - over) % n
}

// landlockVersion returns the kernel's version of Landlock, 0 without it.
func landlockVersion() int {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(v)
}

// landlockErrata returns the bits of what was repaired in the kernel's Landlock, 0 where it does not say.
func landlockErrata() int {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_ERRATA)
	if errno != 0 {
		return 0
	}
	return int(v)
}

func landlockCreate(attr *unix.LandlockRulesetAttr) (int, error) {
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(attr)), unsafe.Sizeof(*attr), 0)
	if errno != 0 {
		return -1, fmt.Errorf("memory: landlock: ruleset: %w", errno)
	}
	return int(fd), nil
}

func landlockAddPath(ruleset int, access uint64, parent int) error {
	attr := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(parent)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH,
		uintptr(unsafe.Pointer(&attr)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// landlockRuleNetPort is LANDLOCK_RULE_NET_PORT of linux/landlock.h.
const landlockRuleNetPort = 2

func landlockAddPort(ruleset int, access uint64, port uint16) error {
	attr := struct{ access, port uint64 }{access, uint64(port)} // struct landlock_net_port_attr
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), landlockRuleNetPort,
		uintptr(unsafe.Pointer(&attr)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("memory: landlock: port %d: %w", port, errno)
	}
	return nil
}

// landlockRestrict puts the calling thread under a ruleset. It needs no_new_privs.
func landlockRestrict(ruleset int) error {
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(ruleset), 0, 0); errno != 0 {
		return fmt.Errorf("memory: landlock: restrict: %w", errno)
	}
	return nil
}

// seccompFilters reports whether the kernel filters system calls with an error as the answer.
func seccompFilters() bool {
	action := uint32(unix.SECCOMP_RET_ERRNO)
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&action)))
	return errno == 0
}

// seccompInstall puts the calling thread under a filter. It needs no_new_privs.
func seccompInstall(filter []unix.SockFilter) error {
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog))); errno != 0 {
		return fmt.Errorf("memory: seccomp: %w", errno)
	}
	return nil
}
