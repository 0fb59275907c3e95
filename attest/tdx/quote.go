// Package tdx verifies quotes of Intel TDX over their raw bytes with the standard library, and reads them from the machine
// (configfs-tsm). Quotes of versions 4 and 5 are known, of TDs of modules 1.0 and 1.5, signed with ECDSA P-256 by Intel's quoting
// enclave; Intel's root is pinned by the SHA-256 of its public key and never taken from evidence.
//
// A quote is genuine where four signatures hold: of the TD's report by the quoting enclave's key, of that key by the processor's
// PCK key, and of the PCK certificate by two authorities. Whether processor, module and enclave are free of known faults is
// Intel's word, which changes: [Collateral], fetched by the operator ahead of time. [Verifier] decides: zero-value policies refuse.
//
// What no quote can show, such as an interposer on the memory bus or a PCK key that one extracted, no policy here can refuse:
// pin PPIDs where the machine's surroundings matter.
//
// Layouts are those of the Intel TDX DCAP Quoting Library API (appendix 3, quote formats 4 and 5).
package tdx

import (
	"bytes"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/holdfast-ai/holdfast/attest"
)

// Sizes in bytes.
const (
	headerSize  = 48
	body10Size  = 584 // report of a TD of module 1.0
	body15Size  = 648 // and of 1.5
	enclaveSize = 384 // report of the quoting enclave
)

// Bits of the ATTRIBUTES of a TD.
const (
	AttributeDebug         = 1 << 0  // the host may read and write the TD; bits 1 to 7 are untrusted too
	AttributeLASS          = 1 << 27 // linear address space separation
	AttributeSEPTVEDisable = 1 << 28 // the host cannot inject exceptions by taking pages away
	AttributeMigratable    = 1 << 29
	AttributePKS           = 1 << 30 // protection keys for supervisor pages
	AttributeKL            = 1 << 31 // key locker
	AttributePerfmon       = 1 << 63 // the TD has the performance counters to itself

	untrustedAttributes = 0xff
	knownAttributes     = untrustedAttributes | AttributeLASS | AttributeSEPTVEDisable | AttributeMigratable | AttributePKS | AttributeKL | AttributePerfmon
)

// A Quote is the parsed form of a quote: the TD's report, and what vouches for it. Nothing in it is trusted.
type Quote struct {
	Version        uint16
	TCBSVN         [16]byte // TEE_TCB_SVN: versions of the TDX module and of the processor's parts
	MRSeam         [48]byte // measurement of the TDX module
	MRSignerSeam   [48]byte // its signer; zeros for Intel
	SeamAttributes uint64
	Attributes     uint64
	XFAM           uint64
	MRTD           [48]byte // measurement of the TD as it was built, which is its firmware
	MRConfigID     [48]byte // chosen by the host at launch, as the two below
	MROwner        [48]byte
	MROwnerConfig  [48]byte
	RTMR           [4][48]byte // what firmware, boot loader, kernel and the guest measured since
	ReportData     [64]byte
	MRServiceTD    [48]byte // of modules 1.5: TDs that may do something to this one, as migrate it; zeros for none

	size      int    // of the whole quote, in bytes
	signed    []byte // what the quoting enclave signed
	signature [64]byte
	key       [64]byte // of the quoting enclave
	enclave   enclave
	chain     []byte // PEM
}

// An enclave is the quoting enclave's report, with the PCK key's signature, and what was hashed into it beside its key.
type enclave struct {
	raw       []byte
	signature [64]byte
	auth      []byte
}

// Offsets in the report of an enclave (REPORTBODY of SGX).
func (e *enclave) miscSelect() []byte { return e.raw[16:20] }
func (e *enclave) attributes() []byte { return e.raw[48:64] }
func (e *enclave) mrSigner() []byte   { return e.raw[128:160] }
func (e *enclave) productID() uint16  { return binary.LittleEndian.Uint16(e.raw[256:]) }
func (e *enclave) version() uint16    { return binary.LittleEndian.Uint16(e.raw[258:]) }
func (e *enclave) reportData() []byte { return e.raw[320:384] }

// intel is the vendor of the quoting enclave.
var intel = [16]byte{0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07}

// ParseQuote reads a quote. Zeros may follow, as the buffers of some hosts have them, and nothing else: use [Quote.Identity] as
// identity. Bits that this package does not know are left to the policy. Errors: [attest.ErrFormat].
func ParseQuote(b []byte) (*Quote, error) {
	q, err := parseQuote(b)
	if err != nil {
		return nil, fmt.Errorf("%w: TDX quote: %w", attest.ErrFormat, err)
	}
	return q, nil
}

