package tdx

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
)

// Files are what Intel says of one kind of processor, as its Provisioning Certification Service gives it
// (https://api.trustedservices.intel.com, version 4; issuer chains come in headers of the answers, URL-encoded).
type Files struct {
	TCBInfo         []byte // /tdx/certification/v4/tcb?fmspc=…: {"tcbInfo":{…},"signature":"…"}
	QEIdentity      []byte // /tdx/certification/v4/qe/identity: {"enclaveIdentity":{…},"signature":"…"}
	TCBInfoChain    []byte // PEM: Intel SGX TCB Signing, root
	QEIdentityChain []byte // the same
	PCKCRL          []byte // DER: /sgx/certification/v4/pckcrl?ca=platform (or processor)&encoding=der
	PCKCRLChain     []byte // PEM: that authority, root
	RootCRL         []byte // DER: https://certificates.trustedservices.intel.com/IntelSGXRootCA.der
}

// MaxCollateral bounds collateral in JSON, in bytes: Intel's has about 16 KiB, and more with long revocation lists.
const MaxCollateral = 4 << 20

// ParseFiles reads collateral in the one JSON document in which quoting libraries pass it on (quote collateral, version 3): PEM and JSON
// as strings, signatures and revocation lists in hex.
func ParseFiles(b []byte) (Files, error) {
	var in struct {
		TCBInfo             string `json:"tcb_info"`
		TCBInfoSignature    string `json:"tcb_info_signature"`
		TCBInfoChain        string `json:"tcb_info_issuer_chain"`
		QEIdentity          string `json:"qe_identity"`
		QEIdentitySignature string `json:"qe_identity_signature"`
		QEIdentityChain     string `json:"qe_identity_issuer_chain"`
		PCKCRL              string `json:"pck_crl"`
		PCKCRLChain         string `json:"pck_crl_issuer_chain"`
		RootCRL             string `json:"root_ca_crl"`
	}
	if len(b) > MaxCollateral {
		return Files{}, fmt.Errorf("%w: collateral of %d bytes", attest.ErrFormat, len(b))
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return Files{}, fmt.Errorf("%w: collateral: %w", attest.ErrFormat, err)
	}
	f := Files{
		TCBInfo:         fmt.Appendf(nil, `{"tcbInfo":%s,"signature":%q}`, in.TCBInfo, in.TCBInfoSignature),
		QEIdentity:      fmt.Appendf(nil, `{"enclaveIdentity":%s,"signature":%q}`, in.QEIdentity, in.QEIdentitySignature),
		TCBInfoChain:    []byte(in.TCBInfoChain),
		QEIdentityChain: []byte(in.QEIdentityChain),
		PCKCRLChain:     []byte(in.PCKCRLChain),
	}
	var err error
	for _, l := range []struct {
		hex string
		to  *[]byte
	}{{in.PCKCRL, &f.PCKCRL}, {in.RootCRL, &f.RootCRL}} {
		if *l.to, err = hex.DecodeString(l.hex); err != nil {
			return Files{}, fmt.Errorf("%w: collateral: revocation list is not hex", attest.ErrFormat)
		}
	}
	return f, nil
}

// A Collateral is verified: each part is signed by Intel. Whether it is valid now is asked at each verification. The zero value is
// of no processor.
type Collateral struct {
	root    [32]byte
	tcb     tcbInfo
	enclave qeIdentity
	signers []*x509.Certificate // of both
	pckCRL  *x509.RevocationList
	pckCA   *x509.Certificate
	rootCRL *x509.RevocationList
}

// FMSPC names the kind of processor that the collateral is about.
func (c *Collateral) FMSPC() [6]byte { return c.tcb.fmspc }

// Expires is when the first part of it ends.
func (c *Collateral) Expires() time.Time {
	_, to := c.window()
	return to
}

// NewCollateral verifies files under Intel's root. Errors: [attest.ErrFormat], [attest.ErrSignature].
func NewCollateral(f Files) (*Collateral, error) { return newCollateral(f, intelRoot) }

