//go:build !linux

package memory

import "fmt"

func hardenProcess() (Hardening, error) {
	return Hardening{}, fmt.Errorf("%w: processes are hardened on Linux only", ErrUnsupported)
}
