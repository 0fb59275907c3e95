package bundle

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-ai/holdfast/internal/dsse"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// maxCertificates bounds a chain: leaf, intermediates, root.
const maxCertificates = 10

// maxRSA bounds RSA keys of issuers in bits, as crypto/tls does. Anybody can put certificates into a bundle, and one check
// with a key that fills a certificate of the allowed size takes seconds.
const maxRSA = 8192

// ErrCertificate means a certificate that does not lead to a trusted root now, may not sign, or is malformed.
var ErrCertificate = errors.New("certificate is not accepted")

type certificate struct {
	RawBytes string `json:"rawBytes"`
}

type certificateChain struct {
	Certificates []certificate `json:"certificates"`
}

// chain reads the material of the certificate method: x509CertificateChain, leaf first, or a lone certificate, which some
// signers write where they were given no chain. A lone certificate beside log entries is keyless (OMS v1.0 section 4.1).
func (b *Bundle) chain(m *material) error {
	var c certificateChain
	var err error
	if present(m.Chain) {
		err = strictjson.UnmarshalKnown(m.Chain, &c, strictjson.Limits{MaxBytes: maxCertificates << 16, MaxDepth: maxDepth})
	} else {
		b.Lone = true
		c.Certificates = make([]certificate, 1)
		err = strictjson.UnmarshalKnown(m.Certificate, &c.Certificates[0], strictjson.Limits{MaxBytes: 1 << 16, MaxDepth: maxDepth})
	}
	if err != nil {
		return malformed("verificationMaterial", "is not a certificate chain of the expected form", err)
	}
	if n := len(c.Certificates); n == 0 || n > maxCertificates {
		return malformed("verificationMaterial", fmt.Sprintf("has %d certificates, want 1 to %d", n, maxCertificates), nil)
	}
	for i, raw := range c.Certificates {
		field := fmt.Sprintf("verificationMaterial.certificates[%d]", i)
		der, err := dsse.DecodeBase64(raw.RawBytes)
		if err != nil {
			return malformed(field, "is not canonical base64", err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return malformed(field, "is not a certificate", err)
		}
		if k, ok := cert.PublicKey.(*rsa.PublicKey); ok && k.N.BitLen() > maxRSA {
			return malformed(field, "has too large a key", nil)
		}
		b.Chain = append(b.Chain, cert)
	}
	return nil
}

// VerifyChain checks the signature with the leaf of the bundle's chain, after the chain itself: up to one of roots, valid at
// now, and the leaf allowed to sign (extended key usage codeSigning, or key usage digitalSignature where there is no extended one). The chain's own
// certificates serve as intermediates only; that a leaf is marked as an authority does not matter, as in the reference
// implementation. An authority that is limited to other uses issues no signers. The leaf is no authority of its own: where it is among
// roots, another of them must have issued it, see [Bundle.VerifyPinned]. It returns the leaf and then, in no order that
// matters, all that any path from it to a root leads through, also roots that the bundle leaves out.
// Errors: [ErrCertificate], [ErrKey], [ErrSignature], [ErrUnsupported] for keyless bundles.
func (b *Bundle) VerifyChain(roots []*x509.Certificate, now time.Time) ([]*x509.Certificate, error) {
	leaf, err := b.leaf()
	if err != nil {
		return nil, err
	}
	if len(roots) == 0 {
		return nil, fmt.Errorf("%w: no trusted roots", ErrCertificate) // x509 would take the system's
	}
	// x509 looks no further than a leaf that it finds among the roots: whoever gives the whole chain of a signer as
	// authorities would have nothing of it checked.
	others := slices.DeleteFunc(slices.Clone(roots), leaf.Equal)
	if len(others) == 0 {
		return nil, fmt.Errorf("%w: it is its own and only authority", ErrCertificate)
	}
	return b.verifyUnder(leaf, others, now)
}

// VerifyPinned is [Bundle.VerifyChain] for a leaf that is itself one of pinned: nobody else vouches for it then. It is held to its own
// validity and uses, and the signature to its key.
// Errors: those of VerifyChain.
func (b *Bundle) VerifyPinned(pinned []*x509.Certificate, now time.Time) ([]*x509.Certificate, error) {
	leaf, err := b.leaf()
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(pinned, leaf.Equal) {
		return nil, fmt.Errorf("%w: it is not one of those that are trusted", ErrCertificate)
	}
	return b.verifyUnder(leaf, []*x509.Certificate{leaf}, now)
}

func (b *Bundle) leaf() (*x509.Certificate, error) {
	if b.Keyless {
		return nil, errKeyless()
	}
	if len(b.Chain) == 0 {
		return nil, fmt.Errorf("%w: the bundle has none", ErrCertificate)
	}
	return b.Chain[0], nil
}

// verifyUnder checks paths from leaf to roots, which are not empty, the leaf, and the signature.
func (b *Bundle) verifyUnder(leaf *x509.Certificate, roots []*x509.Certificate, now time.Time) ([]*x509.Certificate, error) {
	opts := x509.VerifyOptions{
		Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}, // of authorities; the leaf is judged below, by either of two marks
	}
	for _, c := range roots {
		opts.Roots.AddCert(c)
	}
	for _, c := range b.Chain[1:] {
		opts.Intermediates.AddCert(c)
	}
	if now.IsZero() {
		return nil, fmt.Errorf("%w: no time to judge it at", ErrCertificate) // x509 would take its own
	}
	paths, err := leaf.Verify(opts)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	if !maySign(leaf) {
		return nil, fmt.Errorf("%w: neither digitalSignature nor codeSigning", ErrCertificate)
	}
	if err := b.Verify(leaf.PublicKey); err != nil {
		return nil, err
	}
	return slices.Concat(append([][]*x509.Certificate{{leaf}}, paths...)...), nil
}

