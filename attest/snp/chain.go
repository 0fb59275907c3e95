package snp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
)

// A signer is a report key with what AMD certified about it. It depends on the certificates and the time alone and not on
// the report or the policy, so that it can be cached by the leaf's digest until notAfter.
type signer struct {
	kind     Signer
	product  Product
	key      *ecdsa.PublicKey
	tcb      TCB
	hwid     []byte // of a VCEK: 64 bytes, Turin 8
	csp      string // of a VLEK: CSP_ID, for example "cc-us-east-2.amazonaws.com"
	notAfter time.Time
}

// maxRSA bounds RSA keys of a chain in bits: AMD's have 4096, and one check with a key that fills a certificate takes
// seconds.
const maxRSA = 8192

// verifyChain verifies leaf, intermediate and root, in this order, up to a pinned root key.
func verifyChain(certs [][]byte, roots []Root, now time.Time) (*signer, error) {
	if len(certs) != 3 {
		return nil, fmt.Errorf("%w: %d certificates, want report key, ASK or ASVK, and ARK", attest.ErrFormat, len(certs))
	}
	var c [3]*x509.Certificate
	for i, der := range certs {
		var err error
		if c[i], err = x509.ParseCertificate(der); err != nil {
			return nil, fmt.Errorf("%w: certificate %d: %w", attest.ErrFormat, i, err)
		}
		if k, ok := c[i].PublicKey.(*rsa.PublicKey); ok && k.N.BitLen() > maxRSA {
			return nil, fmt.Errorf("%w: certificate %d: RSA key of %d bits", attest.ErrFormat, i, k.N.BitLen())
		}
	}
	leaf, ask, ark := c[0], c[1], c[2]
	spki := sha256.Sum256(ark.RawSubjectPublicKeyInfo)
	at := slices.IndexFunc(roots, func(r Root) bool { return r.SPKI == spki })
	if at < 0 {
		return nil, fmt.Errorf("%w: the root key is not pinned", attest.ErrSignature)
	}
	product := roots[at].Product
	if revoked(product, ask.SerialNumber.String()) {
		return nil, fmt.Errorf("%w: the intermediate certificate is revoked", attest.ErrSignature)
	}
	// The root's own certificate carries nothing but the pinned key: a copy altered elsewhere must not count (its signature
	// is checked), and x509 checks names, dates, constraints and signatures of the whole path.
	if err := ark.CheckSignature(ark.SignatureAlgorithm, ark.RawTBSCertificate, ark.Signature); err != nil {
		return nil, fmt.Errorf("%w: root certificate", attest.ErrSignature)
	}
	o := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	o.Roots.AddCert(ark)
	o.Intermediates.AddCert(ask)
	paths, err := leaf.Verify(o)
	if err != nil {
		return nil, fmt.Errorf("%w: certificate chain: %w", attest.ErrSignature, err)
	}
	// All three take part: a leaf directly under the ARK is no report key.
	if !slices.ContainsFunc(paths, func(p []*x509.Certificate) bool { return len(p) == 3 && p[1].Equal(ask) && p[2].Equal(ark) }) {
		return nil, fmt.Errorf("%w: certificate chain is not report key, intermediate, root", attest.ErrSignature)
	}
	return leafFacts(leaf, ask, product)
}

func leafFacts(leaf, ask *x509.Certificate, product Product) (*signer, error) {
	s := &signer{product: product, notAfter: leaf.NotAfter}
	prefix := strings.TrimSuffix(ask.Subject.CommonName, string(product))
	switch {
	case leaf.Subject.CommonName == "SEV-VCEK" && prefix == "SEV-":
		s.kind = VCEK
	case leaf.Subject.CommonName == "SEV-VLEK" && prefix == "SEV-VLEK-":
		s.kind = VLEK
	default:
		return nil, fmt.Errorf("%w: %q issued by %q", attest.ErrSignature, leaf.Subject.CommonName, ask.Subject.CommonName)
	}
	var ok bool
	if s.key, ok = leaf.PublicKey.(*ecdsa.PublicKey); !ok || s.key.Curve != elliptic.P384() {
		return nil, fmt.Errorf("%w: report key is not ECDSA P-384", attest.ErrFormat)
	}
	ext := extensions(leaf)
	name, err := ext.text("1.3.6.1.4.1.3704.1.2")
	if err != nil {
		return nil, err
	}
	if name != string(product) && !strings.HasPrefix(name, string(product)+"-") {
		return nil, fmt.Errorf("%w: report key of a %q under the root of %s", attest.ErrSignature, name, product)
	}
	if s.tcb, err = ext.tcb(product); err != nil {
		return nil, err
	}
	hwid, chip := ext["1.3.6.1.4.1.3704.1.4"]
	if _, cloud := ext["1.3.6.1.4.1.3704.1.5"]; chip == cloud || chip != (s.kind == VCEK) {
		return nil, fmt.Errorf("%w: a %v names its chip, and a VLEK its provider instead", attest.ErrFormat, s.kind)
	}
	if s.kind == VLEK {
		s.csp, err = ext.text("1.3.6.1.4.1.3704.1.5")
		s.csp = strings.TrimPrefix(s.csp, "CN=")
		return s, err
	}
	// Older certificates hold the bytes as they are, newer ones an OCTET STRING of them.
	want := hwidSize(product)
	if len(hwid) == want+2 && hwid[0] == asn1.TagOctetString && int(hwid[1]) == want {
		hwid = hwid[2:]
	}
	if s.hwid = hwid; len(hwid) != want {
		return nil, fmt.Errorf("%w: HWID of %d bytes, want %d", attest.ErrFormat, len(hwid), want)
	}
	return s, nil
}

func hwidSize(p Product) int {
	if p == Turin {
		return 8
	}
	return 64
}

// certExtensions are the values of a certificate's extensions by identifier.
type certExtensions map[string][]byte

func extensions(c *x509.Certificate) certExtensions {
	m := certExtensions{}
	for _, e := range c.Extensions { // x509 has refused duplicates
		m[e.Id.String()] = e.Value
	}
	return m
}

func (e certExtensions) text(id string) (string, error) {
	var s string
	if rest, err := asn1.UnmarshalWithParams(e[id], &s, "ia5"); err != nil || len(rest) != 0 {
		return "", fmt.Errorf("%w: certificate extension %s", attest.ErrFormat, id)
	}
	return s, nil
}

// tcb reads the security patch levels (VCEK certificate specification, AMD document 57230).
func (e certExtensions) tcb(p Product) (TCB, error) {
	var t TCB
	levels := []struct {
		id  string
		dst *uint8
	}{
		{"1.3.6.1.4.1.3704.1.3.1", &t.Bootloader}, {"1.3.6.1.4.1.3704.1.3.2", &t.TEE},
		{"1.3.6.1.4.1.3704.1.3.3", &t.SNP}, {"1.3.6.1.4.1.3704.1.3.8", &t.Microcode},
		{"1.3.6.1.4.1.3704.1.3.9", &t.FMC}, // last: Turin only
	}
	if p != Turin {
		levels = levels[:4]
	}
	for _, l := range levels {
		var v int
		if rest, err := asn1.Unmarshal(e[l.id], &v); err != nil || len(rest) != 0 || v < 0 || v > 255 {
			return TCB{}, fmt.Errorf("%w: certificate extension %s", attest.ErrFormat, l.id)
		}
		*l.dst = uint8(v)
	}
	return t, nil
}
