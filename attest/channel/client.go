package channel

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
)

// Defaults of a [Transport].
const (
	DefaultTimeout   = 10 * time.Second // dial, handshake and exchange together
	DefaultReuse     = 5 * time.Minute  // of a verified document for further connections to the same address
	maxReused        = 256              // addresses remembered
	defaultIdleConns = 90 * time.Second
)

// VerifyFunc decides on a chain's document. It is [attest.VerifyChain] with the caller's policy:
//
//	func(ctx context.Context, doc []byte, challenge *[32]byte) (*attest.Statement, error) {
//		return attest.VerifyChain(ctx, doc, challenge, policy)
//	}
type VerifyFunc func(ctx context.Context, document []byte, challenge *[32]byte) (*attest.Statement, error)

// Config of a [Transport]. Verify is required.
type Config struct {
	// TLS is the base configuration; nil means the system's roots. The server's certificate is checked as it says. With a
	// self-signed one, InsecureSkipVerify is sound here: the channel proves the end of the connection by itself. The
	// transport sets version (1.3) and protocols (http/1.1) on its own copy.
	TLS *tls.Config
	// Verify decides on evidence and claims.
	Verify VerifyFunc
	// FreshQuotes asks for a hardware quote over an own challenge on every connection, which servers ration.
	FreshQuotes bool
	// Timeout bounds dial, handshake and exchange; 0 means [DefaultTimeout].
	Timeout time.Duration
	// Dial opens the TCP connection; nil means a plain net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// A Transport is a [net/http.RoundTripper] whose requests only travel on connections that end in an attested TEE. It speaks
// HTTP/1.1 over TLS 1.3, directly and never through an HTTP proxy. No request begins on a connection whose statement has expired:
// it goes on a new one, or fails where its body cannot be had again ([net/http.Request].GetBody). Safe for concurrent use; close
// idle connections with [Transport.CloseIdleConnections].
type Transport struct {
	cfg  Config
	base *http.Transport

	mu    sync.Mutex
	known map[string]known // by address
}

type known struct {
	st    *attest.Statement
	until time.Time
}

// NewTransport checks the configuration.
func NewTransport(cfg Config) (*Transport, error) {
	if cfg.Verify == nil {
		return nil, errors.New("channel: a transport needs Verify")
	}
	if cfg.TLS == nil {
		cfg.TLS = &tls.Config{}
	}
	cfg.TLS = cfg.TLS.Clone()
	cfg.TLS.MinVersion, cfg.TLS.MaxVersion = tls.VersionTLS13, tls.VersionTLS13
	cfg.TLS.NextProtos = []string{"http/1.1"}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{}).DialContext
	}
	t := &Transport{cfg: cfg, known: map[string]known{}}
	// No Proxy: a CONNECT would bypass DialTLSContext. DialContext refuses: nothing travels in the clear.
	t.base = &http.Transport{
		DialTLSContext: t.dial, IdleConnTimeout: defaultIdleConns, MaxIdleConnsPerHost: 16, ResponseHeaderTimeout: 0,
		DisableCompression: true, // receipts are over the bytes as sent
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, fmt.Errorf("%w: only https", ErrProtocol)
		},
	}
	return t, nil
}

// CloseIdleConnections closes connections that carry no request.
func (t *Transport) CloseIdleConnections() {
	if t.base != nil {
		t.base.CloseIdleConnections()
	}
}

type statementKey struct{}

// RoundTrip sends one request. Of a response, [StatementOf] tells which statement its connection was verified with.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.base == nil || r.URL == nil || r.URL.Scheme != "https" {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, fmt.Errorf("%w: only https, by a transport that NewTransport made", ErrProtocol)
	}
	var mu sync.Mutex
	var used *conn
	ctx := httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		mu.Lock()
		defer mu.Unlock()
		if used, _ = i.Conn.(*conn); used != nil && !time.Now().Before(used.st.Expires) {
			used.expired.Store(true)
		}
	}})
	resp, err := t.base.RoundTrip(r.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	mu.Lock()
	defer mu.Unlock()
	if used == nil {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("%w: answer on an unknown connection", ErrProtocol)
	}
	cs := used.ConnectionState()
	resp.TLS = &cs
	resp.Request = r.WithContext(context.WithValue(r.Context(), statementKey{}, used.st))
	return resp, nil
}

// StatementOf returns the statement that the connection of a response was verified with, or nil where no [Transport] made
// the response.
func StatementOf(resp *http.Response) *attest.Statement {
	if resp == nil || resp.Request == nil {
		return nil
	}
	st, _ := resp.Request.Context().Value(statementKey{}).(*attest.Statement)
	return st
}

// A conn is a connection that was verified.
type conn struct {
	*tls.Conn
	st      *attest.Statement
	expired atomic.Bool // set before a request begins
}

var errExpired = fmt.Errorf("%w: the statement of the connection has expired", ErrBinding)

// Write fails before the first byte of a request where the statement has expired: then [net/http.Transport] takes another connection.
func (c *conn) Write(p []byte) (int, error) {
	if c.expired.Load() {
		return 0, errExpired
	}
	return c.Conn.Write(p)
}

func (t *Transport) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, t.cfg.Timeout)
	defer cancel()
	raw, err := t.cfg.Dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	cfg := t.cfg.TLS
	if cfg.ServerName == "" {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, errors.Join(err, raw.Close())
		}
		cfg = cfg.Clone()
		cfg.ServerName = host
	}
	tc := tls.Client(raw, cfg)
	// The exchange ends with its context, not only between its reads.
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	st, err := t.bind(ctx, tc, addr)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return &conn{Conn: tc, st: st}, nil
}

// remembered returns the statement of an earlier connection to the address, unless too much time went by.
func (t *Transport) remembered(addr string, epoch attest.Digest) *attest.Statement {
	t.mu.Lock()
	defer t.mu.Unlock()
	k, ok := t.known[addr]
	if !ok || t.cfg.FreshQuotes || !time.Now().Before(k.until) || k.st.Epoch != epoch {
		return nil
	}
	return k.st
}

func (t *Transport) remember(addr string, st *attest.Statement) {
	until := time.Now().Round(0).Add(DefaultReuse) // by the calendar, as statements expire
	if left := st.Expires; left.Before(until) {
		until = left
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.known) >= maxReused {
		clear(t.known)
	}
	t.known[addr] = known{st, until}
}

// accepted reports whether the peer's certificate is the one that the claims name, if they name one.
func accepted(st *attest.Statement, spki [32]byte) bool {
	want := st.Claims.TLSSPKI
	return want == nil || slices.Equal(want[:], spki[:])
}
