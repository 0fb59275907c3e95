package snp

import (
	"context"
	"fmt"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/internal/tsm"
)

// TSMDir is where Linux (6.7 and later) offers reports: configfs-tsm, Documentation/ABI/testing/configfs-tsm.
const TSMDir = tsm.Dir

// A Device reads reports from the machine through configfs-tsm. The zero value works inside a guest whose host provides
// the certificates. It has been tested against a simulated tree, not on hardware. Safe for concurrent use.
type Device struct {
	// Dir is the report directory; "" means [TSMDir].
	Dir string
	// VMPL, if not nil, is the privilege level to request.
	VMPL *uint
	// Certs completes or replaces what the host provides, in DER: ASK or ASVK, and ARK, where it provides the report key's alone;
	// report key, ASK or ASVK, and ARK, where it provides nothing, as on bare metal. See [Certificates].
	Certs [][]byte

	fs tsm.FS // nil: the operating system's
}

var _ attest.Device = (*Device)(nil)

// Evidence requests one report over reportData. Errors: [attest.ErrUnavailable] where the machine has no such device or
// another request interfered, [attest.ErrFormat] where it answers something else than a report over reportData.
func (d *Device) Evidence(ctx context.Context, reportData [64]byte) (attest.Evidence, error) {
	if err := ctx.Err(); err != nil {
		return attest.Evidence{}, err
	}
	report, table, err := tsm.Request{FS: d.fs, Dir: d.Dir, Provider: "sev_guest", Privilege: d.VMPL}.Do(reportData[:])
	if err != nil {
		return attest.Evidence{}, fmt.Errorf("%w: configfs-tsm: %w", attest.ErrUnavailable, err)
	}
	r, err := ParseReport(report)
	if err != nil {
		return attest.Evidence{}, err
	}
	if r.ReportData != reportData {
		return attest.Evidence{}, fmt.Errorf("%w: the device reports other REPORT_DATA", attest.ErrFormat)
	}
	certs, err := Certificates(d.Certs, table)
	if err != nil {
		return attest.Evidence{}, err
	}
	return attest.Evidence{Kind: attest.KindSNP, Report: report, Certs: certs}, nil
}
