// Package snp verifies AMD SEV-SNP attestation reports over their raw bytes with the standard library, and reads them from
// the machine (configfs-tsm). Milan, Genoa (with Bergamo and Siena) and Turin are known, with VCEK and VLEK signers; AMD's
// roots are pinned by the SHA-256 of their public keys and never taken from evidence.
//
// [Verifier] decides: zero-value policies refuse. What no report can show, such as an interposer on the memory bus, no
// policy here can refuse: pin chip ids where the machine's surroundings matter.
//
// Layout and field meanings are those of the SEV-SNP Firmware ABI Specification (AMD document 56860), ATTESTATION_REPORT.
package snp

import (
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"math/big"

	"github.com/holdfast-ai/holdfast/attest"
)

// Sizes and offsets of ATTESTATION_REPORT, in bytes.
const (
	ReportSize = 0x4A0 // whole report
	SignedSize = 0x2A0 // the part that the signature covers

	sigComponent = 72 // R and S, little-endian, zero-extended
)

// Bits of POLICY.
const (
	PolicySMT              = 1 << 16 // SMT is allowed
	policyReserved         = 1 << 17 // must be one
	PolicyMigrateMA        = 1 << 18 // a migration agent is allowed
	PolicyDebug            = 1 << 19 // the host may debug the guest
	PolicyRAPLDisabled     = 1 << 23 // the counters of power must be off
	PolicyCiphertextHiding = 1 << 24 // DRAM ciphertext hiding must be on
	PolicyPageSwapDisabled = 1 << 25 // the host cannot move or swap the guest's pages
	knownPolicy            = 1<<26 - 1
)

// Bits of PLATFORM_INFO.
const (
	PlatformSMT              = 1 << 0
	PlatformRAPLDisabled     = 1 << 3
	PlatformCiphertextHiding = 1 << 4
	PlatformAliasCheck       = 1 << 5 // memory was checked for aliases since the last reset (AMD-SB-3015)
)

// maxVMPL is the highest privilege level that a guest can ask for. In a report that the host asked for (SNP_HV_REPORT_REQ)
// the field is 0xFFFFFFFF.
const maxVMPL = 3

// Signer is the kind of key that signed a report.
type Signer uint8

// The kinds of signing keys (bits 4:2 at offset 0x48).
const (
	VCEK Signer = 0 // the chip's own key
	VLEK Signer = 1 // a key that AMD gave to a cloud provider
)

// String returns the name of the key, for example "VCEK".
func (s Signer) String() string {
	switch s {
	case VCEK:
		return "VCEK"
	case VLEK:
		return "VLEK"
	}
	return fmt.Sprintf("signer %d", uint8(s))
}

// A Report is the parsed form of an attestation report, versions 2 to 5. Raw TCB values are read per product: see [TCB].
type Report struct {
	Version         uint32
	GuestSVN        uint32
	Policy          uint64
	FamilyID        [16]byte
	ImageID         [16]byte
	VMPL            uint32
	CurrentTCB      uint64
	PlatformInfo    uint64
	Signer          Signer
	ReportData      [64]byte
	Measurement     [48]byte
	HostData        [32]byte
	IDKeyDigest     [48]byte
	AuthorKeyDigest [48]byte
	// AuthorKeyEnabled says that an author key signed the ID key (AUTHOR_KEY_EN).
	AuthorKeyEnabled bool
	ReportID         [32]byte
	ReportedTCB      uint64
	Family           uint8 // CPUID family and model, from version 3 on
	Model            uint8
	ChipID           [64]byte // zero where the host masks it
	CommittedTCB     uint64
	LaunchTCB        uint64
	// LaunchMitigations and CurrentMitigations are vectors of mitigations, from version 5 on.
	LaunchMitigations  uint64
	CurrentMitigations uint64

	raw [ReportSize]byte
}

// ParseReport reads a report of exactly [ReportSize] bytes. The signature must be in its one encoding, so that nobody can
// append to or vary bytes outside the signed part, other than replacing S by n-S: use [Report.Identity] as identity.
// Bits that this package does not know are left to the policy. Errors: [attest.ErrFormat].
func ParseReport(b []byte) (*Report, error) {
	if len(b) != ReportSize {
		return nil, fmt.Errorf("%w: SNP report of %d bytes, want %d", attest.ErrFormat, len(b), ReportSize)
	}
	le := binary.LittleEndian
	r := &Report{
		Version: le.Uint32(b), GuestSVN: le.Uint32(b[4:]), Policy: le.Uint64(b[8:]), VMPL: le.Uint32(b[0x30:]),
		FamilyID: [16]byte(b[0x10:]), ImageID: [16]byte(b[0x20:]),
		CurrentTCB: le.Uint64(b[0x38:]), PlatformInfo: le.Uint64(b[0x40:]), Signer: Signer(b[0x48] >> 2 & 7),
		ReportData: [64]byte(b[0x50:]), Measurement: [48]byte(b[0x90:]), HostData: [32]byte(b[0xC0:]),
		IDKeyDigest: [48]byte(b[0xE0:]), AuthorKeyDigest: [48]byte(b[0x110:]), AuthorKeyEnabled: b[0x48]&1 != 0, ReportID: [32]byte(b[0x140:]),
		ReportedTCB: le.Uint64(b[0x180:]), ChipID: [64]byte(b[0x1A0:]),
		CommittedTCB: le.Uint64(b[0x1E0:]), LaunchTCB: le.Uint64(b[0x1F0:]),
		raw: [ReportSize]byte(b),
	}
	if r.Version < 2 || r.Version > 5 {
		return nil, fmt.Errorf("%w: SNP report version %d, want 2 to 5", attest.ErrFormat, r.Version)
	}
	if r.Version >= 3 {
		r.Family, r.Model = b[0x188], b[0x189]
	}
	if r.Version >= 5 {
		r.LaunchMitigations, r.CurrentMitigations = le.Uint64(b[0x1F8:]), le.Uint64(b[0x200:])
	}
	if alg := le.Uint32(b[0x34:]); alg != 1 {
		return nil, fmt.Errorf("%w: SNP signature algorithm %d, want 1 (ECDSA P-384 with SHA-384)", attest.ErrFormat, alg)
	}
	if r.Signer != VCEK && r.Signer != VLEK {
		return nil, fmt.Errorf("%w: SNP report by %v", attest.ErrFormat, r.Signer)
	}
	if r.Policy&policyReserved == 0 {
		return nil, fmt.Errorf("%w: SNP policy without its reserved bit", attest.ErrFormat)
	}
	sig := b[SignedSize:]
	if !zero(sig[48:sigComponent]) || !zero(sig[sigComponent+48:]) {
		return nil, fmt.Errorf("%w: bytes around the SNP signature", attest.ErrFormat)
	}
	return r, nil
}

func zero(b []byte) bool {
	var x byte
	for _, v := range b {
		x |= v
	}
	return x == 0
}

// Identity is the identity of the evidence: SHA-384 of the signed region. It is also the digest that is signed.
func (r *Report) Identity() [48]byte { return sha512.Sum384(r.raw[:SignedSize]) }

func (r *Report) signature() (x, y *big.Int) {
	return littleEndian(r.raw[SignedSize:][:sigComponent]), littleEndian(r.raw[SignedSize+sigComponent:][:sigComponent])
}

func littleEndian(b []byte) *big.Int {
	var be [sigComponent]byte
	for i, v := range b {
		be[len(be)-1-i] = v
	}
	return new(big.Int).SetBytes(be[:])
}
