// Package channel binds a TLS 1.3 connection to attested claims (docs/SPEC.md section 6).
//
// Evidence alone can be relayed: whoever repeats it on another connection would receive the prompts. So after the handshake
// and before the first request byte the client sends a nonce, and the key K of the evidence signs the exporter of this very
// TLS connection:
//
//	T("holdfast/channel/v1", role, exporter[32], nonce_c, nonce_s, alpn, sni, H(current epoch payload))
//
// with exporter label "EXPORTER-holdfast-channel-v1" and context nonce_c. The exchange runs as one HTTP/1.1 request on the
// fresh connection, which joins the connection pool only if everything verified. [Server] is the handler, [Transport] the
// client's [net/http.RoundTripper].
//
// Where TLS ends is where the protection ends:
//
//	TLS ends in the TEE                 | sound
//	TLS passes through a TCP/SNI proxy  | sound
//	TLS ends in a proxy, CDN or ingress | refused: the exporters differ; only sealed bodies would be sound
//
// The check is made once per connection and counts until the statement expires. A reload of the guard's policy during a connection shows on the next one, and in
// the epoch of each receipt.
package channel

import (
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/internal/transcript"
)

// Paths of the HTTP surface (docs/SPEC.md section 9).
const (
	PathChannel  = "/.well-known/holdfast/channel"
	PathEvidence = "/.well-known/holdfast/evidence"
)

// ExporterLabel is the label of the TLS exporter (RFC 8446 section 7.5).
const ExporterLabel = "EXPORTER-holdfast-channel-v1"

// maxExchange bounds request and response of the exchange, which have about 300 bytes.
const maxExchange = 4 << 10

// maxReading bounds the time that the request of an exchange takes to arrive, in one packet as a rule: nobody knows yet who sends it.
const maxReading = 10 * time.Second

var (
	// ErrBinding means that the connection does not end where the evidence was made: it is relayed, or K did not sign.
	ErrBinding = errors.New("channel: connection is not bound to the evidence")
	// ErrProtocol means that the peer does not speak the protocol, or not over TLS 1.3.
	ErrProtocol = errors.New("channel: protocol")
)

type request struct {
	Nonce attest.Digest `json:"nonce"`
}

type response struct {
	Nonce     attest.Digest `json:"nonce"`
	Epoch     attest.Digest `json:"epoch"`     // SHA-256 of the current epoch's payload
	Signature []byte        `json:"signature"` // ECDSA, ASN.1
}

// digest is what K signs, as SHA-256, on either end of the connection.
func digest(cs *tls.ConnectionState, client, server, epoch attest.Digest) ([32]byte, error) {
	if cs == nil || !cs.HandshakeComplete || cs.Version != tls.VersionTLS13 {
		return [32]byte{}, fmt.Errorf("%w: not a TLS 1.3 connection", ErrProtocol)
	}
	exporter, err := cs.ExportKeyingMaterial(ExporterLabel, client[:], 32)
	if err != nil {
		return [32]byte{}, fmt.Errorf("%w: exporter: %w", ErrProtocol, err)
	}
	return binding(exporter, client, server, cs.NegotiatedProtocol, cs.ServerName, epoch).SHA256(), nil
}

// binding is the transcript of docs/SPEC.md section 6.
func binding(exporter []byte, client, server attest.Digest, alpn, sni string, epoch attest.Digest) *transcript.T {
	return transcript.New("holdfast/channel/v1").String(attest.RoleServe).Bytes(exporter).Bytes(client[:]).Bytes(server[:]).
		String(alpn).String(sni).Bytes(epoch[:])
}
