// Package receipt makes and verifies response receipts (docs/SPEC.md section 8): K's signature over which model, MBOM and
// epoch answered which request bytes with which response bytes. An auditor verifies them offline, with the standard
// library alone.
//
// Requests and responses enter as HMAC-SHA256 under a salt that client and auditor hold, since plain hashes of prompts
// could be searched.
package receipt

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/internal/dsse"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// PayloadType is the DSSE payload type of receipts.
const PayloadType = "application/vnd.holdfast.receipt+json"

var (
	// ErrFormat means that the bytes are no receipt of this version.
	ErrFormat = errors.New("receipt: malformed")
	// ErrSignature means that K did not sign the receipt.
	ErrSignature = errors.New("receipt: signature does not verify")
	// ErrMismatch means that a genuine receipt is about something else: another chain, request or response.
	ErrMismatch = errors.New("receipt: is about something else")
	// ErrIncomplete means that the exchange was cut: the receipt covers what was received and sent up to there.
	ErrIncomplete = errors.New("receipt: the exchange was cut")
)

// A Receipt is what K signs about one exchange.
type Receipt struct {
	Chain    attest.Digest  `json:"chain"` // SHA-256 of the epoch-0 payload
	Epoch    uint64         `json:"epoch"`
	ModelID  attest.Digest  `json:"model_id"`
	MBOM     *attest.Digest `json:"mbom"`
	Request  attest.Digest  `json:"request"`  // HMAC-SHA256(salt, body as received)
	Response attest.Digest  `json:"response"` // HMAC-SHA256(salt, body as sent)
	Complete bool           `json:"complete"` // both bodies went through to their ends
	Seq      uint64         `json:"seq"`      // counts the receipts of one handler from 1
	Time     time.Time      `json:"time"`     // by the TEE's clock
}

// MAC is HMAC-SHA256 of a body under a receipt's salt.
func MAC(salt [32]byte, body []byte) attest.Digest {
	m := hmac.New(sha256.New, salt[:])
	m.Write(body)
	return attest.Digest(m.Sum(nil))
}

// Sign returns the DSSE envelope of r by K.
func Sign(k crypto.Signer, r Receipt) ([]byte, error) {
	if k == nil {
		return nil, fmt.Errorf("%w: no key", ErrSignature)
	}
	payload, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return dsse.Sign(k, PayloadType, payload)
}

// maxReceipt bounds an envelope: a receipt has about 600 bytes, in base64 800.
const maxReceipt = 8 << 10

// Verify checks an envelope under the K of a verified chain ([attest.Statement]: Key and Chain) and returns the receipt.
// Errors: [ErrFormat], [ErrSignature], [ErrMismatch] for a receipt of another chain.
func Verify(k *ecdsa.PublicKey, chain attest.Digest, envelope []byte) (*Receipt, error) {
	if k == nil {
		return nil, fmt.Errorf("%w: no key", ErrSignature)
	}
	if len(envelope) > maxReceipt {
		return nil, fmt.Errorf("%w: %d bytes", ErrFormat, len(envelope))
	}
	payload, err := dsse.Verify(k, PayloadType, envelope)
	switch {
	case errors.Is(err, dsse.ErrSignature):
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	var r Receipt
	if err := strictjson.Unmarshal(payload, &r, strictjson.Limits{MaxBytes: maxReceipt, MaxDepth: 4}); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if again, err := json.Marshal(r); err != nil || string(again) != string(payload) {
		return nil, fmt.Errorf("%w: not in the one form that is signed", ErrFormat) // no field is missing, null or doubled
	}
	if r.Chain != chain {
		return nil, fmt.Errorf("%w: chain %s, want %s", ErrMismatch, r.Chain, chain)
	}
	return &r, nil
}

// Covers checks that the receipt is about these bodies, under the salt of their exchange, and that neither was cut.
// Errors: [ErrMismatch], [ErrIncomplete].
func (r *Receipt) Covers(salt [32]byte, request, response []byte) error {
	for _, x := range []struct {
		what      string
		got, want attest.Digest
	}{{"request", MAC(salt, request), r.Request}, {"response", MAC(salt, response), r.Response}} {
		if !hmac.Equal(x.got[:], x.want[:]) {
			return fmt.Errorf("%w: %s bytes", ErrMismatch, x.what)
		}
	}
	if !r.Complete {
		return ErrIncomplete
	}
	return nil
}
