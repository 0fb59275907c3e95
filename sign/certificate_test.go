package sign_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"math/big"
	"testing"
	"testing/fstest"
	"time"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/bundle"
)

// authority issues certificates that are valid around `when`.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

var when = time.Date(2030, 5, 1, 0, 0, 0, 0, time.UTC)

func issue(t testing.TB, parent *authority, edit func(*x509.Certificate)) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "test"},
		NotBefore: when.AddDate(-1, 0, 0), NotAfter: when.AddDate(1, 0, 0), BasicConstraintsValid: true,
	}
	edit(template)
	a := &authority{key: key}
	issuer, signer := template, key
	if parent != nil {
		issuer, signer = parent.cert, parent.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func ca(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign }

func signer(c *x509.Certificate) {
	c.KeyUsage, c.EmailAddresses = x509.KeyUsageDigitalSignature, []string{"release@example.org"}
}

// TestCertificatePolicy signs once for each case and changes one thing; every refusal is ErrSignature, with its reason.
func TestCertificatePolicy(t *testing.T) {
	root := issue(t, nil, ca)
	other := issue(t, nil, ca)
	mid := issue(t, root, ca)
	good := sign.Policy{
		Roots: []*x509.Certificate{root.cert}, Identities: []string{"release@example.org"}, InsecureAnyModel: true,
	}
	for _, tt := range []struct {
		name  string
		leaf  func(*x509.Certificate)
		edit  func(*sign.Policy)
		now   time.Time
		alone bool // without the intermediate
		want  error
	}{
		{name: "accepted"},
		{name: "code signing by extended usage", leaf: func(c *x509.Certificate) {
			signer(c)
			c.KeyUsage, c.ExtKeyUsage = 0, []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}
		}},
		{name: "any identity", edit: func(p *sign.Policy) { p.Identities, p.InsecureAnyIdentity = nil, true }},
		{name: "pattern", edit: func(p *sign.Policy) {
			p.Identities, p.IdentityPatterns = nil, []string{`no one`, `[a-z]+@example\.org`}
		}},
		{name: "pattern of a part", edit: func(p *sign.Policy) { p.Identities, p.IdentityPatterns = nil, []string{`release@example`} }, want: sign.ErrPolicy},
		{name: "pattern of an end", edit: func(p *sign.Policy) { p.Identities, p.IdentityPatterns = nil, []string{`example\.org`} }, want: sign.ErrPolicy},
		{name: "pattern of alternatives", edit: func(p *sign.Policy) { p.Identities, p.IdentityPatterns = nil, []string{`release|x`} }, want: sign.ErrPolicy},
		{name: "pattern of lines", leaf: func(c *x509.Certificate) {
			signer(c)
			c.EmailAddresses, c.Subject.CommonName = nil, "release@example.org\nx"
		}, edit: func(p *sign.Policy) { p.Identities, p.IdentityPatterns = nil, []string{`(?m)CN=release@example\.org$`} }, want: sign.ErrPolicy},
		{name: "common name", edit: func(p *sign.Policy) { p.Identities = []string{"CN=test"} }},
		{name: "other root", edit: func(p *sign.Policy) { p.Roots = []*x509.Certificate{other.cert} }, want: bundle.ErrCertificate},
		{name: "only keys trusted", edit: func(p *sign.Policy) { p.Keys, p.Roots = append(p.Keys, root.key.Public()), nil }, want: bundle.ErrCertificate},
		{name: "other identity", edit: func(p *sign.Policy) { p.Identities = []string{"release@example.or"} }, want: sign.ErrPolicy},
		{name: "of a TLS server", leaf: func(c *x509.Certificate) {
			signer(c)
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}, want: bundle.ErrCertificate},
		{name: "expired", now: when.AddDate(2, 0, 0), want: bundle.ErrCertificate},
		{name: "not yet valid", now: when.AddDate(-2, 0, 0), want: bundle.ErrCertificate},
		{name: "year one", now: time.Time{}.Add(1), want: bundle.ErrCertificate},
		{name: "chain cut", alone: true, want: bundle.ErrCertificate},
	} {
		t.Run(tt.name, func(t *testing.T) {
			edit := signer
			if tt.leaf != nil {
				edit = tt.leaf
			}
			leaf := issue(t, mid, edit)
			chain := []*x509.Certificate{leaf.cert, mid.cert}
			if tt.alone {
				chain = chain[:1]
			}
			src := fstest.MapFS{"config.json": {Data: []byte("{}")}}
			sig, _, err := sign.Sign(context.Background(), src, leaf.key, sign.SignOptions{Chain: chain})
			if errors.Is(err, bundle.ErrCertificate) && errors.Is(tt.want, bundle.ErrCertificate) {
				return // the signer is refused already
			}
			if err != nil {
				t.Fatal(err)
			}
			p, now := good, when
			if tt.edit != nil {
				tt.edit(&p)
			}
			if !tt.now.IsZero() {
				now = tt.now
			}
			m, err := sign.Open(context.Background(), src, p, sign.WithBundle(sig), sign.WithClock(func() time.Time { return now }))
			if tt.want == nil {
				if err != nil {
					t.Fatal(err)
				}
				if m.Identity().Method != sign.MethodCertificate {
					t.Errorf("method %q", m.Identity().Method)
				}
				return
			}
			if !errors.Is(err, sign.ErrSignature) || !errors.Is(err, tt.want) {
				t.Errorf("got %v, want ErrSignature with %v", err, tt.want)
			}
		})
	}
	if _, _, err := sign.Sign(context.Background(), fstest.MapFS{"a": {}}, other.key,
		sign.SignOptions{Chain: []*x509.Certificate{issue(t, root, signer).cert}}); !errors.Is(err, bundle.ErrCertificate) {
		t.Errorf("a certificate of another key: %v", err)
	}
	noUse := issue(t, root, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement })
	if _, _, err := sign.Sign(context.Background(), fstest.MapFS{"a": {}}, noUse.key,
		sign.SignOptions{Chain: []*x509.Certificate{noUse.cert}}); !errors.Is(err, bundle.ErrCertificate) {
		t.Errorf("a certificate that may not sign: %v", err)
	}
}