// InsecureCollateral verifies files under the root of a simulator, for a [Verifier] with the same InsecureRoot.
func InsecureCollateral(f Files, root [32]byte) (*Collateral, error) { return newCollateral(f, root) }

func newCollateral(f Files, root [32]byte) (*Collateral, error) {
	c := &Collateral{root: root}
	body, signer, err := signedPart(f.TCBInfo, "tcbInfo", f.TCBInfoChain, root)
	if err != nil {
		return nil, err
	}
	if err := c.tcb.parse(body); err != nil {
		return nil, err
	}
	c.signers = signer
	if body, signer, err = signedPart(f.QEIdentity, "enclaveIdentity", f.QEIdentityChain, root); err != nil {
		return nil, err
	}
	if err := c.enclave.parse(body); err != nil {
		return nil, err
	}
	c.signers = append(c.signers, signer...)
	ca, err := certificates(f.PCKCRLChain, 2)
	if err != nil {
		return nil, err
	}
	if c.pckCA = ca[0]; !slices.Contains(authorityNames, c.pckCA.Subject.CommonName) {
		return nil, fmt.Errorf("%w: revocation list of %q", attest.ErrSignature, c.pckCA.Subject.CommonName)
	}
	if err := verifyChain(ca, root, c.pckCA.NotBefore); err != nil {
		return nil, err
	}
	if c.pckCRL, err = revocationList(f.PCKCRL, c.pckCA); err != nil {
		return nil, err
	}
	if c.rootCRL, err = revocationList(f.RootCRL, ca[1]); err != nil {
		return nil, err
	}
	for _, s := range []*x509.Certificate{c.signers[0], c.signers[2], c.pckCA} {
		if revokes(c.rootCRL, s) {
			return nil, fmt.Errorf("%w: the certificate of %q is revoked", attest.ErrSignature, s.Subject.CommonName)
		}
	}
	return c, nil
}

// signedPart returns the bytes of one member that Intel signed, with the chain of who signed.
func signedPart(doc []byte, name string, chain []byte, root [32]byte) (json.RawMessage, []*x509.Certificate, error) {
	if len(doc) > MaxCollateral {
		return nil, nil, fmt.Errorf("%w: %s of %d bytes", attest.ErrFormat, name, len(doc))
	}
	var members map[string]json.RawMessage
	var text string
	if err := json.Unmarshal(doc, &members); err != nil || json.Unmarshal(members["signature"], &text) != nil {
		return nil, nil, fmt.Errorf("%w: %s: no JSON of it and a signature", attest.ErrFormat, name)
	}
	signature, err := hex.DecodeString(text)
	if err != nil || len(signature) != 64 {
		return nil, nil, fmt.Errorf("%w: %s: signature is not 64 bytes in hex", attest.ErrFormat, name)
	}
	certs, err := certificates(chain, 2)
	if err != nil {
		return nil, nil, err
	}
	if err := verifyChain(certs, root, certs[0].NotBefore); err != nil { // whether it is valid now is asked later
		return nil, nil, err
	}
	if got := certs[0].Subject.CommonName; got != signerName {
		return nil, nil, fmt.Errorf("%w: %s signed by %q", attest.ErrSignature, name, got)
	}
	body := members[name]
	if !verified(certs[0].PublicKey.(*ecdsa.PublicKey), body, [64]byte(signature)) {
		return nil, nil, fmt.Errorf("%w: %s", attest.ErrSignature, name)
	}
	return body, certs, nil
}

