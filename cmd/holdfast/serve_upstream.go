package main

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"time"

	"github.com/holdfast-ai/holdfast/guard/api"
)

// upstreamHeaders are those of a request that go on: what an engine reads it by, and what traces it. No name of a header tells
// that it holds a credential, so that no other goes on.
func upstreamHeaders() []string {
	return []string{
		"Accept", "Accept-Encoding", "Content-Type", "Content-Length", api.HeaderLength,
		"Anthropic-Version", "User-Agent", "X-Request-Id", "Traceparent", "Tracestate",
	}
}

// forward is the way to the server behind the guard, which wants the API key bearer if there is one. Callers learn nothing of the
// network behind, and that server no credential of theirs. Events leave as they come: httputil flushes streams by itself.
func forward(to *url.URL, bearer string, log *slog.Logger) http.Handler {
	headers := upstreamHeaders()
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			for name := range r.Out.Header {
				if !slices.Contains(headers, name) {
					delete(r.Out.Header, name)
				}
			}
			if bearer != "" {
				r.Out.Header.Set("Authorization", "Bearer "+bearer)
			}
		},
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: 5 * time.Second,
			MaxIdleConnsPerHost: 64,
			IdleConnTimeout:     90 * time.Second,
			DisableCompression:  true, // the guard reads answers: what is compressed would be inflated first
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() != nil { // the caller left, or the guard ended the request: the upstream is not at fault
				panic(http.ErrAbortHandler)
			}
			log.ErrorContext(r.Context(), "serve: the upstream does not answer", "error", err)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, `{"error":{"message":"the model is not available","type":"server_error"}}`)
		},
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}
