package snp

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/attest"
)

// AMD's revocation lists, genuine under the pinned roots, and the built-in list say the same.
func TestRevocationLists(t *testing.T) {
	for _, v := range []struct {
		product         Product
		crl, ark, other string
		live            []string
		listed          int
	}{
		{Milan, "openpcc/crl/milan.crl", "milan_ark", "genoa_ark", []string{"milan_ask", "milan_asvk"}, 0},
		{Genoa, "openpcc/crl/genoa.crl", "genoa_ark", "milan_ark", []string{"genoa_ask", "genoa_asvk"}, 1},
	} {
		der := vector(t, v.crl)
		crl, err := x509.ParseRevocationList(der)
		if err != nil {
			t.Fatal(err)
		}
		certificate := func(name string) *x509.Certificate {
			c, err := x509.ParseCertificate(vector(t, "roots/amd/"+name+".pem"))
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		ark := certificate(v.ark)
		if !slices.Contains(AMDRoots(), Root{v.product, sha256.Sum256(ark.RawSubjectPublicKeyInfo)}) {
			t.Fatalf("%s is not pinned", v.ark)
		}
		if err := crl.CheckSignatureFrom(ark); err != nil {
			t.Errorf("%s: %v", v.crl, err)
		}
		if crl.CheckSignatureFrom(certificate(v.other)) == nil {
			t.Errorf("%s verifies under another root", v.crl)
		}
		listed := map[string]bool{}
		for _, e := range crl.RevokedCertificateEntries {
			listed[e.SerialNumber.String()] = true
			if !revoked(v.product, e.SerialNumber.String()) {
				t.Errorf("%s revokes %x, which is accepted", v.crl, e.SerialNumber)
			}
		}
		if len(listed) != v.listed {
			t.Errorf("%s lists %d, SOURCES.md says %d", v.crl, len(listed), v.listed)
		}
		// No other serial is refused.
		for n := range int64(1 << 20) {
			if s := big.NewInt(n).String(); revoked(v.product, s) != listed[s] {
				t.Errorf("%s: serial %x: revoked is %v", v.product, n, !listed[s])
			}
		}
		for _, name := range v.live {
			if revoked(v.product, certificate(name).SerialNumber.String()) {
				t.Errorf("%s is refused as revoked", name)
			}
		}
	}
}

// A chain that is good in all else is refused where its intermediate has the revoked serial, for the product that AMD
// revoked it for.
func TestRevokedIntermediateIsRefused(t *testing.T) {
	old := big.NewInt(0x020001)
	for _, c := range []struct {
		product Product
		serial  *big.Int
		refused bool
	}{
		{Genoa, old, true},
		{Genoa, big.NewInt(0x020002), false},
		{Milan, old, false},
	} {
		certs, root, _ := forge(t, c.product, c.serial)
		s, err := verifyChain(certs, []Root{root}, during2026)
		switch {
		case c.refused && (!errors.Is(err, attest.ErrSignature) || !strings.Contains(err.Error(), "revoked")):
			t.Errorf("%s, %x: %v, want it revoked", c.product, c.serial, err)
		case !c.refused && (err != nil || s.product != c.product || !bytes.Equal(s.hwid, make([]byte, 64))):
			t.Errorf("%s, %x: %v", c.product, c.serial, err)
		}
	}
}

// forge makes a VCEK, an ASK of the serial, and an ARK, which is the root, with its key.
func forge(t testing.TB, product Product, serial *big.Int) ([][]byte, Root, *ecdsa.PrivateKey) {
	t.Helper()
	var root *ecdsa.PrivateKey
	parent, signer := (*x509.Certificate)(nil), (*ecdsa.PrivateKey)(nil)
	issue := func(cn string, serial *big.Int, ca bool, ext ...pkix.Extension) *x509.Certificate {
		key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		c := &x509.Certificate{
			SerialNumber: serial, Subject: pkix.Name{CommonName: cn}, NotBefore: during2025, NotAfter: during2026.AddDate(1, 0, 0),
			IsCA: ca, BasicConstraintsValid: true, ExtraExtensions: ext,
		}
		if parent == nil {
			parent, signer, root = c, key, key
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		if parent, err = x509.ParseCertificate(der); err != nil {
			t.Fatal(err)
		}
		signer = key
		return parent
	}
	ext := func(value any, params string, id ...int) pkix.Extension {
		b, err := asn1.MarshalWithParams(value, params)
		if err != nil {
			t.Fatal(err)
		}
		return pkix.Extension{Id: append(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 3704, 1}, id...), Value: b}
	}
	ark := issue("ARK-"+string(product), big.NewInt(1), true)
	ask := issue("SEV-"+string(product), serial, true)
	hwid := ext(0, "", 4)
	hwid.Value = make([]byte, 64)
	vcek := issue("SEV-VCEK", big.NewInt(3), false, hwid, ext(string(product), "ia5", 2), ext(1, "", 3, 1), ext(1, "", 3, 2), ext(1, "", 3, 3), ext(1, "", 3, 8))
	return [][]byte{vcek.Raw, ask.Raw, ark.Raw}, Root{product, sha256.Sum256(ark.RawSubjectPublicKeyInfo)}, root
}
