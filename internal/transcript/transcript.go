// Package transcript encodes the inputs of every hash, MAC, signature and AEAD context of Holdfast, so that no two
// contexts can collide (docs/SPEC.md section 1):
//
//	T(label, f1, f2, …) = enc(label) || enc(f1) || …
//	enc(present)        = 0x01 || uint64be(len) || bytes
//	enc(absent)         = 0x00
//
// Integers are 8-byte big-endian fields, lists a count followed by the items.
package transcript

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
)

// A T is a transcript under construction. The zero value is not usable: start with [New], which fixes the label.
type T struct{ b []byte }

// New starts a transcript with its label, for example "holdfast/model-id/v1".
func New(label string) *T {
	return (&T{b: make([]byte, 0, 256)}).String(label)
}

// Bytes appends a present field. An empty field is present and differs from an absent one.
func (t *T) Bytes(f []byte) *T {
	t.b = append(t.b, 1)
	t.b = binary.BigEndian.AppendUint64(t.b, uint64(len(f)))
	t.b = append(t.b, f...)
	return t
}

// String appends the bytes of s as a present field.
func (t *T) String(s string) *T {
	t.b = append(t.b, 1)
	t.b = binary.BigEndian.AppendUint64(t.b, uint64(len(s)))
	t.b = append(t.b, s...)
	return t
}

// Uint64 appends v as a present field of 8 big-endian bytes. List counts are written with it.
func (t *T) Uint64(v uint64) *T {
	return t.Bytes(binary.BigEndian.AppendUint64(nil, v))
}

// Absent appends the absent field.
func (t *T) Absent() *T {
	t.b = append(t.b, 0)
	return t
}

// Optional appends f, or the absent field where f is nil.
func (t *T) Optional(f []byte) *T {
	if f == nil {
		return t.Absent()
	}
	return t.Bytes(f)
}

// Encoding returns the encoded transcript. The caller must not modify it while t is still in use.
func (t *T) Encoding() []byte { return t.b }

// SHA256 returns the SHA-256 digest of the encoding.
func (t *T) SHA256() [32]byte { return sha256.Sum256(t.b) }

// SHA512 returns the SHA-512 digest of the encoding.
func (t *T) SHA512() [64]byte { return sha512.Sum512(t.b) }

// Suites of public keys, as they enter [KeyHash].
const (
	SuiteECDSAP256      = "ecdsa-p256"     // key: PKIX SubjectPublicKeyInfo, DER
	SuiteMLKEM768X25519 = "mlkem768x25519" // key: HPKE public key, raw (crypto/hpke)
)

// KeyHash binds a public key to the suite it is used with: SHA-256(T("holdfast/key/v1", suite, key)).
func KeyHash(suite string, key []byte) [32]byte {
	return New("holdfast/key/v1").String(suite).Bytes(key).SHA256()
}
