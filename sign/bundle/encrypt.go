package bundle

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/youmark/pkcs8"
)

// ErrPassword means a password that a private key cannot be encrypted under.
var ErrPassword = fmt.Errorf("%w: encrypting takes a password", ErrKey)

const (
	// pbkdf2Iterations make one guess at the password cost about 0.2 s: the figure of OWASP's Password Storage Cheat Sheet for
	// PBKDF2-HMAC-SHA256, which every reader of PKCS #8 has. scrypt is better, and openssl and Python's cryptography may be built without it.
	pbkdf2Iterations = 600_000
	saltSize         = 16 // bytes: NIST SP 800-132 section 5.1 wants 128 bits at least
)

// MarshalEncryptedPrivateKey returns key in PEM (PKCS #8, RFC 5958), encrypted under password with PBES2 (RFC 8018): AES-256-CBC under a key
// from PBKDF2-HMAC-SHA256. openssl, Python's cryptography and [ParsePrivateKey] read it; what is returned was read back. The encryption hides the key and
// does not authenticate it. The caller may clear password afterwards.
// Errors: [ErrKey]; [ErrPassword] for an empty password.
func MarshalEncryptedPrivateKey(key *ecdsa.PrivateKey, password []byte) ([]byte, error) {
	switch {
	case key == nil:
		return nil, ErrKey
	case len(password) == 0: // the library would write the key in clear
		return nil, ErrPassword
	}
	if err := CheckKey(&key.PublicKey); err != nil {
		return nil, err
	}
	der, err := pkcs8.MarshalPrivateKey(key, password, &pkcs8.Opts{
		Cipher:  pkcs8.AES256CBC,
		KDFOpts: pkcs8.PBKDF2Opts{SaltSize: saltSize, IterationCount: pbkdf2Iterations, HMACHash: crypto.SHA256},
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der})
	if back, err := ParsePrivateKey(text, password); err != nil || !key.Equal(back) {
		return nil, fmt.Errorf("%w: the encrypted key does not read back", ErrKey)
	}
	return text, nil
}

// Bounds of what a file may ask for: key derivation takes seconds and 1 GiB at most.
const (
	maxIterations   = 10_000_000 // of PBKDF2
	maxScryptMemory = 1 << 30    // bytes
	maxScryptWork   = 1 << 32    // bytes that are mixed
)

// affordable refuses encrypted PKCS #8 whose key derivation would take hours, or more memory than there is, which ends the process.
// Forms with other derivations have fixed costs.
func affordable(text []byte) error {
	b, _ := pem.Decode(text)
	if b == nil || b.Type != "ENCRYPTED PRIVATE KEY" {
		return nil
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	var scheme struct{ Derivation, Encryption pkix.AlgorithmIdentifier }
	if _, err := asn1.Unmarshal(b.Bytes, &info); err != nil {
		return errDamaged
	}
	if _, err := asn1.Unmarshal(info.Algorithm.Parameters.FullBytes, &scheme); err != nil {
		return errDamaged
	}
	params := scheme.Derivation.Parameters.FullBytes
	if scheme.Derivation.Algorithm.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11591, 4, 11}) { // scrypt, RFC 7914
		var p struct {
			Salt    []byte
			N, R, P int
		}
		if _, err := asn1.Unmarshal(params, &p); err != nil || p.N < 1 || p.R < 1 || p.P < 1 {
			return errDamaged
		}
		if p.N > maxScryptMemory/128 || p.R > maxScryptMemory/128/p.N || p.P > maxScryptMemory/128/p.R || p.P > maxScryptWork/128/(p.N*p.R) {
			return errCostly
		}
		return nil
	}
	var p struct {
		Salt       []byte
		Iterations int
	}
	if _, err := asn1.Unmarshal(params, &p); err != nil || p.Iterations < 1 {
		return errDamaged
	}
	if p.Iterations > maxIterations {
		return errCostly
	}
	return nil
}

var (
	errDamaged = errors.New("damaged")
	errCostly  = errors.New("the encryption asks for too much time or memory")
)
