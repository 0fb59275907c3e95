package bundle

import (
	"bytes"
	"crypto/elliptic"
	"errors"
	"testing"
)

// FuzzPEM: keys and certificates of users and of others never end in a panic or in a key that cannot verify, and what
// parses is written back as the same key.
func FuzzPEM(f *testing.F) {
	key := newKey(f, elliptic.P256())
	public, err1 := MarshalPublicKey(key.Public())
	private, err2 := MarshalPrivateKey(key)
	if err := errors.Join(err1, err2); err != nil {
		f.Fatal(err)
	}
	f.Add(public)
	f.Add(private)
	f.Add(append(bytes.Clone(public), public...))
	f.Add([]byte("-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMAA=\n-----END EC PRIVATE KEY-----\n"))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if pub, err := ParsePublicKey(text); err == nil {
			again, err := MarshalPublicKey(pub)
			if err != nil {
				t.Fatal(err)
			}
			if same, err := ParsePublicKey(again); err != nil || CheckKey(same) != nil {
				t.Fatal(err)
			}
		} else if !errors.Is(err, ErrKey) {
			t.Fatal(err)
		}
		if signer, err := ParsePrivateKey(text, nil); err == nil {
			if err := CheckKey(signer.Public()); err != nil {
				t.Fatal(err)
			}
		} else if !errors.Is(err, ErrKey) {
			t.Fatal(err)
		}
		if list, err := ParseCertificates(text); err == nil && len(list) == 0 || err != nil && !errors.Is(err, ErrCertificate) {
			t.Fatal(list, err)
		}
	})
}
