package sign_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"testing"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/bundle"
)

// A certificate vouches for itself only where the policy says that it may: with its own file given as the authority, by mistake or
// because the whole chain was, nothing of an authority would be checked.
func TestLeafIsNoAuthority(t *testing.T) {
	root := issue(t, nil, ca)
	mid := issue(t, root, ca)
	leaf := issue(t, mid, signer)
	self := issue(t, nil, signer)                                           // signed by itself, no authority
	selfCA := issue(t, nil, func(c *x509.Certificate) { ca(c); signer(c) }) // what `openssl req -x509` makes
	servers := issue(t, root, func(c *x509.Certificate) { ca(c); c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	ofServers := issue(t, servers, signer)
	certs := func(list ...*authority) (out []*x509.Certificate) {
		for _, a := range list {
			out = append(out, a.cert)
		}
		return out
	}
	for _, tt := range []struct {
		name   string
		signer *authority
		chain  []*authority // in the bundle, behind the leaf
		roots  []*authority
		want   error // without the flag
		asked  error // with it
	}{
		{"under its root", leaf, []*authority{mid}, []*authority{root}, nil, nil},
		{"its own authority", leaf, []*authority{mid}, []*authority{leaf}, bundle.ErrCertificate, nil},
		{"the whole chain as authorities", leaf, nil, []*authority{leaf, mid, root}, nil, nil},
		{"its own authority beside its root, chain cut", leaf, nil, []*authority{leaf, root}, bundle.ErrCertificate, nil},
		{"its own authority beside a root that forbids it", ofServers, []*authority{servers}, []*authority{ofServers, root}, bundle.ErrCertificate, nil},
		{"signed by itself", self, nil, []*authority{self}, bundle.ErrCertificate, nil},
		{"signed by itself, an authority", selfCA, nil, []*authority{selfCA}, bundle.ErrCertificate, nil},
		{"signed by itself, twice in the bundle", selfCA, []*authority{selfCA}, []*authority{selfCA}, bundle.ErrCertificate, nil},
		{"another one that is signed by itself", self, nil, []*authority{selfCA}, bundle.ErrCertificate, bundle.ErrCertificate},
	} {
		sig := bundleOf(t, sample(), tt.signer.key, append(certs(tt.signer), certs(tt.chain...)...)...)
		for flag, want := range map[bool]error{false: tt.want, true: tt.asked} {
			p := sign.Policy{Roots: certs(tt.roots...), Identities: []string{"release@example.org"}, InsecureAnyModel: true, InsecureLeafAsRoot: flag}
			_, err := sign.Open(t.Context(), sample(), p, sign.WithBundle(sig), atWhen())
			if !errors.Is(err, want) || (err == nil) != (want == nil) {
				t.Errorf("%s, flag %v: %v, want %v", tt.name, flag, err, want)
			}
		}
	}
	// What was asked for is still valid at its time and for the use, and changes the digest of the policy.
	asked := sign.Policy{Roots: certs(self), InsecureAnyIdentity: true, InsecureAnyModel: true, InsecureLeafAsRoot: true}
	sig := bundleOf(t, sample(), self.key, self.cert)
	if _, err := sign.Open(t.Context(), sample(), asked, sign.WithBundle(sig)); !errors.Is(err, bundle.ErrCertificate) {
		t.Errorf("not valid yet: %v", err)
	}
	plain := asked
	plain.InsecureLeafAsRoot = false
	if plain.Digest() == asked.Digest() {
		t.Error("the flag does not enter the digest")
	}
}

// TestChains changes one thing of a chain of root, two authorities and a leaf: what RFC 5280 forbids is refused.
func TestChains(t *testing.T) {
	unknown := pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}, Critical: true, Value: []byte{5, 0}}
	for name, tt := range map[string]struct {
		root, upper, lower, leaf func(*x509.Certificate)
		ok                       bool
	}{
		"good":                          {ok: true},
		"path length that is enough":    {ok: true, upper: func(c *x509.Certificate) { c.MaxPathLen = 1 }},
		"path length of zero":           {upper: func(c *x509.Certificate) { c.MaxPathLenZero = true }},
		"path length of the root":       {root: func(c *x509.Certificate) { c.MaxPathLen = 1 }},
		"authority is none":             {upper: func(c *x509.Certificate) { c.IsCA = false }},
		"authority without constraints": {upper: func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = false, false }},
		"root is none":                  {root: func(c *x509.Certificate) { c.IsCA = false }},
		"authority may not issue":       {lower: func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature }},
		"authority expired":             {upper: func(c *x509.Certificate) { c.NotAfter = when.Add(-1) }},
		"authority not valid yet":       {lower: func(c *x509.Certificate) { c.NotBefore = when.Add(1e9) }},
		"root expired":                  {root: func(c *x509.Certificate) { c.NotAfter = when.Add(-1) }},
		"e-mail that is permitted":      {ok: true, upper: func(c *x509.Certificate) { c.PermittedEmailAddresses = []string{"example.org"} }},
		"e-mail that is not":            {upper: func(c *x509.Certificate) { c.PermittedEmailAddresses = []string{"example.com"} }},
		"e-mail that is excluded":       {upper: func(c *x509.Certificate) { c.ExcludedEmailAddresses = []string{"release@example.org"} }},
		"leaf says unknown things":      {leaf: func(c *x509.Certificate) { c.ExtraExtensions = append(c.ExtraExtensions, unknown) }},
		"authority says unknown things": {lower: func(c *x509.Certificate) { c.ExtraExtensions = append(c.ExtraExtensions, unknown) }},
	} {
		with := func(base, edit func(*x509.Certificate)) func(*x509.Certificate) {
			return func(c *x509.Certificate) {
				base(c)
				if edit != nil {
					edit(c)
				}
			}
		}
		root := issue(t, nil, with(ca, tt.root))
		upper := issue(t, root, with(ca, tt.upper))
		lower := issue(t, upper, with(ca, tt.lower))
		leaf := issue(t, lower, with(signer, tt.leaf))
		p := sign.Policy{Roots: []*x509.Certificate{root.cert}, Identities: []string{"release@example.org"}, InsecureAnyModel: true}
		_, err := sign.Open(t.Context(), sample(), p, sign.WithBundle(bundleOf(t, sample(), leaf.key, leaf.cert, lower.cert, upper.cert)), atWhen())
		if (err == nil) != tt.ok || err != nil && !errors.Is(err, bundle.ErrCertificate) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A lone certificate beside an empty list of log entries is of the certificate method, however the list is written.
func TestNoLogEntries(t *testing.T) {
	root := issue(t, nil, ca)
	leaf := issue(t, root, signer)
	text := bundleOf(t, sample(), leaf.key, leaf.cert)
	var d object
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	d["verificationMaterial"] = object{"certificate": object{"rawBytes": base64.StdEncoding.EncodeToString(leaf.cert.Raw)}, "tlogEntries": []any{}}
	text, _ = json.Marshal(d)
	p := sign.Policy{Roots: []*x509.Certificate{root.cert}, InsecureAnyIdentity: true, InsecureAnyModel: true}
	for _, list := range []string{"[]", "[ ]", " [\n] ", "null"} {
		b := bytes.Replace(text, []byte(`"tlogEntries":[]`), []byte(`"tlogEntries":`+list), 1)
		if _, err := sign.Open(t.Context(), sample(), p, sign.WithBundle(b), atWhen()); err != nil {
			t.Errorf("%q: %v", list, err)
		}
	}
}
