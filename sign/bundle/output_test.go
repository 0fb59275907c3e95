package bundle

import (
	"bytes"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"strings"
	"testing"
)

// What is signed can be read back: a bundle that Parse refuses would be found out where the model is loaded.
func TestOutputIsRead(t *testing.T) {
	key := newKey(t, elliptic.P256())
	cert := issue(t, nil, key, key, nil)
	large := issue(t, nil, key, key, func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: bytes.Repeat([]byte("x"), maxCertificates<<16)}}
	})
	may := issue(t, nil, key, key, func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageDigitalSignature })
	full := strings.Repeat(" ", MaxSize/4*3)
	for name, c := range map[string]struct {
		sign func() ([]byte, error)
		want error
	}{
		"key":             {func() ([]byte, error) { return Sign(key, []byte("x")) }, nil},
		"chain":           {func() ([]byte, error) { return SignCertificate(key, []*x509.Certificate{may, cert}, []byte("x")) }, nil},
		"large with key":  {func() ([]byte, error) { return Sign(key, []byte(full)) }, ErrFormat},
		"large and chain": {func() ([]byte, error) { return SignCertificate(key, []*x509.Certificate{may}, []byte(full)) }, ErrFormat},
		"large chain":     {func() ([]byte, error) { return SignCertificate(key, []*x509.Certificate{may, large}, []byte("x")) }, ErrFormat},
	} {
		b, err := c.sign()
		if !errors.Is(err, c.want) || err != nil && b != nil {
			t.Errorf("%s: %d bytes, %v, want %v", name, len(b), err, c.want)
			continue
		}
		if err == nil {
			if _, err := Parse(b); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
