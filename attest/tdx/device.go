package tdx

import (
	"context"
	"fmt"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/internal/tsm"
)

// A Device reads quotes from the machine through configfs-tsm. The zero value works inside a TD whose host runs a quote
// generation service. It has been tested against a simulated tree, not on hardware. Safe for concurrent use.
type Device struct {
	// Dir is the report directory; "" means that of Linux, /sys/kernel/config/tsm/report.
	Dir string

	fs tsm.FS // nil: the operating system's
}

var _ attest.Device = (*Device)(nil)

// Evidence requests one quote over reportData. Errors: [attest.ErrUnavailable] where the machine has no such device or
// another request interfered, [attest.ErrFormat] where it answers something else than a quote over reportData.
func (d *Device) Evidence(ctx context.Context, reportData [64]byte) (attest.Evidence, error) {
	if err := ctx.Err(); err != nil {
		return attest.Evidence{}, err
	}
	quote, _, err := tsm.Request{FS: d.fs, Dir: d.Dir, Provider: "tdx_guest"}.Do(reportData[:])
	if err != nil {
		return attest.Evidence{}, fmt.Errorf("%w: configfs-tsm: %w", attest.ErrUnavailable, err)
	}
	q, err := ParseQuote(quote)
	if err != nil {
		return attest.Evidence{}, err
	}
	if q.ReportData != reportData {
		return attest.Evidence{}, fmt.Errorf("%w: the device quotes other REPORT_DATA", attest.ErrFormat)
	}
	return attest.Evidence{Kind: attest.KindTDX, Report: quote[:q.size]}, nil
}