func parseQuote(b []byte) (*Quote, error) {
	r := reader{b}
	h := r.next(headerSize)
	if h == nil {
		return nil, errShort
	}
	le := binary.LittleEndian
	q := &Quote{Version: le.Uint16(h)}
	if q.Version != 4 && q.Version != 5 {
		return nil, fmt.Errorf("version %d, want 4 or 5", q.Version)
	}
	if key, tee := le.Uint16(h[2:]), le.Uint32(h[4:]); key != 2 || tee != 0x81 {
		return nil, fmt.Errorf("key of type %d and TEE %#x, want 2 (ECDSA P-256) and 0x81 (TDX)", key, tee)
	}
	if vendor := h[12:28]; !bytes.Equal(vendor, intel[:]) {
		return nil, fmt.Errorf("quoting enclave of %s, want Intel's", hex.EncodeToString(vendor))
	}
	size := uint32(body10Size)
	if q.Version == 5 {
		d := r.next(6)
		if d == nil {
			return nil, errShort
		}
		kind := le.Uint16(d)
		size = le.Uint32(d[2:])
		if want := map[uint16]uint32{2: body10Size, 3: body15Size}[kind]; want == 0 || size != want {
			return nil, fmt.Errorf("body of type %d and %d bytes, want 2 and %d or 3 and %d", kind, size, body10Size, body15Size)
		}
	}
	body := r.next(int(size))
	if body == nil {
		return nil, errShort
	}
	q.body(body)
	q.signed = bytes.Clone(b[:len(b)-len(r.rest)])
	data, ok := r.sized32()
	if !ok {
		return nil, errShort
	}
	q.size = len(b) - len(r.rest)
	if len(bytes.Trim(r.rest, "\x00")) != 0 {
		return nil, errors.New("bytes behind the signature")
	}
	return q, q.signatures(data)
}

func (q *Quote) body(b []byte) {
	le := binary.LittleEndian
	q.TCBSVN, q.MRSeam, q.MRSignerSeam = [16]byte(b), [48]byte(b[16:]), [48]byte(b[64:])
	q.SeamAttributes, q.Attributes, q.XFAM = le.Uint64(b[112:]), le.Uint64(b[120:]), le.Uint64(b[128:])
	q.MRTD, q.MRConfigID, q.MROwner, q.MROwnerConfig = [48]byte(b[136:]), [48]byte(b[184:]), [48]byte(b[232:]), [48]byte(b[280:])
	for i := range q.RTMR {
		q.RTMR[i] = [48]byte(b[328+48*i:])
	}
	q.ReportData = [64]byte(b[520:])
	if len(b) == body15Size { // TEE_TCB_SVN_2 at 584 is of the module that runs now, not of the one that the TD was launched under
		q.MRServiceTD = [48]byte(b[600:])
	}
}

// signatures reads what vouches for the report: signature and key of the quoting enclave, its report, and the PCK certificate.
func (q *Quote) signatures(data []byte) error {
	r := reader{data}
	signature, key := r.next(64), r.next(64)
	if key == nil {
		return errShort
	}
	q.signature, q.key = [64]byte(signature), [64]byte(key)
	inner, err := r.certification(6)
	if err != nil {
		return err
	}
	r = reader{inner}
	report, signature := r.next(enclaveSize), r.next(64)
	if signature == nil {
		return errShort
	}
	auth, ok := r.sized16()
	if !ok {
		return errShort
	}
	q.enclave = enclave{raw: bytes.Clone(report), signature: [64]byte(signature), auth: bytes.Clone(auth)}
	chain, err := r.certification(5)
	q.chain = bytes.Clone(chain)
	return err
}

// Identity is the identity of the evidence: SHA-384 of the signed region.
func (q *Quote) Identity() [48]byte { return sha512.Sum384(q.signed) }

// Measurement is all that was measured, in one value: SHA-384(MRTD ‖ RTMR0 ‖ RTMR1 ‖ RTMR2 ‖ RTMR3).
func (q *Quote) Measurement() [48]byte {
	h := sha512.New384()
	h.Write(q.MRTD[:])
	for _, r := range q.RTMR {
		h.Write(r[:])
	}
	return [48]byte(h.Sum(nil))
}
