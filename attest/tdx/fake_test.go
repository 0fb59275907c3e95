package tdx

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
)

// An authority is a certificate with its key.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB, name string, by *authority, edit func(*x509.Certificate)) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name, Organization: []string{"INSECURE simulator"}},
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(7, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	if edit != nil {
		edit(c)
	}
	parent, signer := c, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	public := any(&key.PublicKey)
	if c.PublicKey != nil { // of another's key
		public = c.PublicKey
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, public, signer)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return &authority{c, key}
}

func leaf(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, x509.KeyUsageDigitalSignature }

func (a *authority) sign(t testing.TB, b []byte) (out [64]byte) {
	t.Helper()
	digest := sha256.Sum256(b)
	r, s, err := ecdsa.Sign(rand.Reader, a.key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	r.FillBytes(out[:32])
	s.FillBytes(out[32:])
	return out
}

func (a *authority) list(t testing.TB, revoked ...*authority) []byte {
	t.Helper()
	l := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now.AddDate(0, 0, -1), NextUpdate: now.AddDate(0, 1, 0)}
	for _, r := range revoked {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: r.cert.SerialNumber, RevocationTime: now.AddDate(0, 0, -2)})
	}
	der, err := x509.CreateRevocationList(rand.Reader, l, a.cert, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func chainOf(chain ...*authority) (out []byte) {
	for _, a := range chain {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})...)
	}
	return out
}

var now = day(2026, 6, 1)

// fake is an Intel of our own, and one machine of its making.
type fake struct {
	root, ca, pck, signer *authority
	quoting               *authority // key of the quoting enclave; its certificate means nothing

	// What the next quote and the next collateral say.
	body        []byte
	version     uint16
	qe          []byte // report, without its report data
	auth        []byte
	tcbInfo     map[string]any
	qeIdentity  map[string]any
	revokedPCK  []*authority
	revokedRoot []*authority
}

func newFake(t testing.TB) *fake {
	f := &fake{version: 4, body: make([]byte, body10Size), qe: make([]byte, enclaveSize), auth: bytes.Repeat([]byte{7}, 32)}
	f.root = newAuthority(t, "Intel SGX Root CA", nil, nil)
	f.ca = newAuthority(t, authorityNames[0], f.root, nil)
	f.pck = newAuthority(t, pckName, f.ca, func(c *x509.Certificate) {
		leaf(c)
		c.ExtraExtensions = []pkix.Extension{{Id: oid(), Value: sgxExtension(t, 5, 11)}}
	})
	f.signer = newAuthority(t, signerName, f.root, leaf)
	f.quoting = newAuthority(t, "quoting enclave", nil, nil)
	rand.Read(f.body[136:184])                                          // MRTD
	rand.Read(f.body[328:584])                                          // RTMRs and REPORT_DATA
	copy(f.body, []byte{3, 1, 7})                                       // TEE_TCB_SVN: module 1.3
	binary.LittleEndian.PutUint64(f.body[120:], AttributeSEPTVEDisable) // ATTRIBUTES
	copy(f.qe[128:], intelSigner[:])
	f.qe[48], f.qe[256], f.qe[258] = 0x11, 2, 4                                       // ATTRIBUTES, ISVPRODID, ISVSVN
	level := func(sgx, tdx int, status string, advisories ...string) map[string]any { // of all components
		components := func(n int) (out []map[string]int) {
			for range 16 {
				out = append(out, map[string]int{"svn": n})
			}
			return out
		}
		c := components(0)
		c[2]["svn"] = tdx
		return map[string]any{"tcb": map[string]any{"sgxtcbcomponents": components(sgx), "tdxtcbcomponents": c, "pcesvn": 11}, "tcbDate": "2026-01-01T00:00:00Z", "tcbStatus": status, "advisoryIDs": append([]string{}, advisories...)}
	}
	enclaves := func(svn int, status string, more ...map[string]any) []map[string]any {
		return append([]map[string]any{{"tcb": map[string]int{"isvsvn": svn}, "tcbDate": "2026-01-01T00:00:00Z", "tcbStatus": status}}, more...)
	}
	zeros := hex.EncodeToString(make([]byte, 48))
	f.tcbInfo = map[string]any{
		"id": "TDX", "version": 3, "issueDate": now.AddDate(0, 0, -3), "nextUpdate": now.AddDate(0, 0, 27), "fmspc": "90c06f000000", "pceId": "0000", "tcbType": 0,
		"tcbEvaluationDataNumber": 18, "tdxModule": map[string]any{"mrsigner": zeros, "attributes": "0000000000000000", "attributesMask": "FFFFFFFFFFFFFFFF"},
		"tdxModuleIdentities": []map[string]any{{"id": "TDX_01", "mrsigner": zeros, "attributes": "0000000000000000", "attributesMask": "FFFFFFFFFFFFFFFF",
			"tcbLevels": enclaves(3, "UpToDate", enclaves(2, "OutOfDate")...)}},
		"tcbLevels": []map[string]any{level(5, 7, "UpToDate"), level(4, 7, "SWHardeningNeeded", "INTEL-SA-00001"), level(3, 7, "ConfigurationNeeded", "INTEL-SA-00002"), level(2, 5, "OutOfDate", "INTEL-SA-00003"), level(1, 0, "Revoked")},
	}
	f.qeIdentity = map[string]any{
		"id": "TD_QE", "version": 2, "issueDate": now.AddDate(0, 0, -3), "nextUpdate": now.AddDate(0, 0, 27), "tcbEvaluationDataNumber": 18, "miscselect": "00000000", "miscselectMask": "FFFFFFFF",
		"attributes": "11000000000000000000000000000000", "attributesMask": "FBFFFFFFFFFFFFFF0000000000000000", "mrsigner": hex.EncodeToString(intelSigner[:]), "isvprodid": 2,
		"tcbLevels": enclaves(4, "UpToDate", enclaves(3, "OutOfDate")...),
	}
	return f
}