// TestCertificateDigest shows that each certificate field of a policy enters its digest.
func TestCertificateDigest(t *testing.T) {
	a, b := issue(t, nil, ca), issue(t, nil, ca)
	seen := map[[32]byte]int{}
	for i, p := range []sign.Policy{
		{Roots: []*x509.Certificate{a.cert}}, {Roots: []*x509.Certificate{b.cert}},
		{Roots: []*x509.Certificate{a.cert}, Identities: []string{"x"}},
		{Roots: []*x509.Certificate{a.cert}, InsecureAnyIdentity: true},
		{Identities: []string{"x"}}, {},
	} {
		if j, dup := seen[p.Digest()]; dup {
			t.Errorf("policies %d and %d have one digest", i, j)
		}
		seen[p.Digest()] = i
	}
}

// TestVerifierJudgesUse swaps the certificate in a good bundle for one of the same key that is for TLS servers alone: a
// signer that does not refuse it must meet a verifier that does.
func TestVerifierJudgesUse(t *testing.T) {
	root := issue(t, nil, ca)
	leaf := issue(t, root, signer)
	src := fstest.MapFS{"config.json": {Data: []byte("{}")}}
	sig, _, err := sign.Sign(context.Background(), src, leaf.key, sign.SignOptions{Chain: []*x509.Certificate{leaf.cert}})
	if err != nil {
		t.Fatal(err)
	}
	p := sign.Policy{Roots: []*x509.Certificate{root.cert}, InsecureAnyIdentity: true, InsecureAnyModel: true}
	clock := sign.WithClock(func() time.Time { return when })
	if _, err := sign.Open(context.Background(), src, p, sign.WithBundle(sig), clock); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(*x509.Certificate){
		"of a TLS server": func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} },
		"for encryption":  func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement },
		"for nothing":     func(c *x509.Certificate) { c.KeyUsage = 0 },
	} {
		template := *leaf.cert
		edit(&template)
		der, err := x509.CreateCertificate(rand.Reader, &template, root.cert, leaf.key.Public(), root.key)
		if err != nil {
			t.Fatal(err)
		}
		other := bytes.Replace(sig, []byte(base64.StdEncoding.EncodeToString(leaf.cert.Raw)), []byte(base64.StdEncoding.EncodeToString(der)), 1)
		if _, err := sign.Open(context.Background(), src, p, sign.WithBundle(other), clock); !errors.Is(err, bundle.ErrCertificate) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAuthorityOfServers: who may issue certificates of servers alone issues no signers, whatever the leaf says.
func TestAuthorityOfServers(t *testing.T) {
	root := issue(t, nil, ca)
	for _, tt := range []struct {
		use  x509.ExtKeyUsage
		want error
	}{{x509.ExtKeyUsageServerAuth, bundle.ErrCertificate}, {x509.ExtKeyUsageCodeSigning, nil}} {
		mid := issue(t, root, func(c *x509.Certificate) { ca(c); c.ExtKeyUsage = []x509.ExtKeyUsage{tt.use} })
		for _, uses := range [][]x509.ExtKeyUsage{nil, {x509.ExtKeyUsageCodeSigning}, {x509.ExtKeyUsageAny}} {
			leaf := issue(t, mid, func(c *x509.Certificate) { signer(c); c.ExtKeyUsage = uses })
			p := sign.Policy{Roots: []*x509.Certificate{root.cert}, Identities: []string{"release@example.org"}, InsecureAnyModel: true}
			_, err := sign.Open(t.Context(), sample(), p, sign.WithBundle(bundleOf(t, sample(), leaf.key, leaf.cert, mid.cert)), atWhen())
			if !errors.Is(err, tt.want) {
				t.Errorf("authority for %v, leaf for %v: %v", tt.use, uses, err)
			}
		}
	}
}
