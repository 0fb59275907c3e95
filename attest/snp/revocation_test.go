package snp

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
)

// AMD's own lists beside real reports: a list counts for the root that signed it and within its dates.
func TestRealRevocationLists(t *testing.T) {
	milan, genoa := vector(t, "openpcc/crl/milan.crl"), vector(t, "openpcc/crl/genoa.crl")
	altered := bytes.Clone(milan)
	altered[len(altered)-1] ^= 1
	report := map[Product]int{}
	for i, v := range real {
		report[v.product] = i
	}
	at := time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC) // within the dates of both
	for name, c := range map[string]struct {
		product Product
		lists   [][]byte
		at      time.Time
		want    string // failing check, or text of the error
	}{
		"Milan":                    {Milan, [][]byte{milan}, at, ""},
		"Genoa, with both":         {Genoa, [][]byte{milan, genoa}, at, ""},
		"VLEK":                     {"VLEK", [][]byte{milan}, at, ""},
		"none":                     {Milan, nil, at, "snp.revocation_list"},
		"of another line":          {Milan, [][]byte{genoa}, at, "snp.revocation_list"},
		"of no line":               {Turin, [][]byte{milan, genoa}, during2026, "snp.revocation_list"},
		"ended":                    {Milan, [][]byte{milan}, during2026, "snp.revocation_list"},
		"not yet":                  {Milan, [][]byte{milan}, time.Date(2025, 5, 6, 0, 0, 0, 0, time.UTC), "snp.revocation_list"},
		"altered":                  {Milan, [][]byte{altered}, at, "does not verify"},
		"altered, beside good one": {Milan, [][]byte{milan, altered}, at, "does not verify"},
		"no list at all":           {Milan, [][]byte{[]byte("list")}, at, "malformed"},
		"with bytes behind":        {Milan, [][]byte{append(bytes.Clone(milan), 0)}, at, "malformed"},
		"large":                    {Milan, [][]byte{make([]byte, maxRevocationList+1)}, at, "of 1048577 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			i := report[c.product]
			if c.product == "VLEK" {
				for i = range real {
					if real[i].signer == VLEK {
						break
					}
				}
			}
			v := real[i]
			raw := vector(t, v.report)[v.off:][:ReportSize]
			r, err := ParseReport(raw)
			if err != nil {
				t.Fatal(err)
			}
			p := Policy{
				Products: []Product{v.product}, InsecureSkipMeasurement: true, InsecureSkipTCB: true, InsecureAllowDebug: true, VMPL: r.VMPL,
				InsecureAllowUncheckedAliases: true, InsecureAllowMaskedChip: true, CSPs: []string{"cc-us-east-2.amazonaws.com", "cc-eu-west-1.amazonaws.com"},
			}
			ev := evidence(t, raw, v.leaf, v.ask, v.ark)
			verifier := &Verifier{Policy: p, Clock: func() time.Time { return c.at }}
			if v.signer == VLEK {
				_, s, err := authenticate(ev, AMDRoots(), c.at)
				if err != nil {
					t.Fatal(err)
				}
				verifier.Policy.CSPs = []string{s.csp}
			}
			if _, err := verifier.Verify(t.Context(), ev, r.ReportData); err != nil {
				t.Fatalf("without a list: %v", err)
			}
			verifier.RevocationLists, verifier.Policy.RequireRevocationList = c.lists, true
			_, err = verifier.Verify(t.Context(), ev, r.ReportData)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// What a list revokes is refused, also when the list has ended: nothing comes back to life. A list of another key with the
// root's name, or one that says that it is about something else, is no list.
func TestListedIntermediateIsRefused(t *testing.T) {
	certs, _, key := forge(t, Milan, big.NewInt(77))
	_, _, other := forge(t, Milan, big.NewInt(77))
	list := func(key *ecdsa.PrivateKey, edit func(*x509.RevocationList), serials ...int64) []byte {
		ark, err := x509.ParseCertificate(certs[2])
		if err != nil {
			t.Fatal(err)
		}
		ark.KeyUsage |= x509.KeyUsageCRLSign
		ark.SubjectKeyId = []byte{1}
		l := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: during2025, NextUpdate: during2026}
		for _, s := range serials {
			l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: big.NewInt(s), RevocationTime: during2025})
		}
		if edit != nil {
			edit(l)
		}
		ark.PublicKey = key.Public()
		der, err := x509.CreateRevocationList(rand.Reader, l, ark, key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	partial := func(l *x509.RevocationList) { // issuing distribution point, which must be understood
		l.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: []byte{0x30, 0}}}
	}
	empty := list(key, nil)
	for name, c := range map[string]struct {
		lists   [][]byte
		at      time.Time
		current bool
		want    error
	}{
		"not listed":                   {[][]byte{list(key, nil, 76, 78)}, during2025, true, nil},
		"listed":                       {[][]byte{list(key, nil, 76, 77)}, during2025, false, attest.ErrSignature},
		"listed, list has ended":       {[][]byte{list(key, nil, 77)}, during2026.AddDate(0, 1, 0), false, attest.ErrSignature},
		"listed in one of two":         {[][]byte{empty, list(key, nil, 77)}, during2025, false, attest.ErrSignature},
		"serial of the leaf":           {[][]byte{list(key, nil, 3)}, during2025, true, nil}, // the ARK did not issue it
		"by another key of that name":  {[][]byte{list(other, nil)}, during2025, false, attest.ErrSignature},
		"about some certificates only": {[][]byte{list(key, partial)}, during2025, false, attest.ErrFormat},
		"the last moment":              {[][]byte{empty}, during2026, true, nil},
		"the moment after":             {[][]byte{empty}, during2026.Add(time.Second), false, nil},
	} {
		current, err := revocation(c.lists, certs, c.at)
		if current != c.current || !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v; want %v, %v", name, current, err, c.current, c.want)
		}
	}
}

func FuzzRevocation(f *testing.F) {
	certs, _, _ := forge(f, Milan, big.NewInt(77))
	f.Add([]byte("list"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if current, err := revocation([][]byte{b}, certs, during2025); current && err == nil {
			t.Errorf("accepted %x", b)
		}
	})
}
