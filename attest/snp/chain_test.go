package snp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"math/big"
	"testing"

	"github.com/holdfast-ai/holdfast/attest"
)

// Each case changes one thing of a report key's certificate, or of its issuer's name, that is accepted.
func TestLeafFacts(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der := func(v any, params string) []byte {
		b, err := asn1.MarshalWithParams(v, params)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	type certificate struct {
		product Product
		cn, ask string
		key     any
		ext     map[string][]byte
	}
	const name, csp, hwid, level = "2", "5", "4", "3."
	good := func(p Product, kind Signer) *certificate {
		c := &certificate{p, "SEV-VCEK", "SEV-" + string(p), p384.Public(), map[string][]byte{name: der(string(p), "ia5"), hwid: make([]byte, 64)}}
		for i, id := range []string{"1", "2", "3", "8"} {
			c.ext[level+id] = der(i, "")
		}
		if p == Turin {
			c.ext[level+"9"], c.ext[hwid] = der(9, ""), make([]byte, 8)
		}
		if kind == VLEK {
			c.cn, c.ask = "SEV-VLEK", "SEV-VLEK-"+string(p)
			delete(c.ext, hwid)
			c.ext[csp] = der("CN=cc.example", "ia5")
		}
		return c
	}
	for what, c := range map[string]struct {
		product Product
		kind    Signer
		edit    func(*certificate)
		want    error
	}{
		"VCEK":                          {Genoa, VCEK, nil, nil},
		"VLEK":                          {Genoa, VLEK, nil, nil},
		"VCEK of Turin":                 {Turin, VCEK, nil, nil},
		"product with stepping":         {Genoa, VCEK, func(c *certificate) { c.ext[name] = der("Genoa-B1", "ia5") }, nil},
		"issuer of VLEKs made a VCEK":   {Genoa, VCEK, func(c *certificate) { c.ask = "SEV-VLEK-Genoa" }, attest.ErrSignature},
		"issuer of VCEKs made a VLEK":   {Genoa, VLEK, func(c *certificate) { c.ask = "SEV-Genoa" }, attest.ErrSignature},
		"issuer of another product":     {Genoa, VCEK, func(c *certificate) { c.ask = "SEV-Milan" }, attest.ErrSignature},
		"neither VCEK nor VLEK":         {Genoa, VCEK, func(c *certificate) { c.cn = "SEV-OTHER" }, attest.ErrSignature},
		"neither, by issuer of VLEKs":   {Genoa, VLEK, func(c *certificate) { c.cn = "SEV-OTHER" }, attest.ErrSignature},
		"another curve":                 {Genoa, VCEK, func(c *certificate) { c.key = p256.Public() }, attest.ErrFormat},
		"no ECDSA key":                  {Genoa, VCEK, func(c *certificate) { c.key = nil }, attest.ErrFormat},
		"another product":               {Genoa, VCEK, func(c *certificate) { c.ext[name] = der("Milan-B1", "ia5") }, attest.ErrSignature},
		"product of a longer name":      {Genoa, VCEK, func(c *certificate) { c.ext[name] = der("Genoa2", "ia5") }, attest.ErrSignature},
		"no product":                    {Genoa, VCEK, func(c *certificate) { delete(c.ext, name) }, attest.ErrFormat},
		"bytes behind the product":      {Genoa, VCEK, func(c *certificate) { c.ext[name] = append(c.ext[name], 0) }, attest.ErrFormat},
		"no level":                      {Genoa, VCEK, func(c *certificate) { delete(c.ext, level+"8") }, attest.ErrFormat},
		"bytes behind a level":          {Genoa, VCEK, func(c *certificate) { c.ext[level+"1"] = append(der(0, ""), 0) }, attest.ErrFormat},
		"negative level":                {Genoa, VCEK, func(c *certificate) { c.ext[level+"1"] = der(-256, "") }, attest.ErrFormat},
		"level above a byte":            {Genoa, VCEK, func(c *certificate) { c.ext[level+"1"] = der(256, "") }, attest.ErrFormat},
		"Turin without FMC":             {Turin, VCEK, func(c *certificate) { delete(c.ext, level+"9") }, attest.ErrFormat},
		"VLEK of nobody":                {Genoa, VLEK, func(c *certificate) { delete(c.ext, csp) }, attest.ErrFormat},
		"VCEK of no chip":               {Genoa, VCEK, func(c *certificate) { delete(c.ext, hwid) }, attest.ErrFormat},
		"chip's id in an OCTET STRING":  {Genoa, VCEK, func(c *certificate) { c.ext[hwid] = der(make([]byte, 64), "") }, nil},
		"Turin's in an OCTET STRING":    {Turin, VCEK, func(c *certificate) { c.ext[hwid] = der(make([]byte, 8), "") }, nil},
		"chip's id of another length":   {Genoa, VCEK, func(c *certificate) { c.ext[hwid] = der(make([]byte, 63), "") }, attest.ErrFormat},
		"chip's id as another value":    {Genoa, VCEK, func(c *certificate) { c.ext[hwid] = append([]byte{asn1.TagUTF8String, 64}, make([]byte, 64)...) }, attest.ErrFormat},
		"VCEK that names a provider":    {Genoa, VCEK, func(c *certificate) { c.ext[csp] = der("CN=cc.example", "ia5") }, attest.ErrFormat},
		"VLEK that names a chip":        {Genoa, VLEK, func(c *certificate) { c.ext[hwid] = make([]byte, 64) }, attest.ErrFormat},
		"VCEK of a part of a chip's id": {Genoa, VCEK, func(c *certificate) { c.ext[hwid] = make([]byte, 8) }, attest.ErrFormat},
	} {
		m := good(c.product, c.kind)
		if c.edit != nil {
			c.edit(m)
		}
		leaf, ask := &x509.Certificate{Subject: pkix.Name{CommonName: m.cn}, PublicKey: m.key}, &x509.Certificate{Subject: pkix.Name{CommonName: m.ask}}
		for id, v := range m.ext {
			leaf.Extensions = append(leaf.Extensions, pkix.Extension{Id: oid(t, "1.3.6.1.4.1.3704.1."+id), Value: v})
		}
		s, err := leafFacts(leaf, ask, c.product)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
			continue
		}
		if err != nil {
			continue
		}
		tcb, provider := TCB{Bootloader: 0, TEE: 1, SNP: 2, Microcode: 3}, ""
		if c.product == Turin {
			tcb.FMC = 9
		}
		if c.kind == VLEK {
			provider = "cc.example"
		}
		if s.kind != c.kind || s.product != c.product || s.tcb != tcb || s.csp != provider {
			t.Errorf("%s: %+v", what, s)
		}
	}
}

