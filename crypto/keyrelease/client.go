package keyrelease

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/internal/transcript"
)

// Attestor gets the machine's evidence with reportData in it.
type Attestor func(ctx context.Context, reportData [64]byte) (evidence []byte, err error)

// Client asks a key server for the keyset of a sealed model. URL to Config are required. Have one for each model: the
// minimum version that the server names for one would hold for the other. It is safe for concurrent use; do not copy it.
type Client struct {
	URL       string           // of the server, without /v1/…
	HTTP      *http.Client     // how to reach it; redirects are not followed
	ServerKey *ecdsa.PublicKey // P-256; whoever does not sign with it is not the server
	Attest    Attestor
	Config    [32]byte // digest of the guest's effective authority configuration

	// MinVersion is the guest's own floor for the model version. An older model is refused before anything is sent, and
	// the server is told.
	MinVersion uint64
	// DenyList and RulesVersion are what the guest has loaded and enforces: its signed deny list, nil for none, and the number
	// of its guard rules. Where the server demands newer ones there is no keyset.
	DenyList     *DenyList
	RulesVersion uint64

	mu       sync.Mutex
	floors   Floors
	released bool
}

var _ seal.KeySource = (*Client)(nil)

// Floors are the highest floors of the releases so far, and whether there was one.
func (c *Client) Floors() (Floors, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.floors, c.released
}

// Keyset runs one exchange with a fresh challenge and a fresh HPKE key and returns the keyset of the directory that info
// names. wraps are not used. Errors: [ErrConfig], [ErrVersion], [ErrFloor], [ErrUnavailable], [ErrDenied], [ErrProtocol], [ErrServer],
// [ErrAttest], [seal.ErrCommitment].
func (c *Client) Keyset(ctx context.Context, info seal.Info, _ []seal.Wrapped) (*keyset.Handle, error) {
	server, err := c.check()
	if err != nil {
		return nil, err
	}
	if info.Version < c.MinVersion {
		return nil, fmt.Errorf("%w: %d, want at least %d", ErrVersion, info.Version, c.MinVersion)
	}
	token, err := c.challenge(ctx, server)
	if err != nil {
		return nil, err
	}
	key, err := hpkeKEM().GenerateKey()
	if err != nil {
		return nil, fmt.Errorf("keyrelease: make key: %w", err)
	}
	req, err := c.request(ctx, server, token, key.PublicKey().Bytes(), info)
	if err != nil {
		return nil, err
	}
	g, err := c.release(ctx, server, req, key)
	if err != nil {
		return nil, err
	}
	defer clear(g.Keyset)
	return c.accept(g, info)
}

func (c *Client) check() ([32]byte, error) {
	if c.URL == "" || c.HTTP == nil || c.ServerKey == nil || c.Attest == nil {
		return [32]byte{}, fmt.Errorf("%w: URL, HTTP, ServerKey and Attest are required", ErrConfig)
	}
	if c.Config == ([32]byte{}) {
		return [32]byte{}, fmt.Errorf("%w: Config is required", ErrConfig)
	}
	return serverHash(c.ServerKey)
}

func (c *Client) challenge(ctx context.Context, server [32]byte) ([]byte, error) {
	var resp challengeResponse
	if err := c.post(ctx, "v1/challenge", challengeRequest{protocolVersion}, &resp); err != nil {
		return nil, err
	}
	if resp.Version != protocolVersion || len(resp.Token) != tokenSize {
		return nil, fmt.Errorf("%w: challenge", ErrProtocol)
	}
	d := tokenDigest(server, resp.Token)
	if !ecdsa.VerifyASN1(c.ServerKey, d[:], resp.Signature) {
		return nil, fmt.Errorf("%w: challenge", ErrServer)
	}
	return resp.Token, nil
}

