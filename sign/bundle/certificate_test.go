package bundle

import (
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"testing"
)

// A chain with a key that takes seconds to verify with is refused before anything is verified.
func TestChainKeySize(t *testing.T) {
	ca := newKey(t, elliptic.P256())
	for bits, want := range map[uint]error{maxRSA: nil, maxRSA + 1: ErrFormat} {
		n := new(big.Int).Lsh(big.NewInt(1), bits-1)
		pub := &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537}
		template := &x509.Certificate{SerialNumber: big.NewInt(1)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, pub, ca)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(certificate{base64.StdEncoding.EncodeToString(der)})
		if err != nil {
			t.Fatal(err)
		}
		if err := new(Bundle).chain(&material{Certificate: text}); !errors.Is(err, want) {
			t.Errorf("%d bits: %v, want %v", bits, err, want)
		}
	}
}
