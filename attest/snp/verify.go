package snp

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/subtle"
	"fmt"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
)

// A Verifier judges evidence of kind [attest.KindSNP]. The zero value refuses, as its Policy does. Safe for concurrent use
// as long as nobody modifies it.
type Verifier struct {
	Policy Policy
	// Clock gives the time at which certificates must be valid; nil means time.Now.
	Clock func() time.Time
	// RevocationLists are lists of AMD's roots in DER, as its Key Distribution Service gives them
	// (https://kdsintf.amd.com/vcek/v1/{product}/crl). Nothing is fetched here. Each is believed under the pinned root that
	// signed it; [Policy.RequireRevocationList] asks for one that has not ended.
	RevocationLists [][]byte
	// InsecureRoots replaces AMD's roots by those of a simulator. The verifier then judges [attest.KindSimulated] only and
	// marks every result as simulated.
	InsecureRoots []Root
}

var _ attest.Verifier = (*Verifier)(nil)

// Verify checks, in this order: form, certificate chain up to a pinned root, report signature over the raw bytes, that the
// certificate is of the report's chip and TCB, revocation lists, REPORT_DATA, and the policy.
//
// Errors: [attest.ErrKind], [attest.ErrFormat], [attest.ErrSignature], [attest.ErrBinding] for other REPORT_DATA, and
// [*attest.Refused] ([attest.ErrPolicy]).
func (v *Verifier) Verify(_ context.Context, ev attest.Evidence, reportData [64]byte) (*attest.Result, error) {
	kind, roots := attest.KindSNP, AMDRoots()
	if v.InsecureRoots != nil {
		kind, roots = attest.KindSimulated, v.InsecureRoots
	}
	if ev.Kind != kind {
		return nil, fmt.Errorf("%w: %q, want %q", attest.ErrKind, ev.Kind, kind)
	}
	now := time.Now()
	if v.Clock != nil {
		now = v.Clock()
	}
	r, s, err := authenticate(ev, roots, now)
	if err != nil {
		return nil, err
	}
	current, err := revocation(v.RevocationLists, ev.Certs, now)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(r.ReportData[:], reportData[:]) != 1 {
		return nil, fmt.Errorf("%w: REPORT_DATA differs", attest.ErrBinding)
	}
	checks := v.Policy.check(r, s, current)
	if err := checks.Err(); err != nil {
		return nil, err
	}
	var chip []byte
	if !zero(r.ChipID[:]) {
		chip = bytes.Clone(r.ChipID[:])
	}
	return &attest.Result{
		Kind: kind, Simulated: v.InsecureRoots != nil, Identity: r.Identity(), Product: string(s.product),
		Measurement: bytes.Clone(r.Measurement[:]), TCB: s.product.TCB(r.ReportedTCB).String(),
		HostData: bytes.Clone(r.HostData[:]), ChipID: chip, Checks: checks,
	}, nil
}

// authenticate decides whether evidence is genuine: made by a chip under one of the roots. No policy takes part.
func authenticate(ev attest.Evidence, roots []Root, now time.Time) (*Report, *signer, error) {
	r, err := ParseReport(ev.Report)
	if err != nil {
		return nil, nil, err
	}
	s, err := verifyChain(ev.Certs, roots, now)
	if err != nil {
		return nil, nil, err
	}
	if err := s.signed(r); err != nil {
		return nil, nil, err
	}
	return r, s, nil
}

// signed checks the report's signature over its raw bytes, and that the certificate is about it.
func (s *signer) signed(r *Report) error {
	digest := r.Identity()
	x, y := r.signature()
	if !ecdsa.Verify(s.key, digest[:], x, y) {
		return fmt.Errorf("%w: SNP report", attest.ErrSignature)
	}
	return s.certifies(r)
}

// certifies checks that the certificate is about the report's key, product, TCB and chip. A genuine report with another
// chip's or TCB's certificate fails at its signature already; these checks say so for every field that AMD certifies.
func (s *signer) certifies(r *Report) error {
	switch {
	case s.kind != r.Signer:
		return fmt.Errorf("%w: report says %v, certificate %v", attest.ErrSignature, r.Signer, s.kind)
	case r.Version >= 3 && productOf(r.Family, r.Model) != s.product:
		return fmt.Errorf("%w: report of CPUID family %#x model %#x under the root of %s", attest.ErrSignature, r.Family, r.Model, s.product)
	case s.product.TCB(r.ReportedTCB) != s.tcb:
		return fmt.Errorf("%w: report of TCB %v, certificate of %v", attest.ErrSignature, s.product.TCB(r.ReportedTCB), s.tcb)
	}
	if s.kind == VLEK || zero(r.ChipID[:]) { // a masked chip id is the policy's matter
		return nil
	}
	if !bytes.Equal(r.ChipID[:len(s.hwid)], s.hwid) || !zero(r.ChipID[len(s.hwid):]) {
		return fmt.Errorf("%w: certificate of another chip", attest.ErrSignature)
	}
	return nil
}
