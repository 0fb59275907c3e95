package keyrelease

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/hpke"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-ai/holdfast/internal/dsse"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
	"github.com/holdfast-ai/holdfast/internal/transcript"
)

// Suite names the only suite of the protocol.
const Suite = "mlkem768x25519-hkdf-sha256-aes256gcm"

// Role is the role in REPORT_DATA of evidence for a release.
const Role = "release"

const protocolVersion = 1

func hpkeKEM() hpke.KEM   { return hpke.MLKEM768X25519() }
func hpkeKDF() hpke.KDF   { return hpke.HKDFSHA256() }
func hpkeAEAD() hpke.AEAD { return hpke.AES256GCM() }

// Messages.
type (
	challengeRequest struct {
		Version int `json:"version"`
	}
	challengeResponse struct {
		Version   int  `json:"version"`
		Token     text `json:"token"`
		Signature text `json:"signature"`
	}
	releaseRequest struct {
		Version  int    `json:"version"`
		Suite    string `json:"suite"`
		Token    text   `json:"token"`
		Key      text   `json:"key"`    // E, HPKE serialisation
		Claims   text   `json:"claims"` // exact bytes, as in the evidence
		Evidence text   `json:"evidence"`
	}
	releaseResponse struct {
		Version   int  `json:"version"`
		Sealed    text `json:"sealed"` // HPKE encapsulated key || ciphertext
		Signature text `json:"signature"`
	}
	// grant is what is sealed.
	grant struct {
		Version         int       `json:"version"`
		Keyset          []byte    `json:"keyset"` // Tink Keyset, binary
		ServerTime      time.Time `json:"server_time"`
		MinVersion      uint64    `json:"min_version"`
		DenyList        *denyList `json:"deny_list"`
		RulesMinVersion uint64    `json:"rules_min_version"`
	}
	denyList struct {
		Number uint64 `json:"number"`
		Digest string `json:"digest"` // hex
	}
	refusal struct {
		Error Code `json:"error"`
	}
)

// text is a byte string as messages have it: one line of canonical base64. For a plain []byte the decoder would also take line breaks, null,
// and lists of numbers, which cost ten times as much, from whoever asks.
type text []byte

