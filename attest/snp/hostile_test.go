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
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
)

// Each certificate of a chain must hold by itself: its dates, its right to sign, and nothing critical in it that nobody knows.
func TestEveryCertificateMustHold(t *testing.T) {
	unknown := pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}
	for name, c := range map[string]struct {
		at   int // 0 report key, 1 intermediate, 2 root
		edit func(*x509.Certificate)
		want error
	}{
		"all hold":              {0, func(*x509.Certificate) {}, nil},
		"report key ended":      {0, func(c *x509.Certificate) { c.NotAfter = during2026.Add(-time.Second) }, attest.ErrSignature},
		"report key not begun":  {0, func(c *x509.Certificate) { c.NotBefore = during2026.Add(time.Second) }, attest.ErrSignature},
		"intermediate ended":    {1, func(c *x509.Certificate) { c.NotAfter = during2026.Add(-time.Second) }, attest.ErrSignature},
		"intermediate to come":  {1, func(c *x509.Certificate) { c.NotBefore = during2026.Add(time.Second) }, attest.ErrSignature},
		"root ended":            {2, func(c *x509.Certificate) { c.NotAfter = during2026.Add(-time.Second) }, attest.ErrSignature},
		"root to come":          {2, func(c *x509.Certificate) { c.NotBefore = during2026.Add(time.Second) }, attest.ErrSignature},
		"intermediate, no CA":   {1, func(c *x509.Certificate) { c.IsCA = false }, attest.ErrSignature},
		"root, no CA":           {2, func(c *x509.Certificate) { c.IsCA = false }, attest.ErrSignature},
		"root of path length 0": {2, func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, true }, attest.ErrSignature},
		"critical, report key":  {0, func(c *x509.Certificate) { c.ExtraExtensions = append(c.ExtraExtensions, unknown) }, attest.ErrSignature},
		"critical, root":        {2, func(c *x509.Certificate) { c.ExtraExtensions = append(c.ExtraExtensions, unknown) }, attest.ErrSignature},
		"name of another line":  {1, func(c *x509.Certificate) { c.RawSubject, c.Subject.CommonName = nil, "SEV-Genoa" }, attest.ErrSignature},
	} {
		var certs [3]*x509.Certificate
		var keys [3]*ecdsa.PrivateKey
		good, _, _ := forge(t, Milan, big.NewInt(77))
		for i := 2; i >= 0; i-- {
			var err error
			if keys[i], err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader); err != nil {
				t.Fatal(err)
			}
			template, err := x509.ParseCertificate(good[i])
			if err != nil {
				t.Fatal(err)
			}
			template.ExtraExtensions, template.AuthorityKeyId, template.SubjectKeyId, template.PublicKey = nil, nil, nil, keys[i].Public()
			if i == 0 {
				template.ExtraExtensions = slices.DeleteFunc(slices.Clone(template.Extensions), func(e pkix.Extension) bool { return len(e.Id) < 8 })
			}
			if i == c.at {
				c.edit(template)
			}
			parent := min(i+1, 2)
			issuer := template
			if i < 2 {
				issuer = certs[parent]
			}
			der, err := x509.CreateCertificate(rand.Reader, template, issuer, keys[i].Public(), keys[parent])
			if err != nil {
				t.Fatal(name, err)
			}
			if certs[i], err = x509.ParseCertificate(der); err != nil {
				t.Fatal(name, err)
			}
		}
		chain := [][]byte{certs[0].Raw, certs[1].Raw, certs[2].Raw}
		root := Root{Milan, sha256.Sum256(certs[2].RawSubjectPublicKeyInfo)}
		if _, err := verifyChain(chain, []Root{root}, during2026); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if c.want == nil {
			for what, other := range map[string][][]byte{
				"root first": {chain[2], chain[1], chain[0]}, "issuers exchanged": {chain[0], chain[2], chain[1]}, "no root": chain[:2], "intermediate twice": {chain[0], chain[1], chain[1]},
			} {
				if _, err := verifyChain(other, []Root{root}, during2026); err == nil {
					t.Errorf("%s is accepted", what)
				}
			}
		}
	}
}

// Reports have one length. A report with S replaced by n-S verifies too, and is the same evidence.
func TestOneIdentity(t *testing.T) {
	v := real[7]
	report := bytes.Clone(vector(t, v.report)[v.off:][:ReportSize])
	for _, n := range []int{0, 1, SignedSize, ReportSize - 1} {
		if _, err := ParseReport(report[:n]); !errors.Is(err, attest.ErrFormat) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	first, err := ParseReport(report)
	if err != nil {
		t.Fatal(err)
	}
	_, s := first.signature()
	var be [48]byte
	new(big.Int).Sub(elliptic.P384().Params().N, s).FillBytes(be[:])
	slices.Reverse(be[:])
	copy(report[SignedSize+sigComponent:], be[:])
	r, _, err := authenticate(evidence(t, report, v.leaf, v.ask, v.ark), AMDRoots(), v.at)
	if err != nil || r.Identity() != first.Identity() {
		t.Errorf("%v", err)
	}
}

// A VLEK counts for the providers that the policy names, and for no other of the same vendor.
func TestProviders(t *testing.T) {
	v := real[4]
	report := vector(t, v.report)[v.off:][:ReportSize]
	ev := evidence(t, report, v.leaf, v.ask, v.ark)
	for csp, want := range map[string]string{
		"cc-us-east-2.amazonaws.com": "", "cc-us-east-2.amazonaws.co": "snp.csp", "cc-eu-west-1.amazonaws.com": "snp.csp", "": "snp.csp", "CN=cc-us-east-2.amazonaws.com": "snp.csp",
	} {
		p := Policy{Products: []Product{Milan}, Measurements: [][48]byte{[48]byte(report[0x90:])}, MinTCB: map[Product]TCB{Milan: {SNP: 0x18}}, VMPL: 1, CSPs: []string{csp}}
		verifier := Verifier{Policy: p, Clock: func() time.Time { return v.at }}
		if _, err := verifier.Verify(t.Context(), ev, [64]byte(report[0x50:])); failing(err) != want || (err == nil) != (want == "") {
			t.Errorf("%q: %v, want %q", csp, err, want)
		}
	}
}
