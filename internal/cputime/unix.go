//go:build unix

package cputime

import (
	"syscall"
	"time"
)

// Used is the time of all cores, of the program and of the kernel for it, since the process began (getrusage, RUSAGE_SELF). It is 0 where
// the system does not tell.
func Used() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
