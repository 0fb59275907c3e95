//go:build amd64 || arm64

package memory

import (
	"fmt"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func TestEngineSystemCalls(t *testing.T) {
	need(t, SystemCalls)
	attempts := []string{"unshare", "clone", "deathsig:0", fmt.Sprintf("deathsig:%d", unix.SIGTERM), fmt.Sprintf("ioctl:%d", unix.TIOCSTI), fmt.Sprintf("ioctl:%d", unix.TIOCLINUX)}
	for _, nr := range denied {
		attempts = append(attempts, fmt.Sprintf("call:%d", nr))
	}
	got, _ := confined(t, Engine{}, append(attempts, fmt.Sprintf("deathsig:%d", unix.SIGKILL))...)
	allowedTo(t, got, fmt.Sprintf("deathsig:%d", unix.SIGKILL)) // as launchers of workers do for their own
	for _, a := range attempts {
		refusedAs(t, got, a, unix.EPERM)
	}
	attempts = nil
	for _, nr := range absent {
		attempts = append(attempts, fmt.Sprintf("call:%d", nr))
	}
	if runtime.GOARCH == "amd64" {
		attempts = append(attempts, fmt.Sprintf("call:%d", x32Bit+unix.SYS_GETPID))
	}
	got, _ = confined(t, Engine{}, append(attempts, "run:/bin/true")...)
	for _, a := range attempts {
		refusedAs(t, got, a, unix.ENOSYS)
	}
	allowedTo(t, got, "run:/bin/true") // it may start programs of its own
}
