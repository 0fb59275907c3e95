package snp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
)

// TestHugeKeysAreRefused offers an intermediate whose key would make one check of a signature take seconds.
func TestHugeKeysAreRefused(t *testing.T) {
	issuer, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, bits := range []int{maxRSA, maxRSA + 1} {
		n := new(big.Int).SetBit(big.NewInt(1), bits-1, 1)
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &rsa.PublicKey{N: n, E: 65537}, issuer)
		if err != nil {
			t.Fatal(err)
		}
		_, err = verifyChain([][]byte{der, der, der}, nil, time.Now())
		if huge := strings.Contains(err.Error(), "bits"); huge != (bits > maxRSA) || huge != errors.Is(err, attest.ErrFormat) {
			t.Errorf("%d bits: %v", bits, err)
		}
	}
}
