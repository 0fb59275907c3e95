package bundle

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/sigstore/sigstore/pkg/cryptoutils"

	"github.com/holdfast-ai/holdfast/internal/dsse"
)

// ErrSignature means that the envelope's signature does not verify under the key.
var ErrSignature = errors.New("signature does not verify")

// ErrKey means a key that cannot sign or verify models, or PEM that holds none.
var ErrKey = errors.New("not an ECDSA key on P-256, P-384 or P-521")

// ErrEncrypted means that a private key is encrypted and no password was given. It unwraps to [ErrKey].
var ErrEncrypted = fmt.Errorf("%w: the key is encrypted and no password was given", ErrKey)

// CheckKey reports whether pub can verify model signatures: an ECDSA key on P-256, P-384 or P-521, on its curve.
// Errors: [ErrKey].
func CheckKey(pub crypto.PublicKey) error {
	k, ok := pub.(*ecdsa.PublicKey)
	if !ok || k == nil || k.X == nil || k.Y == nil { //nolint:staticcheck // ECDH panics without a point
		return ErrKey
	}
	switch k.Curve {
	case elliptic.P256(), elliptic.P384(), elliptic.P521():
	default:
		return ErrKey
	}
	if _, err := k.ECDH(); err != nil { // refuses points off the curve
		return ErrKey
	}
	return nil
}

// Verify checks the signature over the envelope with pub: ECDSA in ASN.1 DER over DSSE's pre-authentication encoding,
// with SHA-256, SHA-384 or SHA-512 by the curve. Only DER counts; sigstore's verifier would also take raw r||s, which
// other implementations refuse.
// Errors: [ErrKey], [ErrSignature], [ErrUnsupported] for keyless bundles.
func (b *Bundle) Verify(pub crypto.PublicKey) error {
	_, err := b.VerifyAny([]crypto.PublicKey{pub})
	return err
}

// VerifyAny is [Bundle.Verify] with each of several keys, and returns the first that signed. The payload is hashed once for all of them.
// Errors: those of Verify; [ErrSignature] without keys.
func (b *Bundle) VerifyAny(keys []crypto.PublicKey) (crypto.PublicKey, error) {
	if b.Keyless {
		return nil, errKeyless()
	}
	m, err := b.message(), ErrSignature
	for _, k := range keys {
		if err = CheckKey(k); err != nil {
			continue
		}
		d, _, err2 := m.Digest(k)
		if err = err2; err != nil {
			continue
		}
		if ecdsa.VerifyASN1(k.(*ecdsa.PublicKey), d, b.Signature) {
			return k, nil
		}
		err = ErrSignature
	}
	return nil, err
}

func (b *Bundle) message() *dsse.Message { return &dsse.Message{Type: PayloadType, Payload: b.Payload} }

// Sign wraps payload, a statement of [manifest.Emit], in a bundle signed by key. Any crypto.Signer with an ECDSA key on
// P-256, P-384 or P-521 will do: a file, a KMS, an HSM. What it returns was verified again with the public key, and
// passes [Parse].
// Errors: [ErrKey], [ErrFormat] for what is too large, the signer's own.
func Sign(key crypto.Signer, payload []byte) ([]byte, error) {
	b, err := sign(key, payload)
	if err != nil {
		return nil, err
	}
	type hint struct {
		Hint string `json:"hint"`
	}
	type material struct {
		PublicKey hint       `json:"publicKey"`
		Tlog      []struct{} `json:"tlogEntries"`
	}
	text, err := Hint(key.Public())
	if err != nil {
		return nil, err
	}
	return write(output[material]{MediaType, material{hint{text}, []struct{}{}}, b.envelopeJSON()})
}

// sign signs payload and verifies what the signer returned.
func sign(key crypto.Signer, payload []byte) (*Bundle, error) {
	if key == nil {
		return nil, ErrKey
	}
	pub := key.Public()
	if err := CheckKey(pub); err != nil {
		return nil, err
	}
	b := &Bundle{Payload: payload}
	d, h, err := b.message().Digest(pub)
	if err != nil {
		return nil, err
	}
	if b.Signature, err = key.Sign(rand.Reader, d, h); err != nil {
		return nil, fmt.Errorf("sign: signer: %w", err)
	}
	if err := b.Verify(pub); err != nil {
		return nil, fmt.Errorf("sign: signer returned a wrong signature: %w", err)
	}
	return b, nil
}

// output is a bundle as it is written, with the material of one method.
type output[M any] struct {
	MediaType string        `json:"mediaType"`
	Material  M             `json:"verificationMaterial"`
	Envelope  dsse.Envelope `json:"dsseEnvelope"`
}

// write gives a bundle that [Parse] reads. A payload, or a chain, that is too large would be found out where the model is loaded.
func write[M any](o output[M]) ([]byte, error) {
	data, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	if _, err := Parse(data); err != nil {
		return nil, err
	}
	return data, nil
}

