package channel

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// bind runs handshake and exchange on a fresh connection and returns the statement it is bound to. No byte of a request
// has been sent when it fails.
func (t *Transport) bind(ctx context.Context, tc *tls.Conn, addr string) (*attest.Statement, error) {
	if err := tc.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	p := &peer{conn: tc, host: addr}
	p.in = &io.LimitedReader{R: tc}
	p.r = bufio.NewReader(p.in)
	// A reload between exchange and evidence shows as another epoch: once more is enough, a peer that changes each time is
	// refused.
	for range 2 {
		st, err := t.exchange(ctx, p)
		if errors.Is(err, errEpochMoved) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if p.r.Buffered() != 0 {
			return nil, fmt.Errorf("%w: bytes that nobody asked for", ErrProtocol)
		}
		return st, nil
	}
	return nil, fmt.Errorf("%w: %w", ErrProtocol, errEpochMoved)
}

var errEpochMoved = errors.New("the epoch changed during the exchange")

func (t *Transport) exchange(ctx context.Context, p *peer) (*attest.Statement, error) {
	var nonce attest.Digest
	if _, err := rand.Read(nonce[:]); err != nil {
		return nil, err
	}
	body, err := json.Marshal(request{nonce})
	if err != nil {
		return nil, err
	}
	answer, err := p.do(ctx, http.MethodPost, PathChannel, body, maxExchange)
	if err != nil {
		return nil, err
	}
	var resp response
	if err := strictjson.Unmarshal(answer, &resp, strictjson.Limits{MaxBytes: maxExchange, MaxDepth: 4}); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	cs := p.conn.ConnectionState()
	d, err := digest(&cs, nonce, resp.Nonce, resp.Epoch)
	if err != nil {
		return nil, err
	}
	// What is remembered may be of another server behind this address, which claims the same under a key of its own.
	st, fetched := t.remembered(p.host, resp.Epoch), false
	if st == nil || !signed(st, d, resp.Signature) {
		if st, err = t.fetch(ctx, p); err != nil {
			return nil, err
		}
		if st.Epoch != resp.Epoch {
			return nil, errEpochMoved
		}
		if !signed(st, d, resp.Signature) {
			return nil, fmt.Errorf("%w: the attested key did not sign this connection", ErrBinding)
		}
		fetched = true
	}
	if len(cs.PeerCertificates) == 0 || !accepted(st, sha256.Sum256(cs.PeerCertificates[0].RawSubjectPublicKeyInfo)) {
		return nil, fmt.Errorf("%w: TLS certificate is not the one in the claims", ErrBinding)
	}
	if fetched {
		t.remember(p.host, st)
	}
	return st, nil
}

// signed reports whether the attested key signed the connection.
func signed(st *attest.Statement, digest [32]byte, signature []byte) bool {
	return st.Key() != nil && ecdsa.VerifyASN1(st.Key(), digest[:], signature)
}

// fetch gets and verifies the evidence on the same connection.
func (t *Transport) fetch(ctx context.Context, p *peer) (*attest.Statement, error) {
	path := PathEvidence
	var challenge *[32]byte
	if t.cfg.FreshQuotes {
		var c attest.Digest
		if _, err := rand.Read(c[:]); err != nil {
			return nil, err
		}
		path += "?challenge=" + c.String()
		challenge = (*[32]byte)(&c)
	}
	doc, err := p.do(ctx, http.MethodGet, path, nil, attest.MaxDocument)
	if err != nil {
		return nil, err
	}
	st, err := t.cfg.Verify(ctx, doc, challenge)
	if err != nil {
		return nil, err
	}
	if st == nil {
		return nil, fmt.Errorf("%w: Verify returned no statement", ErrProtocol)
	}
	return st, nil
}

// A peer is the connection during the exchange.
type peer struct {
	conn *tls.Conn
	host string
	in   *io.LimitedReader
	r    *bufio.Reader
}

// maxHeaders bounds a response's status line, headers and framing.
const maxHeaders = 64 << 10

// do sends one request and reads its whole answer of at most max bytes.
func (p *peer) do(ctx context.Context, method, path string, body []byte, limit int64) ([]byte, error) {
	p.in.N = limit + maxHeaders
	req, err := http.NewRequestWithContext(ctx, method, "https://"+p.host+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if err := req.Write(p.conn); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(p.r, req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: %s answers %d", ErrProtocol, path[:min(len(path), len(PathEvidence))], resp.StatusCode)
	}
	if resp.Close {
		return nil, fmt.Errorf("%w: the server closes the connection", ErrProtocol)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
	case int64(len(b)) > limit:
		return nil, fmt.Errorf("%w: answer of more than %d bytes", ErrProtocol, limit)
	}
	return b, nil
}
