package tdx

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
)

// Names of Intel's certificates (Intel SGX PCK Certificate and CRL Profile Specification).
const (
	pckName    = "Intel SGX PCK Certificate"
	signerName = "Intel SGX TCB Signing"
)

var authorityNames = []string{"Intel SGX PCK Platform CA", "Intel SGX PCK Processor CA"}

// certificates reads PEM of exactly n certificates, with nothing else between and behind them but white space and the NUL that
// Intel's software leaves.
func certificates(text []byte, n int) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	rest := bytes.TrimRight(text, "\x00 \t\r\n")
	for len(rest) > 0 {
		rest = bytes.TrimLeft(rest, " \t\r\n")
		if len(out) == n || !bytes.HasPrefix(rest, []byte("-----BEGIN CERTIFICATE-----")) {
			return nil, fmt.Errorf("%w: something else than %d certificates in PEM", attest.ErrFormat, n)
		}
		var p *pem.Block
		if p, rest = pem.Decode(rest); p == nil || p.Type != "CERTIFICATE" || len(p.Headers) != 0 || len(p.Bytes) > attest.MaxCert {
			return nil, fmt.Errorf("%w: certificate %d in PEM", attest.ErrFormat, len(out))
		}
		c, err := x509.ParseCertificate(p.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%w: certificate %d: %w", attest.ErrFormat, len(out), err)
		}
		if k, ok := c.PublicKey.(*ecdsa.PublicKey); !ok || k.Curve != elliptic.P256() {
			return nil, fmt.Errorf("%w: certificate %d: key is not ECDSA P-256", attest.ErrFormat, len(out))
		}
		out = append(out, c)
	}
	if len(out) != n {
		return nil, fmt.Errorf("%w: %d certificates, want %d", attest.ErrFormat, len(out), n)
	}
	return out, nil
}

// verifyChain verifies a chain, leaf first, up to the pinned key of its last certificate. All of them take part.
func verifyChain(chain []*x509.Certificate, root [32]byte, now time.Time) error {
	top := chain[len(chain)-1]
	if sha256.Sum256(top.RawSubjectPublicKeyInfo) != root {
		return fmt.Errorf("%w: the root key is not pinned", attest.ErrSignature)
	}
	// The root's own certificate carries nothing but the pinned key: a copy altered elsewhere must not count.
	if err := top.CheckSignature(top.SignatureAlgorithm, top.RawTBSCertificate, top.Signature); err != nil {
		return fmt.Errorf("%w: root certificate", attest.ErrSignature)
	}
	o := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	o.Roots.AddCert(top)
	for _, c := range chain[1 : len(chain)-1] {
		o.Intermediates.AddCert(c)
	}
	paths, err := chain[0].Verify(o)
	if err != nil {
		return fmt.Errorf("%w: certificate chain: %w", attest.ErrSignature, err)
	}
	same := func(p []*x509.Certificate) bool {
		return slices.EqualFunc(p, chain, func(a, b *x509.Certificate) bool { return a.Equal(b) })
	}
	if !slices.ContainsFunc(paths, same) {
		return fmt.Errorf("%w: certificate chain is not of all %d certificates", attest.ErrSignature, len(chain))
	}
	return nil
}

// A pck is what Intel certified about the processor whose key signed the quoting enclave's report.
type pck struct {
	chain  []*x509.Certificate // PCK certificate, authority, root
	ppid   [16]byte            // names the processor
	fmspc  [6]byte             // its kind
	pceID  [2]byte
	svn    [16]uint8 // versions of the processor's parts
	pceSVN uint16
}

// verifyPCK verifies the certificates of a quote, in the order PCK certificate, authority, root.
func verifyPCK(text []byte, root [32]byte, now time.Time) (*pck, error) {
	chain, err := certificates(text, 3)
	if err != nil {
		return nil, err
	}
	if err := verifyChain(chain, root, now); err != nil {
		return nil, err
	}
	if leaf, authority := chain[0].Subject.CommonName, chain[1].Subject.CommonName; leaf != pckName || !slices.Contains(authorityNames, authority) {
		return nil, fmt.Errorf("%w: %q issued by %q", attest.ErrSignature, leaf, authority)
	}
	p := &pck{chain: chain}
	return p, p.extension()
}