// UnmarshalJSON implements [json.Unmarshaler].
func (t *text) UnmarshalJSON(b []byte) (err error) {
	if len(b) < 2 || b[0] != '"' {
		return errText
	}
	s := string(b[1 : len(b)-1])
	if strings.Contains(s, `\`) && json.Unmarshal(b, &s) != nil { // no base64 has to be escaped, and some encoders do
		return errText
	}
	if *t, err = dsse.DecodeBase64(s); err != nil {
		return errText
	}
	return nil
}

var errText = errors.New("bytes are not base64")

// encode is json.Marshal(g), which would keep a copy of the keyset in a buffer for the next message.
func (g *grant) encode() ([]byte, error) {
	const field = `"keyset":"`
	public := *g
	public.Keyset = []byte{}
	b, err := json.Marshal(public)
	if err != nil {
		return nil, err
	}
	before, after, found := bytes.Cut(b, []byte(field))
	if !found {
		return nil, errors.New("no keyset")
	}
	out := make([]byte, 0, len(b)+base64.StdEncoding.EncodedLen(len(g.Keyset)))
	out = append(append(out, before...), field...)
	return append(base64.StdEncoding.AppendEncode(out, g.Keyset), after...), nil
}

// Request is what the guest claims, and what its evidence covers: the epoch-0 claims of role "release".
type Request struct {
	Name       string   // of the model
	MinVersion uint64   // the guest wants no older one
	SealDigest [32]byte // SHA-256 of seal.json
	Commitment [32]byte // of the keyset it needs
	Config     [32]byte // digest of the effective authority configuration (docs/SPEC.md section 5)
}

type requestJSON struct {
	Version    int    `json:"version"`
	Name       string `json:"name"`
	MinVersion uint64 `json:"min_version"`
	Seal       string `json:"seal"`
	Commitment string `json:"commitment"`
	Config     string `json:"config"`
}

// encode gives the claims' bytes. They are hashed and sent as they are, never encoded again.
func (r Request) encode() ([]byte, error) {
	return json.Marshal(requestJSON{
		protocolVersion, r.Name, r.MinVersion,
		hex.EncodeToString(r.SealDigest[:]), hex.EncodeToString(r.Commitment[:]), hex.EncodeToString(r.Config[:]),
	})
}

func parseRequest(b []byte) (r Request, err error) {
	var j requestJSON
	if err := strictjson.Unmarshal(b, &j, strictjson.Limits{MaxBytes: maxClaims, MaxDepth: 2}); err != nil {
		return r, fmt.Errorf("%w: claims: %w", ErrProtocol, err)
	}
	r.Name, r.MinVersion = j.Name, j.MinVersion
	if j.Version != protocolVersion || j.Name == "" ||
		!unhex(&r.SealDigest, j.Seal) || !unhex(&r.Commitment, j.Commitment) || !unhex(&r.Config, j.Config) {
		return r, fmt.Errorf("%w: claims", ErrProtocol)
	}
	return r, nil
}

func unhex(dst *[32]byte, s string) bool {
	if len(s) != 64 || strings.ToLower(s) != s {
		return false
	}
	_, err := hex.Decode(dst[:], []byte(s))
	return err == nil
}

// ReportData is the REPORT_DATA of evidence for a release: SHA-512(T("holdfast/report-data/v1", "release", challenge,
// keyHash, absent, H(claims))), docs/SPEC.md section 4. keyHash is that of E, claims the SHA-256 of the claims' bytes.
func ReportData(challenge, keyHash, claims [32]byte) [64]byte {
	return transcript.New("holdfast/report-data/v1").String(Role).Bytes(challenge[:]).Bytes(keyHash[:]).
		Absent().Bytes(claims[:]).SHA512()
}

// serverHash names the server's identity key.
func serverHash(pub *ecdsa.PublicKey) ([32]byte, error) {
	if pub == nil || pub.Curve == nil || pub.Curve.Params().Name != "P-256" {
		return [32]byte{}, fmt.Errorf("%w: the server's identity is an ECDSA P-256 key", ErrConfig)
	}
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return [32]byte{}, fmt.Errorf("%w: server key: %w", ErrConfig, err)
	}
	return transcript.KeyHash(transcript.SuiteECDSAP256, der), nil
}

// challengeOf is what the evidence carries for a token. It names the server, so evidence for one server is none for another.
func challengeOf(server [32]byte, token []byte) [32]byte {
	return transcript.New("holdfast/release-challenge/v1").Bytes(server[:]).Bytes(token).SHA256()
}

// tokenDigest is what the server signs when it hands out a challenge.
func tokenDigest(server [32]byte, token []byte) [32]byte {
	return transcript.New("holdfast/release-challenge-signature/v1").Bytes(server[:]).Bytes(token).SHA256()
}

// exchange is the transcript of the whole exchange, the info of HPKE.
func exchange(server [32]byte, r *releaseRequest) []byte {
	evidence := sha256.Sum256(r.Evidence)
	return transcript.New("holdfast/release/v1").String(r.Suite).Bytes(server[:]).Bytes(r.Token).Bytes(r.Key).
		Bytes(r.Claims).Bytes(evidence[:]).Encoding()
}

// responseDigest is what the server signs when it answers.
func responseDigest(info, sealed []byte) [32]byte {
	return transcript.New("holdfast/release-response/v1").Bytes(info).Bytes(sealed).SHA256()
}

func decode(b []byte, v any, most int) error {
	if err := strictjson.Unmarshal(b, v, strictjson.Limits{MaxBytes: most, MaxDepth: 4, MaxItems: maxFields}); err != nil {
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return nil
}
