package memory

import (
	"fmt"

	"golang.org/x/sys/unix"
)

func hardenProcess() (h Hardening, err error) {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return h, fmt.Errorf("memory: dumpable: %w", err)
	}
	h.NotDumpable = true
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return h, fmt.Errorf("memory: core limit: %w", err)
	}
	h.CoreLimit = true
	return h, nil
}
