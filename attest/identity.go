package attest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"io"

	"github.com/holdfast-ai/holdfast/internal/transcript"
)

// An Identity is the key K of a serving TEE: ECDSA P-256, made in memory, with no way out of it. It is a [crypto.Signer]
// for epoch claims, channels and receipts, whose inputs cannot collide (DSSE and transcripts). Safe for concurrent use.
type Identity struct {
	key  *ecdsa.PrivateKey
	spki []byte
}

var _ crypto.Signer = (*Identity)(nil)

// NewIdentity makes a fresh key.
func NewIdentity() (*Identity, error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("attest: identity: %w", err)
	}
	spki, err := x509.MarshalPKIXPublicKey(&k.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("attest: identity: %w", err)
	}
	return &Identity{k, spki}, nil
}

// Public returns the public key, an *ecdsa.PublicKey, or nil for one that [NewIdentity] did not make.
func (k *Identity) Public() crypto.PublicKey {
	if k == nil || k.key == nil {
		return nil
	}
	return k.key.Public()
}

// KeyHash returns SHA-256(T("holdfast/key/v1", "ecdsa-p256", SubjectPublicKeyInfo)).
func (k *Identity) KeyHash() [32]byte {
	return transcript.KeyHash(transcript.SuiteECDSAP256, k.spki)
}

// Sign signs a SHA-256 digest and returns the ASN.1 form, as [crypto.Signer] says.
func (k *Identity) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if k == nil || k.key == nil {
		return nil, fmt.Errorf("%w: an identity without a key", ErrUnavailable)
	}
	if opts == nil || opts.HashFunc() != crypto.SHA256 {
		return nil, fmt.Errorf("attest: identity signs SHA-256 digests only")
	}
	return k.key.Sign(rand, digest, opts)
}

// String shows the key hash and never the key.
func (k *Identity) String() string { return fmt.Sprintf("attest.Identity(%x)", k.KeyHash()) }

// GoString is [Identity.String], so that %#v shows no key.
func (k *Identity) GoString() string { return k.String() }

// Format shows [Identity.String] for every verb.
func (k *Identity) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, k.String()) }

// parseKey reads K from its SubjectPublicKeyInfo. The encoding must be the one that Go writes, so that a key has one hash.
func parseKey(spki []byte) (*ecdsa.PublicKey, error) {
	pub, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, fmt.Errorf("%w: key", ErrFormat)
	}
	k, ok := pub.(*ecdsa.PublicKey)
	if !ok || k.Curve != elliptic.P256() {
		return nil, fmt.Errorf("%w: key is not ECDSA P-256", ErrFormat)
	}
	if again, err := x509.MarshalPKIXPublicKey(k); err != nil || string(again) != string(spki) {
		return nil, fmt.Errorf("%w: key is not in its one encoding", ErrFormat)
	}
	return k, nil
}
