package attest

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/holdfast-ai/holdfast/internal/transcript"
)

// Roles of evidence, bound into REPORT_DATA.
const (
	RoleServe   = "serve"   // K signs epoch claims and channels
	RoleRelease = "release" // K is the ephemeral HPKE key of a key release (docs/SPEC.md section 7)
)

// ReportData returns the REPORT_DATA that binds a quote to everything it is about (docs/SPEC.md section 4):
//
//	SHA-512(T("holdfast/report-data/v1", role, challenge, KeyHash(K), H(GPU evidence) | absent, H(epoch-0 claims)))
//
// claims is the SHA-256 of the exact bytes of the epoch-0 payload; gpu is nil where there is no GPU evidence.
func ReportData(role string, challenge, keyHash [32]byte, gpu *[32]byte, claims [32]byte) [64]byte {
	t := transcript.New("holdfast/report-data/v1").String(role).Bytes(challenge[:]).Bytes(keyHash[:])
	if gpu == nil {
		t.Absent()
	} else {
		t.Bytes(gpu[:])
	}
	return t.Bytes(claims[:]).SHA512()
}

// A Device makes evidence on the machine it runs on.
type Device interface {
	// Evidence returns a quote whose REPORT_DATA is reportData. It may take milliseconds and may be rate-limited.
	Evidence(ctx context.Context, reportData [64]byte) (Evidence, error)
}

// Kinds of evidence.
const (
	KindSNP       = "sev-snp"
	KindTDX       = "tdx"
	KindSimulated = "simulated" // INSECURE: made by attesttest, proves nothing about a machine
)

// Evidence is one quote with the certificates that its verification needs. Nothing in it is trusted.
type Evidence struct {
	Kind   string   `json:"kind"`
	Report []byte   `json:"report"` // raw bytes as the hardware signed them
	Certs  [][]byte `json:"certs"`  // DER, leaf first; none for TDX, whose quotes hold their own
}

// Bounds of evidence: an SNP report has 1,184 bytes, a TDX quote about 5 KiB; certificates have about 1.5 KiB.
const (
	MaxReport   = 64 << 10
	MaxCerts    = 8
	MaxCert     = 16 << 10
	maxEvidence = 2*MaxReport + 2*MaxCerts*MaxCert // base64 and syntax included
)

// MarshalEvidence returns the wire form of e: JSON with kind, report and certs, binary as base64.
func MarshalEvidence(e Evidence) ([]byte, error) {
	if e.Certs == nil {
		e.Certs = [][]byte{}
	}
	if err := e.check(); err != nil {
		return nil, err
	}
	return json.Marshal(e)
}

// ParseEvidence reads the wire form. Unknown, missing and duplicate fields, trailing bytes and sizes past the bounds are
// refused. Errors: [ErrFormat].
func ParseEvidence(b []byte) (Evidence, error) {
	var e Evidence
	if err := parse("evidence", b, &e, maxEvidence); err != nil {
		return Evidence{}, err
	}
	if err := e.check(); err != nil {
		return Evidence{}, err
	}
	return e, nil
}

func (e Evidence) check() error {
	if e.Kind == "" || len(e.Report) == 0 || len(e.Report) > MaxReport || len(e.Certs) > MaxCerts {
		return fmt.Errorf("%w: evidence: kind %q, report of %d bytes, %d certificates", ErrFormat, e.Kind, len(e.Report), len(e.Certs))
	}
	for _, c := range e.Certs {
		if len(c) == 0 || len(c) > MaxCert {
			return fmt.Errorf("%w: evidence: certificate of %d bytes", ErrFormat, len(c))
		}
	}
	return nil
}

// Quote asks d for evidence over reportData and returns its wire form. It is the Attestor of a key release.
func Quote(ctx context.Context, d Device, reportData [64]byte) ([]byte, error) {
	if d == nil {
		return nil, fmt.Errorf("%w: no device", ErrUnavailable)
	}
	ev, err := d.Evidence(ctx, reportData)
	if err != nil {
		return nil, err
	}
	return MarshalEvidence(ev)
}

// A Verifier judges one kind of evidence: that it is genuine, that its REPORT_DATA is reportData, and its own policy.
type Verifier interface {
	// Verify returns [ErrKind] for evidence of other kinds, before anything else.
	Verify(ctx context.Context, ev Evidence, reportData [64]byte) (*Result, error)
}

// A Result is what genuine evidence says, after the verifier's policy accepted it.
type Result struct {
	Kind        string
	Simulated   bool     // INSECURE: no hardware stands behind it
	Identity    [48]byte // SHA-384 of the hardware-signed region: the identity of this evidence (docs/SPEC.md section 4)
	Product     string   // for example "Milan"; "TDX " and the FMSPC in hex
	Measurement []byte   // 48 bytes: launch digest of the guest for SEV-SNP; for TDX one over MRTD and RTMRs (docs/SPEC.md section 4)
	TCB         string   // reported TCB, for people
	HostData    []byte   // chosen by the host at launch; 32 bytes for SEV-SNP, MRCONFIGID's 48 for TDX
	ChipID      []byte   // of the processor; nil where the platform masks it, so that nobody takes the mask for a name; for TDX the PPID
	Checks      []Check
}
