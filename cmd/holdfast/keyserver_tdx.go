package main

import (
	"fmt"

	"github.com/holdfast-ai/holdfast/attest/tdx"
)

// tdxPolicy says what machine with Intel TDX is accepted at all, see [tdx.Policy].
type tdxPolicy struct {
	Measurements         []tdxMeasurement `json:"measurements"`
	Collateral           []string         `json:"collateral"` // files, JSON, in which quoting libraries pass Intel's collateral on
	AcceptStatuses       []tdx.TCBStatus  `json:"accept_statuses"`
	AcceptAdvisories     []string         `json:"accept_advisories"`
	MinEvaluation        uint32           `json:"min_evaluation"`
	PPIDs                []string         `json:"ppids"`     // hex; empty: any machine
	ConfigID             string           `json:"config_id"` // hex; left out: anything, as the two below
	Owner                string           `json:"owner"`
	OwnerConfig          string           `json:"owner_config"`
	InsecureAllowInject  bool             `json:"insecure_allow_injection"`
	InsecureAnyKernel    bool             `json:"insecure_any_kernel"`
	InsecureAllowMigrate bool             `json:"insecure_allow_migration"`
}

// tdxMeasurement is one TD, in hex. A register that is left out is not asked for.
type tdxMeasurement struct {
	MRTD  string `json:"mrtd"`
	RTMR0 string `json:"rtmr0"`
	RTMR1 string `json:"rtmr1"`
	RTMR2 string `json:"rtmr2"`
	RTMR3 string `json:"rtmr3"`
}

func (m tdxMeasurement) parse(anyKernel bool) (out tdx.Measurement, err error) {
	if err := unhex(out.MRTD[:], m.MRTD); err != nil {
		return out, fmt.Errorf("mrtd: %w", err)
	}
	for i, s := range []string{m.RTMR0, m.RTMR1, m.RTMR2, m.RTMR3} {
		if out.RTMR[i], err = optional48(s); err != nil {
			return out, fmt.Errorf("rtmr%d: %w", i, err)
		}
	}
	if out.RTMR[1] == nil && out.RTMR[2] == nil && !anyKernel {
		return out, fmt.Errorf("%w: neither rtmr1 nor rtmr2: any kernel would be accepted", errUsage)
	}
	return out, nil
}

// optional48 reads 48 bytes in hex, or nothing.
func optional48(s string) (*[48]byte, error) {
	if s == "" {
		return nil, nil
	}
	var b [48]byte
	return &b, unhex(b[:], s)
}

func (t *tdxPolicy) verifier() (*tdx.Verifier, error) {
	p := tdx.Policy{
		AcceptStatuses: t.AcceptStatuses, AcceptAdvisories: t.AcceptAdvisories, MinEvaluation: t.MinEvaluation,
		InsecureAllowInjection: t.InsecureAllowInject, InsecureAnyKernel: t.InsecureAnyKernel, InsecureAllowMigration: t.InsecureAllowMigrate,
	}
	if len(t.Measurements) == 0 || len(t.Collateral) == 0 {
		return nil, fmt.Errorf("%w: measurements and collateral are required", errUsage)
	}
	for i, m := range t.Measurements {
		parsed, err := m.parse(t.InsecureAnyKernel)
		if err != nil {
			return nil, fmt.Errorf("measurements: %d: %w", i, err)
		}
		p.Measurements = append(p.Measurements, parsed)
	}
	for _, s := range t.AcceptStatuses {
		switch s {
		case tdx.SWHardeningNeeded, tdx.ConfigurationNeeded, tdx.ConfigurationAndSWHardeningNeeded, tdx.OutOfDate, tdx.OutOfDateConfigurationNeeded:
		default:
			return nil, fmt.Errorf("%w: accept_statuses: %q is no status that can be accepted beside %s", errUsage, s, tdx.UpToDate)
		}
	}
	for _, s := range t.PPIDs {
		var id [16]byte
		if err := unhex(id[:], s); err != nil {
			return nil, fmt.Errorf("ppids: %w", err)
		}
		p.PPIDs = append(p.PPIDs, id)
	}
	for _, f := range []struct {
		name, hex string
		to        **[48]byte
	}{{"config_id", t.ConfigID, &p.ConfigID}, {"owner", t.Owner, &p.Owner}, {"owner_config", t.OwnerConfig, &p.OwnerConfig}} {
		var err error
		if *f.to, err = optional48(f.hex); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	v := &tdx.Verifier{Policy: p}
	for _, path := range t.Collateral {
		c, err := readCollateral(path)
		if err != nil {
			return nil, fmt.Errorf("collateral: %s: %w", path, err)
		}
		v.Collateral = append(v.Collateral, c)
	}
	return v, nil
}

func readCollateral(path string) (*tdx.Collateral, error) {
	text, err := readFile(path, tdx.MaxCollateral)
	if err != nil {
		return nil, err
	}
	f, err := tdx.ParseFiles(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	c, err := tdx.NewCollateral(f)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	return c, nil
}

// insecure lists what the policy gives up.
func (t *tdxPolicy) insecure() (out []string) {
	for _, g := range []struct {
		given bool
		what  string
	}{
		{t.InsecureAllowInject, "INSECURE: TDs are accepted into which the host can inject exceptions"},
		{t.InsecureAnyKernel, "INSECURE: TDs are accepted whose kernel nobody asked for"},
		{t.InsecureAllowMigrate, "INSECURE: TDs are accepted that may be moved to another machine"},
	} {
		if g.given {
			out = append(out, g.what)
		}
	}
	return out
}