func revocationList(der []byte, issuer *x509.Certificate) (*x509.RevocationList, error) {
	if len(der) > MaxCollateral {
		return nil, fmt.Errorf("%w: revocation list of %d bytes", attest.ErrFormat, len(der))
	}
	l, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, fmt.Errorf("%w: revocation list: %w", attest.ErrFormat, err)
	}
	// One that is about some certificates, or tells changes only, says so in a critical extension.
	if len(l.Raw) != len(der) || slices.ContainsFunc(l.Extensions, func(e pkix.Extension) bool { return e.Critical }) {
		return nil, fmt.Errorf("%w: revocation list with a critical extension, or bytes behind it", attest.ErrFormat)
	}
	if !bytes.Equal(l.RawIssuer, issuer.RawSubject) {
		return nil, fmt.Errorf("%w: revocation list of another issuer", attest.ErrSignature)
	}
	if err := l.CheckSignatureFrom(issuer); err != nil {
		return nil, fmt.Errorf("%w: revocation list of %q", attest.ErrSignature, issuer.Subject.CommonName)
	}
	return l, nil
}

func revokes(l *x509.RevocationList, c *x509.Certificate) bool {
	return slices.ContainsFunc(l.RevokedCertificateEntries, func(e x509.RevocationListEntry) bool { return e.SerialNumber.Cmp(c.SerialNumber) == 0 })
}

// window is when all parts are valid.
func (c *Collateral) window() (from, to time.Time) {
	if c.pckCRL == nil {
		return from, to
	}
	from, to = c.tcb.From, c.tcb.To
	narrow := func(a, b time.Time) {
		if a.After(from) {
			from = a
		}
		if b.Before(to) {
			to = b
		}
	}
	narrow(c.enclave.From, c.enclave.To)
	for _, l := range []*x509.RevocationList{c.pckCRL, c.rootCRL} {
		narrow(l.ThisUpdate, l.NextUpdate)
	}
	for _, s := range append(slices.Clone(c.signers), c.pckCA) {
		narrow(s.NotBefore, s.NotAfter)
	}
	return from, to
}

// about reports whether the collateral is of the processor's kind and of the authority that certified it, whose certificate may be a newer one.
func (c *Collateral) about(root [32]byte, p *pck) bool {
	return c.under(root) && c.tcb.fmspc == p.fmspc && c.tcb.pceID == p.pceID && sameAuthority(c.pckCA, p.chain[1])
}

// under reports whether there is collateral, and of that root.
func (c *Collateral) under(root [32]byte) bool { return c != nil && c.pckCRL != nil && c.root == root }

// sameAuthority reports whether a list of one is a list of the other: they have the same name and key.
func sameAuthority(a, b *x509.Certificate) bool {
	return bytes.Equal(a.RawSubject, b.RawSubject) && bytes.Equal(a.RawSubjectPublicKeyInfo, b.RawSubjectPublicKeyInfo)
}

// disowned reports whether any list of the root's revokes who signed it: one that is newer than its own may.
func (c *Collateral) disowned(all []*Collateral) bool {
	return slices.ContainsFunc(all, func(o *Collateral) bool {
		return o.under(c.root) && (revokes(o.rootCRL, c.signers[0]) || revokes(o.rootCRL, c.signers[2]))
	})
}

// choose returns the valid collateral of the processor that was evaluated last, or nil.
func choose(all []*Collateral, root [32]byte, p *pck, now time.Time) (best *Collateral) {
	for _, c := range all {
		if !c.about(root, p) || c.disowned(all) {
			continue
		}
		from, to := c.window()
		if now.Before(from) || now.After(to) || best != nil && best.tcb.Number >= c.tcb.Number {
			continue
		}
		best = c
	}
	return best
}

// revocation holds the certificates of a quote against all lists under their root. What a list revokes stays revoked after it has ended.
func revocation(all []*Collateral, root [32]byte, p *pck) error {
	for _, c := range all {
		if c.under(root) && (revokes(c.rootCRL, p.chain[1]) || sameAuthority(c.pckCA, p.chain[1]) && revokes(c.pckCRL, p.chain[0])) {
			return fmt.Errorf("%w: the processor's certificate is revoked", attest.ErrSignature)
		}
	}
	return nil
}
