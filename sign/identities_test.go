package sign_test

import (
	"crypto/x509"
	"errors"
	"net/url"
	"testing"

	"github.com/holdfast-ai/holdfast/sign"
)

// TestKindsOfNames: an authority that is limited to names of one kind is not limited in those of the others. So what one kind of name
// looks like, no other kind may say: e-mail addresses that stand as DNS names would count although the authority may not issue them.
func TestKindsOfNames(t *testing.T) {
	root := issue(t, nil, ca)
	limited := map[string]func(*x509.Certificate){
		"email": func(c *x509.Certificate) { c.PermittedEmailAddresses = []string{"elsewhere.example"} },
		"URI":   func(c *x509.Certificate) { c.PermittedURIDomains = []string{"elsewhere.example"} },
		"DNS":   func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"elsewhere.example"} },
	}
	uri := func(s string) []*url.URL {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return []*url.URL{u}
	}
	const email, link, host = "release@example.org", "https://example.org/release", "release.example.org"
	for name, c := range map[string]struct {
		limit, identity string
		leaf            func(*x509.Certificate)
		ok              bool
	}{
		"e-mail":                     {"DNS", email, func(c *x509.Certificate) { c.EmailAddresses = []string{email} }, true},
		"URI":                        {"email", link, func(c *x509.Certificate) { c.URIs = uri(link) }, true},
		"DNS name":                   {"email", host, func(c *x509.Certificate) { c.DNSNames = []string{host} }, true},
		"e-mail of another":          {"email", email, func(c *x509.Certificate) { c.EmailAddresses = []string{email} }, false},
		"DNS name like an e-mail":    {"email", email, func(c *x509.Certificate) { c.DNSNames = []string{email} }, false},
		"URI like an e-mail":         {"email", email, func(c *x509.Certificate) { c.URIs = uri(email) }, false},
		"DNS name like a URI":        {"URI", link, func(c *x509.Certificate) { c.DNSNames = []string{link} }, false},
		"DNS name like a common one": {"email", "CN=test", func(c *x509.Certificate) { c.Subject.CommonName, c.DNSNames = "x", []string{"CN=test"} }, false},
		"URI like a DNS name":        {"DNS", host, func(c *x509.Certificate) { c.URIs = uri(host) }, false},
		"e-mail like a DNS name":     {"DNS", host, func(c *x509.Certificate) { c.EmailAddresses = []string{host} }, false},
		"e-mail like a URI":          {"DNS", "https://a@b.example", func(c *x509.Certificate) { c.EmailAddresses = []string{"https://a@b.example"} }, false},
	} {
		mid := issue(t, root, func(x *x509.Certificate) { ca(x); limited[c.limit](x) })
		leaf := issue(t, mid, func(x *x509.Certificate) { x.KeyUsage = x509.KeyUsageDigitalSignature; c.leaf(x) })
		p := sign.Policy{Roots: []*x509.Certificate{root.cert}, Identities: []string{c.identity}, InsecureAnyModel: true}
		_, err := sign.Open(t.Context(), sample(), p, sign.WithBundle(bundleOf(t, sample(), leaf.key, leaf.cert, mid.cert)), atWhen())
		if c.ok && err != nil || !c.ok && !errors.Is(err, sign.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPatternsAndCommonNames: a common name is whatever its owner likes, and name constraints do not bind it. A pattern for e-mail addresses
// does not accept one that looks like an address.
func TestPatternsAndCommonNames(t *testing.T) {
	root := issue(t, nil, ca)
	mid := issue(t, root, func(c *x509.Certificate) { ca(c); c.PermittedEmailAddresses = []string{"elsewhere.example"} })
	leaf := issue(t, mid, func(c *x509.Certificate) {
		c.KeyUsage, c.Subject.CommonName = x509.KeyUsageDigitalSignature, "release@example.org"
		c.EmailAddresses = []string{"somebody@elsewhere.example"}
	})
	sig := bundleOf(t, sample(), leaf.key, leaf.cert, mid.cert)
	for pattern, ok := range map[string]bool{
		`.*@elsewhere\.example`:                   true,
		`.*@example\.org`:                         false,
		`[^@]+@example\.org`:                      false,
		`CN=other|.*@example\.org`:                false,
		`CN=release@example\.org`:                 true,
		`CN=.*@example\.org`:                      true,
		`CN=(release|other)@example\.org`:         true,
		`CN=release@example\.org|CN=other@x\.org`: true,
	} {
		p := sign.Policy{Roots: []*x509.Certificate{root.cert}, IdentityPatterns: []string{pattern}, InsecureAnyModel: true}
		_, err := sign.Open(t.Context(), sample(), p, sign.WithBundle(sig), atWhen())
		if ok && err != nil || !ok && !errors.Is(err, sign.ErrPolicy) {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}
