//go:build interop

package interop

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/sign/bundle"
)

// certificates are the files of a three-level chain and the key of its leaf.
type certificates struct {
	key                      *ecdsa.PrivateKey
	private, leaf, mid, root string
}

func newCertificates(t *testing.T) certificates {
	t.Helper()
	dir := t.TempDir()
	var issuer *x509.Certificate
	var signer *ecdsa.PrivateKey
	paths := make([]string, 3)
	for i, name := range []string{"root", "mid", "leaf"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		c := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i) + 1), Subject: pkix.Name{CommonName: name}, BasicConstraintsValid: true,
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), SubjectKeyId: []byte{byte(i)},
			IsCA: name != "leaf", KeyUsage: x509.KeyUsageCertSign,
		}
		if name == "leaf" {
			c.KeyUsage, c.EmailAddresses = x509.KeyUsageDigitalSignature, []string{"release@example.org"}
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}
		}
		if issuer == nil {
			issuer, signer = c, key
		}
		der, err := x509.CreateCertificate(rand.Reader, c, issuer, key.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		if issuer, err = x509.ParseCertificate(der); err != nil {
			t.Fatal(err)
		}
		signer = key
		paths[i] = filepath.Join(dir, name+".pem")
		if err := os.WriteFile(paths[i], pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	private := filepath.Join(dir, "leaf.key")
	text, err := bundle.MarshalPrivateKey(signer)
	if err := errors.Join(err, os.WriteFile(private, text, 0o600)); err != nil {
		t.Fatal(err)
	}
	return certificates{signer, private, paths[2], paths[1], paths[0]}
}
