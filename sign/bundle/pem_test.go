package bundle

import (
	"bytes"
	"crypto/elliptic"
	"encoding/pem"
	"errors"
	"testing"
)

// encoding/pem passes over a block that it cannot read. One that is damaged would leave an authority out, or give way to a key behind it.
func TestDamagedBlocks(t *testing.T) {
	key := newKey(t, elliptic.P256())
	public, err1 := MarshalPublicKey(key.Public())
	private, err2 := MarshalPrivateKey(key)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: issue(t, nil, key, key, nil).Raw})
	damage := func(b []byte) []byte {
		b = bytes.Clone(b)
		b[bytes.IndexByte(b, '\n')+1] = '!'
		return b
	}
	for name, c := range map[string]struct {
		text  []byte
		parse func([]byte) error
	}{
		"public key":  {public, func(b []byte) error { _, err := ParsePublicKey(b); return err }},
		"private key": {private, func(b []byte) error { _, err := ParsePrivateKey(b, nil); return err }},
		"certificate": {cert, func(b []byte) error { _, err := ParseCertificates(b); return err }},
	} {
		if err := c.parse(append([]byte("a comment\n"), c.text...)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := c.parse(append(damage(c.text), c.text...)); err == nil {
			t.Errorf("%s: the second is taken for the damaged first", name)
		}
	}
}
