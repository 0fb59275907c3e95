package bundle

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// issue makes a certificate; of an authority where parent is nil.
func issue(t *testing.T, parent *x509.Certificate, by, key *ecdsa.PrivateKey, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, NotBefore: noon.AddDate(-1, 0, 0), NotAfter: noon.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if parent == nil {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage, parent = true, true, x509.KeyUsageCertSign, c
	}
	if change != nil {
		change(c)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	out, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Each change to the material of a bundle that is accepted is refused by class.
func TestMaterial(t *testing.T) {
	key := newKey(t, elliptic.P256())
	cert := issue(t, nil, key, key, nil)
	one := `{"rawBytes":"` + base64.StdEncoding.EncodeToString(cert.Raw) + `"}`
	chain := func(n int) string {
		return `"x509CertificateChain":{"certificates":[` + strings.Repeat(one+",", n-1) + one + `]}`
	}
	const hint, none = `"publicKey":{"hint":"x"}`, `"tlogEntries":[]`
	for name, c := range map[string]struct {
		material string
		want     error
		keyless  bool
		certs    int
	}{
		"key":                          {hint, nil, false, 0},
		"key of an older kind":         {`"publicKey":{"rawBytes":"AA=="}`, nil, false, 0},
		"key and null":                 {hint + `,"certificate":null`, nil, false, 0},
		"chain":                        {chain(2), nil, false, 2},
		"as long as may be":            {chain(maxCertificates), nil, false, maxCertificates},
		"lone certificate":             {`"certificate":` + one, nil, false, 1},
		"certificate with log entries": {`"certificate":` + one + `,"tlogEntries":[{}]`, nil, true, 0},
		"chain with log entries":       {chain(1) + `,"tlogEntries":[{}]`, nil, false, 1},
		"nothing":                      {none, ErrFormat, false, 0},
		"nulls":                        {`"publicKey":null,"certificate":null`, ErrFormat, false, 0},
		"key and chain":                {hint + "," + chain(1), ErrFormat, false, 0},
		"key and certificate":          {hint + `,"certificate":` + one, ErrFormat, false, 0},
		"chain and certificate":        {chain(1) + `,"certificate":` + one, ErrFormat, false, 0},
		"key, certificate and entries": {hint + `,"certificate":` + one + `,"tlogEntries":[{}]`, ErrFormat, false, 0},
		"key without a hint":           {`"publicKey":{"hint":""}`, ErrFormat, false, 0},
		"key that is a list":           {`"publicKey":[]`, ErrFormat, false, 0},
		"chain that is a list":         {`"x509CertificateChain":[]`, ErrFormat, false, 0},
		"chain of none":                {`"x509CertificateChain":{"certificates":[]}`, ErrFormat, false, 0},
		"longer chain":                 {chain(maxCertificates + 1), ErrFormat, false, 0},
		"certificate twice in one":     {`"certificate":{"rawBytes":"","rawBytes":""}`, ErrFormat, false, 0},
		"no base64":                    {`"certificate":{"rawBytes":"\n"}`, ErrFormat, false, 0},
		"no certificate":               {`"certificate":{"rawBytes":"AA=="}`, ErrFormat, false, 0},
	} {
		var m material
		if err := json.Unmarshal([]byte("{"+c.material+"}"), &m); err != nil {
			t.Fatal(err)
		}
		var b Bundle
		if err := b.material(&m); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		} else if err == nil && (b.Keyless != c.keyless || len(b.Chain) != c.certs || b.Lone != (name == "lone certificate")) {
			t.Errorf("%s: keyless %v, lone %v, %d certificates", name, b.Keyless, b.Lone, len(b.Chain))
		}
	}
	if err := new(Bundle).material(nil); !errors.Is(err, ErrFormat) {
		t.Errorf("no material: %v", err)
	}
}

// The signature of a bundle is there, in one encoding, and no longer than signatures are.
func TestSignatureBounds(t *testing.T) {
	for n, ok := range map[int]bool{0: false, 1: true, maxSignature: true, maxSignature + 1: false} {
		text := `{"mediaType":"` + MediaType + `","verificationMaterial":{"publicKey":{"hint":"x"}},"dsseEnvelope":{"payloadType":"` + PayloadType +
			`","payload":"e30=","signatures":[{"sig":"` + base64.StdEncoding.EncodeToString(make([]byte, n)) + `"}]}}`
		if _, err := Parse([]byte(text)); (err == nil) != ok || err != nil && !errors.Is(err, ErrFormat) {
			t.Errorf("%d bytes: %v", n, err)
		}
		if _, err := Parse([]byte(strings.Replace(text, `"sig":"`, `"sig":"!`, 1))); !errors.Is(err, ErrFormat) {
			t.Errorf("no base64: %v", err)
		}
	}
}

// Each case changes one thing of a leaf, its authorities or the time.
func TestWhoMaySign(t *testing.T) {
	caKey, key := newKey(t, elliptic.P256()), newKey(t, elliptic.P256())
	ca := issue(t, nil, caKey, caKey, nil)
	usage := func(u ...x509.ExtKeyUsage) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtKeyUsage = u }
	}
	for name, c := range map[string]struct {
		leaf  func(*x509.Certificate)
		roots []*x509.Certificate
		now   time.Time
		want  error
	}{
		"digital signature": {nil, []*x509.Certificate{ca}, noon, nil},
		"code signing":      {usage(x509.ExtKeyUsageCodeSigning), []*x509.Certificate{ca}, noon, nil},
		"anything":          {usage(x509.ExtKeyUsageAny), []*x509.Certificate{ca}, noon, nil},
		"server":            {usage(x509.ExtKeyUsageServerAuth), []*x509.Certificate{ca}, noon, ErrCertificate},
		"some other use":    {func(c *x509.Certificate) { c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 2, 3}} }, []*x509.Certificate{ca}, noon, ErrCertificate},
		"enciphers":         {func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }, []*x509.Certificate{ca}, noon, ErrCertificate},
		"no authorities":    {nil, nil, noon, ErrCertificate},
		"no time":           {func(c *x509.Certificate) { c.NotAfter = time.Now().AddDate(50, 0, 0) }, []*x509.Certificate{ca}, time.Time{}, ErrCertificate},
		"too late":          {nil, []*x509.Certificate{ca}, noon.AddDate(2, 0, 0), ErrCertificate},
		"another authority": {nil, []*x509.Certificate{issue(t, nil, key, key, nil)}, noon, ErrCertificate},
	} {
		leaf := issue(t, ca, caKey, key, c.leaf)
		b, err := sign(key, []byte("payload"))
		if err != nil {
			t.Fatal(err)
		}
		b.Chain = []*x509.Certificate{leaf}
		got, err := b.VerifyChain(c.roots, c.now)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || (got == nil) != (c.want != nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		signs := name != "server" && name != "some other use" && name != "enciphers"
		if text, err := SignCertificate(key, []*x509.Certificate{leaf}, []byte("payload")); (err == nil) != signs || (text == nil) == signs {
			t.Errorf("%s: signed: %v", name, err)
		}
	}
	leaf := issue(t, ca, caKey, key, nil)
	b, err := sign(key, []byte("payload"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.VerifyChain([]*x509.Certificate{ca}, noon); !errors.Is(err, ErrCertificate) {
		t.Errorf("a bundle of a key: %v", err)
	}
	if _, err := b.VerifyPinned([]*x509.Certificate{leaf}, noon); !errors.Is(err, ErrCertificate) {
		t.Errorf("a bundle of a key, pinned: %v", err)
	}
	b.Chain = []*x509.Certificate{leaf}
	if _, err := b.VerifyChain([]*x509.Certificate{leaf}, noon); !errors.Is(err, ErrCertificate) || !strings.Contains(err.Error(), "its own") {
		t.Errorf("its own authority: %v", err)
	}
	b.Keyless = true
	for name, err := range map[string]error{
		"key": b.Verify(key.Public()), "chain": second(b.VerifyChain([]*x509.Certificate{ca}, noon)), "pinned": second(b.VerifyPinned([]*x509.Certificate{leaf}, noon)),
	} {
		if !errors.Is(err, ErrUnsupported) {
			t.Errorf("a keyless bundle taken for one by %s: %v", name, err)
		}
	}
	many := make([]*x509.Certificate, maxCertificates+1)
	for i := range many {
		many[i] = leaf
	}
	for name, c := range map[string]struct {
		chain []*x509.Certificate
		want  error
	}{
		"none": {nil, ErrCertificate}, "most": {many[1:], nil}, "more": {many, ErrCertificate}, "another's": {[]*x509.Certificate{ca}, ErrCertificate},
	} {
		if _, err := SignCertificate(key, c.chain, []byte("payload")); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("signed with %s: %v", name, err)
		}
	}
	if _, err := SignCertificate(nil, []*x509.Certificate{leaf}, nil); !errors.Is(err, ErrKey) {
		t.Errorf("signed by nobody: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestParseCertificates(t *testing.T) {
	key := newKey(t, elliptic.P256())
	cert := issue(t, nil, key, key, nil)
	good := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
	for name, c := range map[string]struct {
		text string
		n    int
	}{
		"one": {good, 1}, "two": {good + "\n" + good, 2}, "most": {strings.Repeat(good, 1000), 1000}, "more": {strings.Repeat(good, 1001), 0},
		"none": {"", 0}, "text behind": {good + "x", 0}, "another block": {good + strings.ReplaceAll(good, "CERTIFICATE", "PUBLIC KEY"), 0},
		"no certificate": {string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw[1:]})), 0},
	} {
		if got, err := ParseCertificates([]byte(c.text)); len(got) != c.n || (err == nil) != (c.n > 0) || err != nil && !errors.Is(err, ErrCertificate) {
			t.Errorf("%s: %d certificates, %v", name, len(got), err)
		}
	}
}
