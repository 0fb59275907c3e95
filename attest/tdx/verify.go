package tdx

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"math/big"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
)

// A Verifier judges evidence of kind [attest.KindTDX]. The zero value refuses, as its Policy does. Safe for concurrent use as long
// as nobody modifies it.
type Verifier struct {
	Policy Policy
	// Clock gives the time at which certificates, collateral and revocation lists must be valid; nil means time.Now.
	Clock func() time.Time
	// Collateral is Intel's word on kinds of processors (FMSPC); of several for one kind, the one with the highest evaluation number
	// that is valid now counts. Nothing is fetched here.
	Collateral []*Collateral
	// InsecureRoot, if not nil, replaces Intel's root by that of a simulator: the SHA-256 of its SubjectPublicKeyInfo. The verifier
	// then judges [attest.KindSimulated] only and marks every result as simulated.
	InsecureRoot *[32]byte
}

var _ attest.Verifier = (*Verifier)(nil)

// Verify checks, in this order: form, PCK certificate up to the pinned root, the quoting enclave's report, its signature over the
// TD's report, revocation lists, REPORT_DATA, and the policy with Intel's collateral.
//
// Errors: [attest.ErrKind], [attest.ErrFormat], [attest.ErrSignature], [attest.ErrBinding] for other REPORT_DATA, and
// [*attest.Refused] ([attest.ErrPolicy]).
func (v *Verifier) Verify(_ context.Context, ev attest.Evidence, reportData [64]byte) (*attest.Result, error) {
	kind, root := attest.KindTDX, intelRoot
	if v.InsecureRoot != nil {
		kind, root = attest.KindSimulated, *v.InsecureRoot
	}
	if ev.Kind != kind {
		return nil, fmt.Errorf("%w: %q, want %q", attest.ErrKind, ev.Kind, kind)
	}
	now := time.Now()
	if v.Clock != nil {
		now = v.Clock()
	}
	q, p, err := authenticate(ev, root, now)
	if err != nil {
		return nil, err
	}
	c := choose(v.Collateral, root, p, now)
	if err := revocation(v.Collateral, root, p); err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(q.ReportData[:], reportData[:]) != 1 {
		return nil, fmt.Errorf("%w: REPORT_DATA differs", attest.ErrBinding)
	}
	checks, tcb := v.Policy.check(q, p, c)
	if err := checks.Err(); err != nil {
		return nil, err
	}
	measured := q.Measurement()
	return &attest.Result{
		Kind: kind, Simulated: v.InsecureRoot != nil, Identity: q.Identity(), Product: "TDX " + hex.EncodeToString(p.fmspc[:]),
		Measurement: measured[:], TCB: tcb, HostData: bytes.Clone(q.MRConfigID[:]), ChipID: bytes.Clone(p.ppid[:]), Checks: checks,
	}, nil
}

// authenticate decides whether evidence is genuine: a quote by a quoting enclave that a processor under the root vouches for. No
// policy takes part, nor does what Intel says of the enclave: see [Policy].
func authenticate(ev attest.Evidence, root [32]byte, now time.Time) (*Quote, *pck, error) {
	if len(ev.Certs) != 0 {
		return nil, nil, fmt.Errorf("%w: certificates beside a TDX quote, which holds its own", attest.ErrFormat)
	}
	q, err := ParseQuote(ev.Report)
	if err != nil {
		return nil, nil, err
	}
	p, err := verifyPCK(q.chain, root, now)
	if err != nil {
		return nil, nil, err
	}
	if !verified(p.chain[0].PublicKey.(*ecdsa.PublicKey), q.enclave.raw, q.enclave.signature) {
		return nil, nil, fmt.Errorf("%w: report of the quoting enclave", attest.ErrSignature)
	}
	// The enclave vouches for its key by the first half of its report data; the other is zeros.
	sum := sha256.Sum256(append(q.key[:len(q.key):len(q.key)], q.enclave.auth...))
	if data := q.enclave.reportData(); !bytes.Equal(data[:32], sum[:]) || !bytes.Equal(data[32:], make([]byte, 32)) {
		return nil, nil, fmt.Errorf("%w: the quoting enclave vouches for another key", attest.ErrSignature)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append([]byte{4}, q.key[:]...))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: key of the quoting enclave", attest.ErrFormat)
	}
	if !verified(key, q.signed, q.signature) {
		return nil, nil, fmt.Errorf("%w: TDX quote", attest.ErrSignature)
	}
	return q, p, nil
}

// verified checks a signature of ECDSA P-256 with SHA-256: R and S, 32 bytes each, big-endian.
func verified(key *ecdsa.PublicKey, signed []byte, signature [64]byte) bool {
	digest := sha256.Sum256(signed)
	return ecdsa.Verify(key, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
}
