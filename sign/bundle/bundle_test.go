package bundle

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/sigstore/sigstore/pkg/cryptoutils"

	"github.com/holdfast-ai/holdfast/internal/testkit"
)

func newKey(t testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSignVerify(t *testing.T) {
	payload := []byte(`{"any":"payload"}`)
	for _, c := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key := newKey(t, c)
		data, err := Sign(key, payload)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		if hint, _ := Hint(key.Public()); b.Hint != hint || !bytes.Equal(b.Payload, payload) {
			t.Errorf("%+v", b)
		}
		if err := b.Verify(key.Public()); err != nil {
			t.Error(err)
		}
		if err := b.Verify(newKey(t, c).Public()); !errors.Is(err, ErrSignature) {
			t.Errorf("other key: %v", err)
		}
		b.Payload = append(b.Payload, ' ')
		if err := b.Verify(key.Public()); !errors.Is(err, ErrSignature) {
			t.Errorf("other payload: %v", err)
		}
	}
}

// TestHint compares with the hint and key of the reference implementation.
func TestHint(t *testing.T) {
	text, err := os.ReadFile(testkit.Vectors(t, "sign", "model-transparency", "keys", "signing-key-pub.pem"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(testkit.Vectors(t, "sign", "model-transparency", "bundles", "v1.1.0-elliptic-key", "model.sig"))
	if err != nil {
		t.Fatal(err)
	}
	pub, err := ParsePublicKey(text)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if hint, err := Hint(pub); err != nil || hint != b.Hint {
		t.Errorf("%s, %v; want %s", hint, err, b.Hint)
	}
}

// A brokenSigner answers with a signature over something else, as a faulty device may.
type brokenSigner struct{ *ecdsa.PrivateKey }

func (s brokenSigner) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	return s.PrivateKey.Sign(r, make([]byte, len(digest)), o)
}

func TestSignRefuses(t *testing.T) {
	if _, err := Sign(brokenSigner{newKey(t, elliptic.P256())}, nil); !errors.Is(err, ErrSignature) {
		t.Errorf("broken signer: %v", err)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []crypto.Signer{nil, weak, newKey(t, elliptic.P224())} {
		if _, err := Sign(k, nil); !errors.Is(err, ErrKey) {
			t.Errorf("%T: %v", k, err)
		}
	}
}

func TestCheckKey(t *testing.T) {
	off := newKey(t, elliptic.P256()).PublicKey
	off.X, off.Y = off.Y, off.X //nolint:staticcheck // a point off the curve is what is tested
	for name, k := range map[string]crypto.PublicKey{"nil": nil, "nil pointer": (*ecdsa.PublicKey)(nil), "empty": &ecdsa.PublicKey{}, "a curve": &ecdsa.PublicKey{Curve: elliptic.P256()}, "off the curve": &off, "value": off} {
		if err := CheckKey(k); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Fingerprint(k); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
		if err := new(Bundle).Verify(k); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPEM(t *testing.T) {
	key := newKey(t, elliptic.P384())
	private, err := MarshalPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := MarshalPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	sec1, _ := x509.MarshalECPrivateKey(key)
	block := func(typ string, b []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: b}) }
	params := block("EC PARAMETERS", []byte{6, 5})
	for name, text := range map[string][]byte{
		"PKCS #8":             private,
		"SEC 1":               block("EC PRIVATE KEY", sec1),
		"openssl ecparam":     append(bytes.Clone(params), block("EC PRIVATE KEY", sec1)...),
		"surrounding comment": append([]byte("my key\n"), private...),
	} {
		got, err := ParsePrivateKey(text, nil)
		if err != nil || !key.Equal(got) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := ParsePublicKey(public); err != nil || !key.PublicKey.Equal(got) {
		t.Error(err)
	}
	weak, _ := rsa.GenerateKey(rand.Reader, 2048)
	weakDER, _ := x509.MarshalPKCS8PrivateKey(weak)
	for name, text := range map[string][]byte{
		"empty":      nil,
		"no PEM":     []byte("x"),
		"two keys":   append(bytes.Clone(private), private...),
		"trailing":   append(bytes.Clone(private), 'x'),
		"RSA":        block("PRIVATE KEY", weakDER),
		"public key": public,
		"garbage":    block("PRIVATE KEY", []byte{1, 2, 3}),
	} {
		if k, err := ParsePrivateKey(text, nil); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v, %v", name, k, err)
		}
	}
	if _, err := ParsePublicKey(private); !errors.Is(err, ErrKey) {
		t.Errorf("private key as public key: %v", err)
	}
}

// encryptedKey is a test key as openssl 3.0 writes it: genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 | pkcs8 -topk8
// -v2 aes-256-cbc. It protects nothing; its password is below.
const encryptedKey = `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgGYbZl2p0qKwICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEP5PBBY/SAlNuKCvqLzBelQEgZDW
zQ6CL5qLdyjV/TlVlhEDON+KRQKP5tOF7zTNmFQFGzFMPS027Tsv12BiYiCgx7zA
kd9QRm014Q7JB8uvHp98C2cGXe64bkaa22CAj12pFdpMIa8lu5Nf0BRSpp5PlaBS
DCKBSGMXNJ+Ax6Typvx1/dA+IZdpxVUcE93VshrjRnIxPKKzdkGYsZjI9FdSxo4=
-----END ENCRYPTED PRIVATE KEY-----
`

func TestEncryptedKey(t *testing.T) {
	if k, err := ParsePrivateKey([]byte(encryptedKey), []byte("correct horse")); err != nil || CheckKey(k.Public()) != nil {
		t.Error(err)
	}
	for _, password := range [][]byte{nil, {}, []byte("wrong")} {
		if _, err := ParsePrivateKey([]byte(encryptedKey), password); !errors.Is(err, ErrKey) {
			t.Errorf("password %q: %v", password, err)
		}
	}
	if _, err := ParsePrivateKey([]byte(encryptedKey), nil); !errors.Is(err, ErrEncrypted) {
		t.Error(err)
	}
}

// A damaged key is an error, wherever it is damaged: with a length of the ciphertext that is not one of whole blocks too.
func TestDamagedEncryptedKey(t *testing.T) {
	block, _ := pem.Decode([]byte(encryptedKey))
	for i := range block.Bytes {
		for _, flip := range []byte{1, 0x80} {
			der := bytes.Clone(block.Bytes)
			der[i] ^= flip
			k, err := ParsePrivateKey(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: der}), []byte("correct horse"))
			if (k == nil) == (err == nil) || err != nil && !errors.Is(err, ErrKey) {
				t.Errorf("byte %d ^ %#x: %v", i, flip, err)
			}
		}
	}
}

