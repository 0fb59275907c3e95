// Package caller tells who sends a request, by an API key or by the certificate of a mutual TLS connection, before the
// guard charges it to somebody:
//
//	keys, err := caller.ParseKeys(file)
//	srv.Handler = caller.Handler(g.Handler(engine), keys.Authenticate)
//
// Keys are kept as hashes, compared in constant time, and do not reach the upstream. Who cannot be told is refused.
package caller

import (
	"context"
	"errors"
	"net/http"
)

// ErrUnknown means that a request has no credentials, or none that are accepted. It does not say which part was wrong.
var ErrUnknown = errors.New("caller: not authenticated")

// An Identity is who sends a request.
type Identity struct {
	ID     string // of the key or certificate; safe to log
	Tenant string // to whom it belongs; may be empty
}

// An Authenticator tells who sends r. It must not change r. Errors other than [ErrUnknown] are faults, and are refused as
// well.
type Authenticator func(r *http.Request) (Identity, error)

type contextKey struct{}

// FromContext returns the identity that [Handler] has found.
func FromContext(ctx context.Context) (Identity, bool) {
	id, ok := ctx.Value(contextKey{}).(Identity)
	return id, ok
}

// WithIdentity returns a context that holds id, for servers with an authentication of their own.
func WithIdentity(ctx context.Context, id Identity) context.Context {
	return context.WithValue(ctx, contextKey{}, id)
}

// credentials are the headers that carry API keys: of OpenAI, Anthropic and Azure.
var credentials = []string{"Authorization", "X-Api-Key", "Api-Key"}

// Handler passes requests on whose sender one of the authenticators tells, the first that does, and answers 401 to all
// others; without authenticators to all. Headers that carry keys are taken away, so that no upstream logs them.
func Handler(next http.Handler, authenticators ...Authenticator) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, a := range authenticators {
			id, err := a(r)
			if errors.Is(err, ErrUnknown) {
				continue
			}
			if err != nil || id.ID == "" {
				break
			}
			r := r.Clone(WithIdentity(r.Context(), id))
			for _, name := range credentials {
				r.Header.Del(name)
			}
			next.ServeHTTP(w, r)
			return
		}
		refuse(w)
	})
}

// refuse answers in the form that clients of OpenAI and Anthropic raise their authentication errors from.
func refuse(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Www-Authenticate", "Bearer")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = w.Write([]byte(`{"type":"error","error":{"type":"authentication_error","code":"invalid_api_key","message":"The credentials are missing or not valid.","param":null}}` + "\n"))
}