// maySign asks for code signing where the certificate says what it is for, and for digital signatures otherwise: the
// certificate of a TLS server signs no models, although it may sign.
func maySign(c *x509.Certificate) bool {
	if len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 0 {
		return c.KeyUsage&x509.KeyUsageDigitalSignature != 0
	}
	return slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageCodeSigning) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}

// SignCertificate is [Sign] with a certificate of key's public half, and the certificates that lead from it to a root.
// Errors: [ErrKey], [ErrCertificate], [ErrFormat] for a payload or a chain that is too large, the signer's own.
func SignCertificate(key crypto.Signer, chain []*x509.Certificate, payload []byte) ([]byte, error) {
	if key == nil {
		return nil, ErrKey
	}
	if len(chain) == 0 || len(chain) > maxCertificates {
		return nil, fmt.Errorf("%w: %d certificates, want 1 to %d", ErrCertificate, len(chain), maxCertificates)
	}
	pub, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !pub.Equal(chain[0].PublicKey) {
		return nil, fmt.Errorf("%w: the first one is not the key's", ErrCertificate)
	}
	if !maySign(chain[0]) {
		return nil, fmt.Errorf("%w: neither digitalSignature nor codeSigning", ErrCertificate)
	}
	b, err := sign(key, payload)
	if err != nil {
		return nil, err
	}
	var c certificateChain
	for _, cert := range chain {
		c.Certificates = append(c.Certificates, certificate{base64.StdEncoding.EncodeToString(cert.Raw)})
	}
	type material struct {
		Chain certificateChain `json:"x509CertificateChain"`
		Tlog  []struct{}       `json:"tlogEntries"`
	}
	return write(output[material]{MediaType, material{c, []struct{}{}}, b.envelopeJSON()})
}

// ParseCertificates reads one or more certificates from PEM. Other blocks are refused. Errors: [ErrCertificate].
func ParseCertificates(text []byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	all := blocks(text)
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" || len(out) == 1000 {
			return nil, fmt.Errorf("%w: PEM block %q", ErrCertificate, block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCertificate, err)
		}
		out = append(out, c)
	}
	if len(out) == 0 || len(out) != all || len(bytes.TrimSpace(text)) != 0 {
		return nil, fmt.Errorf("%w: no PEM certificate, a damaged one, or text after the last one", ErrCertificate)
	}
	return out, nil
}
