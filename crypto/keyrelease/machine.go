package keyrelease

import (
	"context"
	"fmt"
	"slices"
)

// Machine is what a verifier says of a machine whose evidence it accepted. All of it is public and goes into the audit log.
type Machine struct {
	Kind     string `json:"kind"`     // of evidence, for example "sev-snp"; an empty one is refused
	Evidence string `json:"evidence"` // identity of the evidence: hex SHA-384 of what the hardware signed (docs/SPEC.md section 4)

	// Chip tells this machine from all others. It is empty where the platform masks it: a mask is the same for every machine
	// of a cloud, so limits kept by it would let one exhaust everybody's.
	Chip string `json:"chip,omitempty"`

	// Claims are further facts by name, for example "measurement" in hex. [Model.Require] is held against them.
	Claims map[string]string `json:"claims,omitempty"`
}

// VerifyFunc accepts evidence that carries reportData, by the server's policy on machines, and says what it proves. An
// error that wraps [ErrUnavailable] asks the guest to try again; every other one is a refusal.
type VerifyFunc func(ctx context.Context, evidence []byte, reportData [64]byte) (Machine, error)

// meets reports whether every claim that is asked for is there and has one of the accepted values.
func (m Machine) meets(want map[string][]string) bool {
	for name, accepted := range want {
		got, ok := m.Claims[name]
		if !ok || !slices.Contains(accepted, got) {
			return false
		}
	}
	return true
}

// checkRequire refuses a demand that no machine meets: it is a slip, and would otherwise show as refusals only.
func checkRequire(want map[string][]string) error {
	for name, accepted := range want {
		if name == "" || len(accepted) == 0 {
			return fmt.Errorf("%w: no value is accepted for the claim %q", ErrConfig, name)
		}
	}
	return nil
}
