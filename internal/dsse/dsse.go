// Package dsse signs and verifies Dead Simple Signing Envelopes (secure-systems-lab/dsse v1.0.2) with ECDSA keys,
// over the standard library. Exactly one signature is written and accepted, payload types are compared exactly, and the
// verified payload is the exact bytes that were signed.
package dsse

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	_ "crypto/sha256" // the digests that HashOf names
	_ "crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// MaxEnvelope bounds an envelope in bytes. The largest payload signed here is an epoch's claims or a rule file, far below it.
const MaxEnvelope = 16 << 20

var (
	// ErrFormat means that the bytes are not one well-formed envelope of the expected payload type.
	ErrFormat = errors.New("dsse: malformed envelope")
	// ErrSignature means that the signature does not verify under the given key.
	ErrSignature = errors.New("dsse: signature does not verify")
)

// Envelope is the JSON form of a DSSE envelope.
type Envelope struct {
	PayloadType string      `json:"payloadType"`
	Payload     string      `json:"payload"` // base64, standard alphabet, padded
	Signatures  []Signature `json:"signatures"`
}

// Signature is one signature of an envelope. KeyID is read and never used.
type Signature struct {
	KeyID *string `json:"keyid,omitempty"`
	Sig   string  `json:"sig"`
}

// PAE is the pre-authentication encoding: "DSSEv1" SP len(type) SP type SP len(payload) SP payload.
func PAE(payloadType string, payload []byte) []byte {
	b := make([]byte, 0, len(payload)+len(payloadType)+48)
	b = append(b, "DSSEv1 "...)
	b = strconv.AppendInt(b, int64(len(payloadType)), 10)
	b = append(b, ' ')
	b = append(b, payloadType...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(len(payload)), 10)
	b = append(b, ' ')
	return append(b, payload...)
}

// HashOf returns the digest that goes with an ECDSA key's curve: SHA-256, SHA-384 or SHA-512 for P-256, P-384, P-521.
// It fails for every other key.
func HashOf(pub crypto.PublicKey) (crypto.Hash, error) {
	k, ok := pub.(*ecdsa.PublicKey)
	if !ok || k == nil || k.Curve == nil {
		return 0, fmt.Errorf("dsse: unsupported key type %T", pub)
	}
	switch k.Curve.Params().Name {
	case "P-256":
		return crypto.SHA256, nil
	case "P-384":
		return crypto.SHA384, nil
	case "P-521":
		return crypto.SHA512, nil
	}
	return 0, fmt.Errorf("dsse: unsupported curve %s", k.Curve.Params().Name)
}

// Sign wraps payload in an envelope signed by key, which must hold an ECDSA key on P-256, P-384 or P-521.
func Sign(key crypto.Signer, payloadType string, payload []byte) ([]byte, error) {
	h, err := HashOf(key.Public())
	if err != nil {
		return nil, err
	}
	d := h.New()
	d.Write(PAE(payloadType, payload))
	sig, err := key.Sign(rand.Reader, d.Sum(nil), h)
	if err != nil {
		return nil, fmt.Errorf("dsse: sign: %w", err)
	}
	return json.Marshal(Envelope{
		PayloadType: payloadType,
		Payload:     base64.StdEncoding.EncodeToString(payload),
		Signatures:  []Signature{{Sig: base64.StdEncoding.EncodeToString(sig)}},
	})
}

// VerifyAny is [Verify] with the first of several keys that signed the envelope; without keys nothing is verified.
// Errors: those of Verify.
func VerifyAny(keys []crypto.PublicKey, payloadType string, envelope []byte) ([]byte, error) {
	err := ErrSignature
	for _, k := range keys {
		var payload []byte
		if payload, err = Verify(k, payloadType, envelope); err == nil {
			return payload, nil
		}
	}
	return nil, err
}

// Verify checks an envelope against one public key and returns the payload's exact bytes. The payload type must be the
// expected one, there must be exactly one signature, and base64 must be canonical.
// Errors: [ErrFormat], [ErrSignature].
func Verify(pub crypto.PublicKey, payloadType string, envelope []byte) ([]byte, error) {
	var e Envelope
	if err := strictjson.Unmarshal(envelope, &e, strictjson.Limits{MaxBytes: MaxEnvelope, MaxDepth: 8, MaxItems: 1}); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return e.Verify(pub, payloadType)
}

// Verify is the package's [Verify] on an envelope that has been parsed already.
func (e *Envelope) Verify(pub crypto.PublicKey, payloadType string) ([]byte, error) {
	if e.PayloadType != payloadType {
		return nil, fmt.Errorf("%w: payload type is not %q", ErrFormat, payloadType)
	}
	if len(e.Signatures) != 1 {
		return nil, fmt.Errorf("%w: %d signatures, want 1", ErrFormat, len(e.Signatures))
	}
	payload, err := DecodeBase64(e.Payload)
	if err != nil {
		return nil, fmt.Errorf("%w: payload: %w", ErrFormat, err)
	}
	sig, err := DecodeBase64(e.Signatures[0].Sig)
	if err != nil {
		return nil, fmt.Errorf("%w: signature: %w", ErrFormat, err)
	}
	h, err := HashOf(pub)
	if err != nil {
		return nil, err
	}
	d := h.New()
	d.Write(PAE(payloadType, payload))
	if !ecdsa.VerifyASN1(pub.(*ecdsa.PublicKey), d.Sum(nil), sig) {
		return nil, ErrSignature
	}
	return payload, nil
}

// DecodeBase64 reads canonical base64 alone, standard alphabet and padded: the decoder would also skip line breaks.
func DecodeBase64(s string) ([]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, err
	}
	if base64.StdEncoding.EncodedLen(len(b)) != len(s) {
		return nil, errors.New("base64 is not canonical")
	}
	return b, nil
}