func (c *Client) request(ctx context.Context, server [32]byte, token, key []byte, info seal.Info) (*releaseRequest, error) {
	claims, err := Request{
		Name: info.Name, MinVersion: c.MinVersion, SealDigest: info.ManifestDigest, Commitment: info.Commitment, Config: c.Config,
	}.encode()
	if err != nil {
		return nil, fmt.Errorf("keyrelease: claims: %w", err)
	}
	rd := ReportData(challengeOf(server, token), transcript.KeyHash(transcript.SuiteMLKEM768X25519, key), sha256.Sum256(claims))
	evidence, err := c.Attest(ctx, rd)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAttest, err)
	}
	if len(evidence) > MaxEvidence {
		return nil, fmt.Errorf("%w: %d bytes, the limit is %d", ErrAttest, len(evidence), MaxEvidence)
	}
	return &releaseRequest{protocolVersion, Suite, token, key, claims, evidence}, nil
}

func (c *Client) release(ctx context.Context, server [32]byte, req *releaseRequest, key hpke.PrivateKey) (*grant, error) {
	var resp releaseResponse
	if err := c.post(ctx, "v1/release", req, &resp); err != nil {
		return nil, err
	}
	info := exchange(server, req)
	d := responseDigest(info, resp.Sealed)
	if resp.Version != protocolVersion || !ecdsa.VerifyASN1(c.ServerKey, d[:], resp.Signature) {
		return nil, fmt.Errorf("%w: release", ErrServer)
	}
	pt, err := hpke.Open(key, hpkeKDF(), hpkeAEAD(), info, resp.Sealed)
	if err != nil {
		return nil, fmt.Errorf("%w: it is not sealed to this exchange", ErrProtocol)
	}
	defer clear(pt)
	var g grant
	if err := decode(pt, &g, maxResponse); err != nil {
		return nil, err
	}
	if g.Version != protocolVersion {
		return nil, fmt.Errorf("%w: version %d", ErrProtocol, g.Version)
	}
	return &g, nil
}

// accept raises the floors, holds the model against them, and reads the keyset.
func (c *Client) accept(g *grant, info seal.Info) (*keyset.Handle, error) {
	f, err := g.floors()
	if err != nil {
		return nil, err
	}
	if f, err = c.raise(f); err != nil {
		return nil, err
	}
	if err := f.Check(info.Version, c.DenyList, c.RulesVersion); err != nil {
		return nil, err
	}
	h, err := insecurecleartextkeyset.Read(keyset.NewBinaryReader(bytes.NewReader(g.Keyset)))
	if err != nil {
		return nil, fmt.Errorf("%w: keyset", ErrProtocol) // the cause could be about key bytes
	}
	got, err := seal.Commitment(h)
	if err != nil {
		return nil, err
	}
	if got != info.Commitment { // both are public
		return nil, seal.ErrCommitment
	}
	return h, nil
}

func (c *Client) raise(f Floors) (Floors, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, err := c.floors.raised(f)
	if err != nil {
		return f, err
	}
	c.floors, c.released = f, true
	return f, nil
}

// post sends a message and reads the answer.
func (c *Client) post(ctx context.Context, path string, msg, answer any) error {
	to, err := url.JoinPath(c.URL, path)
	if err != nil {
		return fmt.Errorf("%w: URL: %w", ErrConfig, err)
	}
	body, err := json.Marshal(msg)
	if err != nil {
		return fmt.Errorf("keyrelease: encode: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: URL: %w", ErrConfig, err)
	}
	req.Header.Set("Content-Type", "application/json")
	hc := *c.HTTP
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := hc.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse+1))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	switch {
	case len(b) > maxResponse:
		return fmt.Errorf("%w: answer of more than %d bytes", ErrProtocol, maxResponse)
	case resp.StatusCode == http.StatusOK:
		return decode(b, answer, maxResponse)
	case resp.StatusCode == http.StatusForbidden:
		var r refusal
		if err := decode(b, &r, maxResponse); err != nil || !r.Error.known() {
			return &DeniedError{CodeUnknown}
		}
		return &DeniedError{r.Error}
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500:
		return fmt.Errorf("%w: status %d", ErrUnavailable, resp.StatusCode)
	default:
		return fmt.Errorf("%w: status %d", ErrProtocol, resp.StatusCode)
	}
}