func oid(t *testing.T, s string) asn1.ObjectIdentifier {
	t.Helper()
	id, err := x509.ParseOID(s)
	if err != nil {
		t.Fatal(err)
	}
	var out asn1.ObjectIdentifier
	b, err := id.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := asn1.Unmarshal(append([]byte{asn1.TagOID, byte(len(b))}, b...), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// A report key that the root issued itself is none, also where the intermediate beside it is genuine.
func TestLeafUnderTheRoot(t *testing.T) {
	certs, root, key := forge(t, Milan, big.NewInt(77))
	if _, err := verifyChain(certs, []Root{root}, during2026); err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(certs[0])
	if err != nil {
		t.Fatal(err)
	}
	ark, err := x509.ParseCertificate(certs[2])
	if err != nil {
		t.Fatal(err)
	}
	leaf.ExtraExtensions, leaf.AuthorityKeyId = leaf.Extensions, nil
	if certs[0], err = x509.CreateCertificate(rand.Reader, leaf, ark, leaf.PublicKey, key); err != nil {
		t.Fatal(err)
	}
	if _, err := verifyChain(certs, []Root{root}, during2026); !errors.Is(err, attest.ErrSignature) {
		t.Errorf("%v", err)
	}
	for n := range certs {
		broken := [][]byte{certs[0], certs[1], certs[2]}
		broken[n] = broken[n][:len(broken[n])-1]
		if _, err := verifyChain(broken, []Root{root}, during2026); !errors.Is(err, attest.ErrFormat) {
			t.Errorf("certificate %d cut: %v", n, err)
		}
	}
}

// The chip that a certificate is about is the whole CHIP_ID: Turin's has 8 bytes, and zeros behind them.
func TestCertifiesTheChip(t *testing.T) {
	for name, c := range map[string]struct {
		s    signer
		chip []byte
		want error
	}{
		"the chip":                 {signer{kind: VCEK, hwid: []byte("12345678")}, []byte("12345678"), nil},
		"another":                  {signer{kind: VCEK, hwid: []byte("12345678")}, []byte("12345679"), attest.ErrSignature},
		"a longer id":              {signer{kind: VCEK, hwid: []byte("12345678")}, []byte("123456789"), attest.ErrSignature},
		"masked":                   {signer{kind: VCEK, hwid: []byte("12345678")}, nil, nil}, // the policy's matter
		"VLEKs are about no chips": {signer{kind: VLEK}, []byte("12345678"), nil},
	} {
		c.s.product, c.s.tcb = Turin, Turin.TCB(0)
		r := &Report{Version: 3, Family: 0x1a, Model: 2, Signer: c.s.kind}
		copy(r.ChipID[:], c.chip)
		if err := c.s.certifies(r); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every level counts for itself.
func TestAtLeast(t *testing.T) {
	floor := TCB{2, 2, 2, 2, 2}
	if !floor.AtLeast(floor) || !(TCB{3, 3, 3, 3, 3}).AtLeast(floor) {
		t.Error("a floor is not reached by itself")
	}
	for _, below := range []TCB{{1, 9, 9, 9, 9}, {9, 1, 9, 9, 9}, {9, 9, 1, 9, 9}, {9, 9, 9, 1, 9}, {9, 9, 9, 9, 1}} {
		if below.AtLeast(floor) {
			t.Errorf("%v reaches %v", below, floor)
		}
	}
}

func TestProductOf(t *testing.T) {
	for _, c := range []struct {
		family, model uint8
		want          Product
	}{
		{0x19, 0x00, Milan}, {0x19, 0x0f, Milan}, {0x19, 0x10, Genoa}, {0x19, 0x1f, Genoa}, {0x19, 0x20, ""}, {0x19, 0x9f, ""}, {0x19, 0xa0, Genoa},
		{0x19, 0xaf, Genoa}, {0x19, 0xb0, ""}, {0x1a, 0x00, Turin}, {0x1a, 0x11, Turin}, {0x1a, 0x12, ""}, {0x18, 0x11, ""}, {0x1b, 0x00, ""}, {0, 0, ""},
	} {
		if got := productOf(c.family, c.model); got != c.want {
			t.Errorf("family %#x model %#x: %q, want %q", c.family, c.model, got, c.want)
		}
	}
}

// Version 2 has no CPUID: what stands there is reserved.
func TestReportsWithoutCPUID(t *testing.T) {
	b := make([]byte, ReportSize)
	b[0x188], b[0x34] = 0x19, 1
	binary.LittleEndian.PutUint64(b[8:], policyReserved)
	for version, want := range map[byte]uint8{2: 0, 3: 0x19} {
		b[0] = version
		if r, err := ParseReport(b); err != nil || r.Family != want {
			t.Errorf("version %d: family %#x, %v", version, r.Family, err)
		}
	}
}