func (b *Bundle) envelopeJSON() dsse.Envelope {
	return dsse.Envelope{
		PayloadType: PayloadType,
		Payload:     base64.StdEncoding.EncodeToString(b.Payload),
		Signatures:  []dsse.Signature{{Sig: base64.StdEncoding.EncodeToString(b.Signature)}},
	}
}

// Hint is what publicKey.hint holds for pub: the SHA-256, in lowercase hex, of the PEM text of its SubjectPublicKeyInfo
// (OMS v1.0 section 4.1). The reference implementation refuses a bundle whose hint is another.
func Hint(pub crypto.PublicKey) (string, error) {
	text, err := MarshalPublicKey(pub)
	if err != nil {
		return "", err
	}
	d := sha256.Sum256(text)
	return hex.EncodeToString(d[:]), nil
}

// Fingerprint is the SHA-256 of pub's SubjectPublicKeyInfo in DER, by which signers are named in results and logs.
// Errors: [ErrKey].
func Fingerprint(pub crypto.PublicKey) ([32]byte, error) {
	if err := CheckKey(pub); err != nil {
		return [32]byte{}, err
	}
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return [32]byte{}, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return sha256.Sum256(der), nil
}

// MarshalPublicKey returns pub in PEM (PKIX).
func MarshalPublicKey(pub crypto.PublicKey) ([]byte, error) {
	if err := CheckKey(pub); err != nil {
		return nil, err
	}
	return cryptoutils.MarshalPublicKeyToPEM(pub)
}

// ParsePublicKey reads one ECDSA public key from PEM (PKIX), as openssl and `model_signing` users have it.
// Errors: [ErrKey].
func ParsePublicKey(text []byte) (crypto.PublicKey, error) {
	block, err := onlyBlock(text)
	if err != nil {
		return nil, err
	}
	pub, err := cryptoutils.UnmarshalPEMToPublicKey(block)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	if err := CheckKey(pub); err != nil {
		return nil, err
	}
	return pub, nil
}

// MarshalPrivateKey returns key in PEM (PKCS #8), unencrypted.
func MarshalPrivateKey(key *ecdsa.PrivateKey) ([]byte, error) {
	if key == nil {
		return nil, ErrKey
	}
	if err := CheckKey(&key.PublicKey); err != nil {
		return nil, err
	}
	return cryptoutils.MarshalPrivateKeyToPEM(key)
}

// ParsePrivateKey reads one ECDSA private key from PEM: PKCS #8, SEC 1, and their encrypted forms, for which password is
// used. The caller may clear password afterwards.
// Errors: [ErrKey]; [ErrEncrypted] where password is nil and the key needs one. They never quote the text.
func ParsePrivateKey(text, password []byte) (crypto.Signer, error) {
	block, err := onlyBlock(text)
	if err != nil {
		return nil, err
	}
	defer clear(block)
	if password == nil && isEncrypted(block) {
		return nil, ErrEncrypted
	}
	var pass cryptoutils.PassFunc
	if password != nil {
		pass = cryptoutils.StaticPasswordFunc(password)
	}
	if err := affordable(block); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	key, err := decode(block, pass)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	k, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, ErrKey
	}
	if err := CheckKey(&k.PublicKey); err != nil {
		return nil, err
	}
	return k, nil
}

// decode reads a private key. The library that decrypts PKCS #8 panics on a ciphertext that is not of whole blocks.
func decode(block []byte, pass cryptoutils.PassFunc) (key crypto.PrivateKey, err error) {
	defer func() {
		if recover() != nil {
			key, err = nil, errDamaged
		}
	}()
	return cryptoutils.UnmarshalPEMToPrivateKey(block, pass)
}

// isEncrypted tells a key that needs a password: PKCS #8 says so by its type, older forms by a header.
func isEncrypted(text []byte) bool {
	b, _ := pem.Decode(text)
	return b != nil && (strings.Contains(b.Type, "ENCRYPTED") || b.Headers["DEK-Info"] != "")
}

// blocks is how many PEM blocks text has, damaged ones included, which [pem.Decode] passes over.
func blocks(text []byte) int { return bytes.Count(text, []byte("-----BEGIN ")) }

// onlyBlock returns the one PEM block of text that holds a key. `openssl ecparam -genkey` writes the curve's parameters
// in front of it; any other second block could be a key that the caller did not mean.
func onlyBlock(text []byte) ([]byte, error) {
	var found *pem.Block
	left := blocks(text)
	for {
		var b *pem.Block
		if b, text = pem.Decode(text); b == nil {
			break
		}
		left--
		if b.Type == "EC PARAMETERS" {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("%w: more than one PEM block", ErrKey)
		}
		found = b
	}
	if found == nil || left != 0 || len(bytes.TrimSpace(text)) != 0 {
		return nil, fmt.Errorf("%w: no single PEM block", ErrKey)
	}
	return pem.EncodeToMemory(found), nil
}
