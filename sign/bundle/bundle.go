// Package bundle reads and writes the outer layers of a model signature: a Sigstore bundle v0.3 that holds a DSSE
// envelope (OMS v1.0 sections 2 to 4).
//
//	{"mediaType": …, "verificationMaterial": {"publicKey": {"hint": …}}, "dsseEnvelope": {"payload", "payloadType", "signatures"}}
//
// The parser is our own: sigstore's refuses the certificate chains that OMS puts into bundles, and accepts spellings that
// others read differently. Nothing in a bundle chooses what is trusted: the caller brings the keys, and hints, key ids and
// log entries are not used. Keyless bundles are recognised; their verification belongs to others.
package bundle

import (
	"crypto/x509"
	"encoding/json"
	"fmt"

	"github.com/holdfast-ai/holdfast/internal/dsse"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// Constants of the format.
const (
	MediaType   = "application/vnd.dev.sigstore.bundle.v0.3+json" // the one media type of key and certificate bundles
	PayloadType = "application/vnd.in-toto+json"
)

// MaxSize bounds a bundle in bytes: the largest payload of [manifest.Parse] in base64, with room for the rest.
const MaxSize = 48 << 20

// Bounds of the parts of a bundle that are not the payload.
const (
	maxDepth     = 32   // log entries nest seven deep
	maxItems     = 1000 // of one list: certificates, log entries, hashes of an inclusion proof
	maxSignature = 1024 // bytes; the DER of a P-521 signature takes 141
)

// Errors of this package are those of [manifest]: one kind of malformed signature, whichever layer found it.
var (
	ErrFormat      = manifest.ErrFormat
	ErrUnsupported = manifest.ErrUnsupported
)

// A Bundle is a parsed bundle of the key or certificate method.
type Bundle struct {
	Payload   []byte              // the exact bytes that were signed; not trusted before [Bundle.Verify] or [Bundle.VerifyChain]
	Signature []byte              // ECDSA, ASN.1 DER
	Hint      string              // publicKey.hint as found, "" in bundles from before v1.1; unsigned, never used to decide
	Chain     []*x509.Certificate // leaf first; empty for the key and keyless methods
	Lone      bool                // the leaf stands alone as "certificate", not in a chain
	Keyless   bool                // a short-lived certificate beside log entries, which this package does not judge
}

type document struct {
	MediaType string         `json:"mediaType"`
	Material  *material      `json:"verificationMaterial"`
	Envelope  *dsse.Envelope `json:"dsseEnvelope"`
}

type material struct {
	PublicKey   json.RawMessage   `json:"publicKey"`
	Chain       json.RawMessage   `json:"x509CertificateChain"`
	Certificate json.RawMessage   `json:"certificate"`
	Tlog        []json.RawMessage `json:"tlogEntries"`
	Timestamps  json.RawMessage   `json:"timestampVerificationData"`
}

// publicKey has open ends in the schema: bundles from before v1.1 carry rawBytes and keyDetails instead of a hint.
type publicKey struct {
	Hint     string `json:"hint"`
	RawBytes string `json:"rawBytes"`
}

// Parse reads a bundle without verifying anything.
// Errors: a [*manifest.FormatError] that unwraps to [ErrFormat] or [ErrUnsupported].
func Parse(data []byte) (*Bundle, error) {
	var d document
	if err := strictjson.Unmarshal(data, &d, strictjson.Limits{MaxBytes: MaxSize, MaxDepth: maxDepth, MaxItems: maxItems}); err != nil {
		return nil, malformed("bundle", "is not strict JSON of the expected form", err)
	}
	if d.MediaType != MediaType {
		return nil, malformed("mediaType", "is not "+MediaType, nil)
	}
	if d.Envelope == nil {
		return nil, malformed("dsseEnvelope", "is absent", nil)
	}
	b := new(Bundle)
	if err := b.envelope(d.Envelope); err != nil {
		return nil, err
	}
	if err := b.material(d.Material); err != nil {
		return nil, err
	}
	return b, nil
}

func (b *Bundle) envelope(e *dsse.Envelope) (err error) {
	if e.PayloadType != PayloadType {
		return malformed("dsseEnvelope.payloadType", "is not "+PayloadType, nil)
	}
	if n := len(e.Signatures); n != 1 {
		return malformed("dsseEnvelope.signatures", fmt.Sprintf("has %d entries, want 1", n), nil)
	}
	if b.Payload, err = dsse.DecodeBase64(e.Payload); err != nil {
		return malformed("dsseEnvelope.payload", "is not canonical base64", err)
	}
	if b.Signature, err = dsse.DecodeBase64(e.Signatures[0].Sig); err != nil {
		return malformed("dsseEnvelope.signatures[0].sig", "is not canonical base64", err)
	}
	if n := len(b.Signature); n == 0 || n > maxSignature {
		return malformed("dsseEnvelope.signatures[0].sig", "is empty or too long", nil)
	}
	return nil
}

func (b *Bundle) material(m *material) error {
	if m == nil {
		return malformed("verificationMaterial", "is absent", nil)
	}
	key, chain, cert := present(m.PublicKey), present(m.Chain), present(m.Certificate)
	switch {
	case key && (chain || cert), chain && cert:
		return malformed("verificationMaterial", "is of more than one method", nil)
	case cert && len(m.Tlog) > 0: // log entries beside a lone certificate are the mark of the keyless method
		b.Keyless = true
		return nil
	case chain, cert:
		return b.chain(m)
	case !key:
		return malformed("verificationMaterial", "holds neither key nor certificate", nil)
	}
	var k publicKey
	if err := strictjson.UnmarshalKnown(m.PublicKey, &k, strictjson.Limits{MaxDepth: maxDepth}); err != nil {
		return malformed("verificationMaterial.publicKey", "is not strict JSON of the expected form", err)
	}
	if k.Hint == "" && k.RawBytes == "" {
		return malformed("verificationMaterial.publicKey", "holds neither hint nor rawBytes", nil)
	}
	b.Hint = k.Hint
	return nil
}

func present(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

func malformed(field, reason string, cause error) error {
	return &manifest.FormatError{Field: field, Reason: reason, Kind: ErrFormat, Cause: cause}
}

// errKeyless is what the methods that verify say of keyless bundles.
func errKeyless() error {
	return &manifest.FormatError{Field: "verificationMaterial", Reason: "keyless method", Kind: ErrUnsupported}
}
