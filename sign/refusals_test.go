package sign_test

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// A window of one key is none of another.
func TestWindowsOfOtherKeys(t *testing.T) {
	mine, other := signtest.Key(t), signtest.Key(t)
	b := bundleOf(t, sample(), mine)
	ended := when.Add(-time.Hour)
	for name, c := range map[string]struct {
		of   crypto.PublicKey
		want error
	}{"other": {other.Public(), nil}, "mine": {mine.Public(), sign.ErrPolicy}} {
		p := sign.Policy{
			Keys: []crypto.PublicKey{mine.Public(), other.Public()}, InsecureAnyModel: true,
			KeyWindows: []sign.KeyWindow{{Fingerprint: fingerprint(t, c.of), NotAfter: ended}},
		}
		if _, err := sign.Open(t.Context(), sample(), p, sign.WithBundle(b), atWhen()); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("a window of the %s key: %v", name, err)
		}
	}
}

// Only common names are counted where several would be none.
func TestOneCommonNameAmongOtherNames(t *testing.T) {
	root := issue(t, nil, ca)
	leaf := issue(t, root, func(c *x509.Certificate) {
		signer(c)
		c.Subject = pkix.Name{CommonName: "release", Organization: []string{"a", "b"}, Country: []string{"XX"}}
	})
	b := bundleOf(t, sample(), leaf.key, leaf.cert)
	for id, want := range map[string]error{"CN=release": nil, "CN=a": sign.ErrPolicy, "release": sign.ErrPolicy} {
		p := sign.Policy{Roots: []*x509.Certificate{root.cert}, Identities: []string{id}, InsecureAnyModel: true}
		if _, err := sign.Open(t.Context(), sample(), p, sign.WithBundle(b), atWhen()); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%s: %v, want %v", id, err, want)
		}
	}
}

// A model whose policy knows nobody who may deny takes no deny list, and stays as it is.
func TestDenyListOfNobody(t *testing.T) {
	key := signtest.Key(t)
	src := sample()
	p := sign.Policy{Keys: []crypto.PublicKey{key.Public()}, InsecureAnyModel: true}
	m, err := sign.Open(t.Context(), src, p, sign.WithBundle(bundleOf(t, src, key)), atWhen())
	if err != nil {
		t.Fatal(err)
	}
	for _, envelope := range [][]byte{nil, []byte("{}"), denyList(t, signtest.Key(t), newList(1))} {
		if err := m.UpdateDenyList(envelope); !errors.Is(err, sign.ErrPolicy) {
			t.Errorf("%.20s: %v", envelope, err)
		}
	}
	if _, err := m.ReadFile("config.json"); err != nil {
		t.Errorf("after that: %v", err)
	}
}
