//go:build unix

package sign

import "syscall"

const nonblock = syscall.O_NONBLOCK
