package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/tink-crypto/tink-go-hcvault/v2/integration/hcvault"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Sentinels, one for each thing a caller does next. They wrap the cause.
var (
	// ErrUnavailable means that the server did not answer, throttles or has a fault: try again later. Package kek takes it for
	// its own.
	ErrUnavailable error = unavailable("vault: unavailable")
	// ErrDenied means that the token may not use the key.
	ErrDenied = errors.New("vault: permission denied")
	// ErrRefused means that the server does not decrypt or encrypt this: another key, other associated data, altered ciphertext.
	ErrRefused = errors.New("vault: refused")
	// ErrReply means an answer that is none, for example a cut one.
	ErrReply = errors.New("vault: malformed reply")
	// ErrUnbound means that the server ignores associated data: what it wraps would open for any model.
	ErrUnbound = errors.New("vault: the server ignores associated data")
	// ErrConfig means a configuration that cannot work, or one that sends the token in clear.
	ErrConfig = errors.New("vault: configuration")
)

// unavailable tells package kek, which this module does not import, that this is no refusal.
type unavailable string

func (e unavailable) Error() string   { return string(e) }
func (unavailable) Unavailable() bool { return true }

// Config says which key, and how to reach it. Address, Key, Token and HTTP are required.
type Config struct {
	Address   string // https://host:port; plain http on loopback only
	Mount     string // of the transit engine; default "transit"
	Key       string // its name in the engine
	Namespace string // of Vault Enterprise or OpenBao; default none

	// Token gets the token for one call, for example one that an attested identity was exchanged for. It is not kept.
	Token func(context.Context) (string, error)
	// HTTP is how to reach the server. Its Transport decides on roots of trust and proxies, and has to be given: the default one
	// takes proxies from the environment. Redirects are not followed: they
	// would carry the token elsewhere.
	HTTP *http.Client
}

// AEAD is a key in a transit engine. Make it with [New]. It is safe for concurrent use.
type AEAD struct {
	cfg  Config
	path string        // of the key, as Tink's integration wants it
	wait time.Duration // before the first further attempt
}

var _ tink.AEADWithContext = (*AEAD)(nil)

// New checks the configuration; nothing is sent. Errors: [ErrConfig].
func New(cfg Config) (*AEAD, error) {
	if cfg.Mount == "" {
		cfg.Mount = "transit"
	}
	if cfg.Token == nil || cfg.HTTP == nil || cfg.HTTP.Transport == nil {
		return nil, fmt.Errorf("%w: Token and HTTP with a Transport are required", ErrConfig)
	}
	for _, part := range append(strings.Split(cfg.Mount, "/"), cfg.Key) {
		if !segment(part) {
			return nil, fmt.Errorf("%w: mount %q, key %q", ErrConfig, cfg.Mount, cfg.Key)
		}
	}
	u, err := url.Parse(cfg.Address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/" {
		return nil, fmt.Errorf("%w: the address is not https://host:port", ErrConfig)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return nil, fmt.Errorf("%w: %s would send the token in clear", ErrConfig, u.Scheme)
	}
	return &AEAD{cfg: cfg, path: "/" + cfg.Mount + "/keys/" + cfg.Key, wait: minWait}, nil
}

// segment accepts one element of a path, as Vault names mounts and keys.
func segment(s string) bool {
	return s != "" && s != "." && s != ".." && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == ""
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// EncryptWithContext wraps pt bound to ad, then asks the server to open it under other associated data: where it does, ad
// binds nothing. A token that may only encrypt is believed. Errors: [ErrUnbound] and those of [AEAD.DecryptWithContext].
func (a *AEAD) EncryptWithContext(ctx context.Context, pt, ad []byte) ([]byte, error) {
	ct, err := a.call(ctx, func(t tink.AEAD) ([]byte, error) { return t.Encrypt(pt, ad) })
	if err != nil {
		return nil, err
	}
	other := append(bytes.Clone(ad), "other"...)
	got, err := a.call(ctx, func(t tink.AEAD) ([]byte, error) { return t.Decrypt(ct, other) })
	switch {
	case err == nil:
		clear(got)
		return nil, ErrUnbound
	case errors.Is(err, ErrRefused), errors.Is(err, ErrDenied):
		return ct, nil
	}
	return nil, err
}

// DecryptWithContext unwraps ct bound to ad. Errors: [ErrUnavailable], [ErrDenied], [ErrRefused], [ErrReply], and those of
// ctx and Token.
func (a *AEAD) DecryptWithContext(ctx context.Context, ct, ad []byte) ([]byte, error) {
	return a.call(ctx, func(t tink.AEAD) ([]byte, error) { return t.Decrypt(ct, ad) })
}

// call runs f with a client for this call alone, whose requests end with ctx.
func (a *AEAD) call(ctx context.Context, f func(tink.AEAD) ([]byte, error)) ([]byte, error) {
	token, err := a.cfg.Token(ctx)
	if err != nil {
		return nil, fmt.Errorf("vault: token: %w", err)
	}
	client, err := a.client(ctx, token)
	if err != nil {
		return nil, err
	}
	t, err := hcvault.NewAEAD(a.path, client.Logical())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	type result struct {
		b   []byte
		err error
	}
	done := make(chan result, 1) // Tink's integration takes no context, and waits between attempts
	go func() {
		b, err := f(t)
		done <- result{b, err}
	}()
	select {
	case r := <-done:
		return answer(ctx, r.b, r.err)
	case <-ctx.Done():
		return nil, fmt.Errorf("vault: %w", ctx.Err())
	}
}

// answer sorts what came back. Keysets are never empty, and Tink's integration gives no bytes and no error for an answer
// without plaintext.
func answer(ctx context.Context, b []byte, err error) ([]byte, error) {
	if err == nil {
		if len(b) == 0 {
			return nil, fmt.Errorf("%w: it is empty", ErrReply)
		}
		return b, nil
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("vault: %w", ctx.Err())
	}
	re, ok := errors.AsType[*api.ResponseError](err)
	if !ok {
		if _, ok := errors.AsType[net.Error](err); ok {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		return nil, fmt.Errorf("%w: %w", ErrReply, err)
	}
	class := ErrReply
	switch c := re.StatusCode; {
	case c == http.StatusTooManyRequests || c == http.StatusPreconditionFailed || c >= 500:
		class = ErrUnavailable
	case c == http.StatusUnauthorized || c == http.StatusForbidden:
		class = ErrDenied
	case c == http.StatusBadRequest || c == http.StatusNotFound:
		class = ErrRefused
	}
	return nil, fmt.Errorf("%w: %w", class, err)
}
