package vault

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/hashicorp/vault/api"
)

// Attempts and waits of one call. A server that throttles says how long to wait; more than maxWait is not believed.
const (
	maxRetries = 4
	minWait    = 100 * time.Millisecond
	maxWait    = 5 * time.Second
	timeout    = time.Minute // for one call with its retries, where the context has no earlier end
	maxReply   = 1 << 20     // bytes; a wrapped keyset has some hundred
)

// client makes Vault's client and undoes what it takes from the environment.
func (a *AEAD) client(ctx context.Context, token string) (*api.Client, error) {
	hc := *a.cfg.HTTP
	hc.Transport = bound{ctx, hc.Transport}
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c, err := api.NewClient(&api.Config{
		Address: a.cfg.Address, Timeout: timeout, HttpClient: &hc, DisableRedirects: true,
		MaxRetries: maxRetries, MinRetryWait: a.wait, MaxRetryWait: maxWait, Backoff: backoff,
		CheckRetry: func(_ context.Context, resp *http.Response, err error) (bool, error) {
			return retry(ctx, resp, err)
		},
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	c.SetHeaders(http.Header{api.RequestHeaderName: {"true"}}) // without those of VAULT_HEADERS and VAULT_NAMESPACE
	c.SetToken(token)
	if a.cfg.Namespace != "" {
		c.SetNamespace(a.cfg.Namespace)
	}
	return c, nil
}

// retry says whether to try again: where the server throttles, is sealed or has a fault, or could not be reached.
func retry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case err != nil:
		_, impostor := errors.AsType[*tls.CertificateVerificationError](err)
		return !impostor, nil
	}
	c := resp.StatusCode
	return c == http.StatusTooManyRequests || c == http.StatusPreconditionFailed || c >= 500 && c != http.StatusNotImplemented, nil
}

// backoff doubles, or is what the server asks for within reason.
func backoff(least, most time.Duration, attempt int, resp *http.Response) time.Duration {
	if resp != nil {
		if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s >= 0 {
			return min(time.Duration(min(s, 60))*time.Second, most)
		}
	}
	return min(least<<min(attempt, 10), most)
}

// bound makes requests end with the context of the call, and answers with their bound.
type bound struct {
	ctx  context.Context // for the length of one call
	base http.RoundTripper
}

func (b bound) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	stop := context.AfterFunc(b.ctx, cancel)
	resp, err := b.base.RoundTrip(r.WithContext(ctx))
	if err != nil {
		stop()
		cancel()
		return nil, err
	}
	resp.Body = &body{http.MaxBytesReader(nil, resp.Body, maxReply), func() { stop(); cancel() }}
	return resp, nil
}

// body gives the request's resources back when it is closed.
type body struct {
	io.ReadCloser
	end func()
}

func (b *body) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}
