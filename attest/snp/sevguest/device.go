package sevguest

import (
	"context"
	"fmt"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/attest/snp"
)

// A QuoteProvider is what this package needs of go-sev-guest's client.QuoteProvider (client.GetQuoteProvider finds the
// machine's): the report followed by the host's certificate table.
type QuoteProvider interface {
	GetRawQuote(reportData [64]byte) ([]uint8, error)
}

// A Device reads reports through a quote provider of go-sev-guest. It has not been tested on hardware.
type Device struct {
	Provider QuoteProvider
	// Certs completes or replaces what the host provides, see [snp.Certificates].
	Certs [][]byte
}

var _ attest.Device = (*Device)(nil)

// Evidence requests one report over reportData. The backend takes no context: ctx is looked at before the request only.
// Errors: [attest.ErrUnavailable], [attest.ErrFormat].
func (d *Device) Evidence(ctx context.Context, reportData [64]byte) (attest.Evidence, error) {
	if err := ctx.Err(); err != nil {
		return attest.Evidence{}, err
	}
	if d.Provider == nil {
		return attest.Evidence{}, fmt.Errorf("%w: no provider", attest.ErrUnavailable)
	}
	raw, err := d.Provider.GetRawQuote(reportData)
	if err != nil {
		return attest.Evidence{}, fmt.Errorf("%w: %w", attest.ErrUnavailable, err)
	}
	if len(raw) < snp.ReportSize {
		return attest.Evidence{}, fmt.Errorf("%w: quote of %d bytes", attest.ErrFormat, len(raw))
	}
	report, table := raw[:snp.ReportSize], raw[snp.ReportSize:]
	r, err := snp.ParseReport(report)
	if err != nil {
		return attest.Evidence{}, err
	}
	if r.ReportData != reportData {
		return attest.Evidence{}, fmt.Errorf("%w: the device reports other REPORT_DATA", attest.ErrFormat)
	}
	certs, err := snp.Certificates(d.Certs, table)
	if err != nil {
		return attest.Evidence{}, err
	}
	return attest.Evidence{Kind: attest.KindSNP, Report: report, Certs: certs}, nil
}