// What is written encrypted is read with its password alone, holds the key nowhere in clear, and is never the same twice.
func TestMarshalEncryptedPrivateKey(t *testing.T) {
	password := []byte("correct horse")
	key := newKey(t, elliptic.P256())
	text, err := MarshalEncryptedPrivateKey(key, password)
	if err != nil {
		t.Fatal(err)
	}
	if k, err := ParsePrivateKey(text, password); err != nil || !key.Equal(k) {
		t.Errorf("read back: %v", err)
	}
	for _, other := range [][]byte{{}, []byte("correct hors")} {
		if _, err := ParsePrivateKey(text, other); !errors.Is(err, ErrKey) {
			t.Errorf("password %q: %v", other, err)
		}
	}
	if _, err := ParsePrivateKey(text, nil); !errors.Is(err, ErrEncrypted) {
		t.Error(err)
	}
	block, _ := pem.Decode(text)
	secret, err := key.Bytes()
	if err != nil || block.Type != "ENCRYPTED PRIVATE KEY" || bytes.Contains(block.Bytes, secret) {
		t.Errorf("%s, %v", block.Type, err)
	}
	again, err := MarshalEncryptedPrivateKey(key, password)
	if err != nil || bytes.Equal(text, again) {
		t.Errorf("twice the same salt and IV (%v)", err)
	}
	for _, none := range [][]byte{nil, {}} {
		if text, err := MarshalEncryptedPrivateKey(key, none); !errors.Is(err, ErrPassword) || text != nil {
			t.Errorf("without a password: %v", err)
		}
	}
	if _, err := MarshalEncryptedPrivateKey(nil, password); !errors.Is(err, ErrKey) {
		t.Error(err)
	}
	if _, err := MarshalEncryptedPrivateKey(newKey(t, elliptic.P224()), password); !errors.Is(err, ErrKey) {
		t.Error(err)
	}
}

// A key as cosign writes it, whose password cosign's users have in COSIGN_PASSWORD.
func TestKeyOfCosign(t *testing.T) {
	text, _, err := cryptoutils.GeneratePEMEncodedECDSAKeyPair(elliptic.P256(), cryptoutils.StaticPasswordFunc([]byte("correct horse")))
	if err != nil || !bytes.Contains(text, []byte("ENCRYPTED SIGSTORE PRIVATE KEY")) {
		t.Fatal(err)
	}
	if _, err := ParsePrivateKey(text, []byte("correct horse")); err != nil {
		t.Error(err)
	}
	if _, err := ParsePrivateKey(text, []byte("wrong")); !errors.Is(err, ErrKey) || errors.Is(err, ErrEncrypted) {
		t.Error(err)
	}
	if _, err := ParsePrivateKey(text, nil); !errors.Is(err, ErrEncrypted) {
		t.Error(err)
	}
}

func FuzzParseBundle(f *testing.F) {
	good, err := Sign(newKey(f, elliptic.P256()), []byte("{}"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(bytes.Replace(good, []byte(`"publicKey"`), []byte(`"certificate"`), 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := Parse(data)
		if err != nil {
			if !errors.Is(err, ErrFormat) && !errors.Is(err, ErrUnsupported) {
				t.Fatal(err)
			}
			return
		}
		if len(b.Signature) == 0 {
			t.Fatal("no signature")
		}
	})
}

// Lists of tiny entries are refused before they are stored: nothing in a bundle is authenticated yet.
func TestParseMemory(t *testing.T) {
	text := `{"mediaType":"` + MediaType + `","dsseEnvelope":{"signatures":[` + strings.Repeat("{},", 4_000_000) + `{}]}}`
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Parse([]byte(text))
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; !errors.Is(err, ErrFormat) || got > uint64(len(text))+1<<20 {
		t.Errorf("%d bytes of bundle cost %d bytes: %v", len(text), got, err)
	}
}
