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
	return append(prefix(payloadType, len(payload)), payload...)
}

// prefix is what PAE puts before a payload of n bytes.
func prefix(payloadType string, n int) []byte {
	b := append([]byte("DSSEv1 "), strconv.Itoa(len(payloadType))...)
	b = append(append(b, ' '), payloadType...)
	b = append(append(b, ' '), strconv.Itoa(n)...)
	return append(b, ' ')
}

// A Message is what is signed: a payload and its type. It is hashed once, however many keys are tried: whoever offers it chooses its length.
// It must not be changed once it was hashed, and is for one goroutine.
type Message struct {
	Type    string
	Payload []byte

	sums map[crypto.Hash][]byte
}

// Digest returns the digest of the encoding that a signature of pub is over, and its hash. Errors: those of [HashOf].
func (m *Message) Digest(pub crypto.PublicKey) ([]byte, crypto.Hash, error) {
	h, err := HashOf(pub)
	if err != nil {
		return nil, 0, err
	}
	if m.sums[h] == nil {
		d := h.New()
		d.Write(prefix(m.Type, len(m.Payload)))
		d.Write(m.Payload)
		if m.sums == nil {
			m.sums = map[crypto.Hash][]byte{}
		}
		m.sums[h] = d.Sum(nil)
	}
	return m.sums[h], h, nil
}

// HashOf returns the digest that goes with an ECDSA key's curve: SHA-256, SHA-384 or SHA-512 for P-256, P-384, P-521.
// It fails for every other key.
func HashOf(pub crypto.PublicKey) (crypto.Hash, error) {
	k, ok := pub.(*ecdsa.PublicKey)
	if !ok || k == nil || k.Curve == nil || k.X == nil || k.Y == nil { //nolint:staticcheck // others that read a key panic without a point
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
	if key == nil {
		return nil, errors.New("dsse: no key")
	}
	d, h, err := (&Message{Type: payloadType, Payload: payload}).Digest(key.Public())
	if err != nil {
		return nil, err
	}
	sig, err := key.Sign(rand.Reader, d, h)
	if err != nil {
		return nil, fmt.Errorf("dsse: sign: %w", err)
	}
	return json.Marshal(Envelope{
		PayloadType: payloadType,
		Payload:     base64.StdEncoding.EncodeToString(payload),
		Signatures:  []Signature{{Sig: base64.StdEncoding.EncodeToString(sig)}},
	})
}

// Verify checks an envelope against one public key and returns the payload's exact bytes. The payload type must be the
// expected one, there must be exactly one signature, and base64 must be canonical.
// Errors: [ErrFormat], [ErrSignature].
func Verify(pub crypto.PublicKey, payloadType string, envelope []byte) ([]byte, error) {
	return VerifyAny([]crypto.PublicKey{pub}, payloadType, envelope)
}

// VerifyAny is [Verify] with the first of several keys that signed the envelope; without keys nothing is verified.
// Errors: those of Verify.
func VerifyAny(keys []crypto.PublicKey, payloadType string, envelope []byte) ([]byte, error) {
	if len(keys) == 0 {
		return nil, ErrSignature
	}
	var e Envelope
	if err := strictjson.Unmarshal(envelope, &e, strictjson.Limits{MaxBytes: MaxEnvelope, MaxDepth: 8, MaxItems: 1}); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return e.verify(keys, payloadType)
}

// Verify is the package's [Verify] on an envelope that has been parsed already.
func (e *Envelope) Verify(pub crypto.PublicKey, payloadType string) ([]byte, error) {
	return e.verify([]crypto.PublicKey{pub}, payloadType)
}

func (e *Envelope) verify(keys []crypto.PublicKey, payloadType string) ([]byte, error) {
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
	m := Message{Type: payloadType, Payload: payload}
	err = ErrSignature
	for _, k := range keys {
		var d []byte
		if d, _, err = m.Digest(k); err != nil {
			continue
		}
		if ecdsa.VerifyASN1(k.(*ecdsa.PublicKey), d, sig) {
			return payload, nil
		}
		err = ErrSignature
	}
	return nil, err
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