func oid() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 113741, 1, 13, 1} }

// sgxExtension is that of a processor of kind 90c06f000000, all of whose parts have one version.
func sgxExtension(t testing.TB, svn, pce int) []byte {
	t.Helper()
	type pair struct {
		ID    asn1.ObjectIdentifier
		Value any
	}
	at := func(n ...int) asn1.ObjectIdentifier { return append(oid(), n...) }
	encode := func(pairs []pair) (out []byte) {
		var parts []byte
		for _, p := range pairs {
			value, raw := p.Value.([]byte)
			if !raw || p.ID[len(p.ID)-1] != 2 || len(p.ID) != 8 { // the TCB is a sequence already
				der, err := asn1.Marshal(p.Value)
				if err != nil {
					t.Fatal(err)
				}
				value = der
			}
			id, err := asn1.Marshal(p.ID)
			if err != nil {
				t.Fatal(err)
			}
			der, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: append(id, value...)})
			if err != nil {
				t.Fatal(err)
			}
			parts = append(parts, der...)
		}
		out, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: parts})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	var tcb []pair
	for i := range 16 {
		tcb = append(tcb, pair{at(2, i+1), svn})
	}
	tcb = append(tcb, pair{at(2, 17), pce}, pair{at(2, 18), bytes.Repeat([]byte{byte(svn)}, 16)})
	return encode([]pair{
		{at(1), bytes.Repeat([]byte{0xab}, 16)}, {at(2), encode(tcb)}, {at(3), []byte{0, 0}}, {at(4), []byte{0x90, 0xc0, 0x6f, 0, 0, 0}}, {at(5), asn1.Enumerated(1)},
	})
}

// quote makes a quote; edit may change it before it is signed.
func (f *fake) quote(t testing.TB) []byte {
	t.Helper()
	le := binary.LittleEndian
	b := make([]byte, headerSize)
	le.PutUint16(b, f.version)
	le.PutUint16(b[2:], 2)
	le.PutUint32(b[4:], 0x81)
	copy(b[12:], intel[:])
	if f.version == 5 {
		kind := uint16(2)
		if len(f.body) == body15Size {
			kind = 3
		}
		b = le.AppendUint32(le.AppendUint16(b, kind), uint32(len(f.body)))
	}
	b = append(b, f.body...)
	signature := f.quoting.sign(t, b)
	key, err := f.quoting.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	qe := bytes.Clone(f.qe)
	sum := sha256.Sum256(append(slices.Clone(key[1:]), f.auth...))
	copy(qe[320:], sum[:])
	vouched := f.pck.sign(t, qe)
	inner := append(append(qe, vouched[:]...), byte(len(f.auth)), 0)
	inner = append(inner, f.auth...)
	inner = sized(le.AppendUint16(inner, 5), append(chainOf(f.pck, f.ca, f.root), 0))
	data := append(append(signature[:], key[1:]...), 6, 0)
	return sized(b, sized(data, inner))
}

func sized(b, data []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(data))), data...)
}

func (f *fake) rootPin() [32]byte { return sha256.Sum256(f.root.cert.RawSubjectPublicKeyInfo) }

func (f *fake) files(t testing.TB) Files {
	t.Helper()
	part := func(name string, v any) []byte {
		body, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		signature := f.signer.sign(t, body)
		return fmt.Appendf(nil, `{%q:%s,"signature":"%x"}`, name, body, signature)
	}
	return Files{
		TCBInfo: part("tcbInfo", f.tcbInfo), QEIdentity: part("enclaveIdentity", f.qeIdentity), TCBInfoChain: chainOf(f.signer, f.root), QEIdentityChain: chainOf(f.signer, f.root),
		PCKCRL: f.ca.list(t, f.revokedPCK...), PCKCRLChain: chainOf(f.ca, f.root), RootCRL: f.root.list(t, f.revokedRoot...),
	}
}

func (f *fake) collateral(t testing.TB) *Collateral {
	t.Helper()
	c, err := InsecureCollateral(f.files(t), f.rootPin())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// verify judges a new quote with new collateral.
func (f *fake) verify(t testing.TB, p Policy) (*attest.Result, error) {
	t.Helper()
	return f.judge(t, f.quote(t), p, f.collateral(t))
}

func (f *fake) judge(t testing.TB, quote []byte, p Policy, c ...*Collateral) (*attest.Result, error) {
	t.Helper()
	root := f.rootPin()
	v := Verifier{Policy: p, Clock: func() time.Time { return now }, Collateral: c, InsecureRoot: &root}
	q, err := ParseQuote(quote)
	if err != nil {
		return nil, err
	}
	return v.Verify(t.Context(), attest.Evidence{Kind: attest.KindSimulated, Report: quote}, q.ReportData)
}
