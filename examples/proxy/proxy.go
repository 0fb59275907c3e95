package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"time"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/caller"
)

// Config is what the proxy is made of.
type Config struct {
	Upstream *url.URL     // the server with the model
	Secret   string       // the key that Upstream wants of the proxy, if any
	Policy   guard.Policy // what goes in, and what comes out
	Keys     *caller.Keys // who may call; nil: everybody who reaches the address
	Log      *slog.Logger
}

// New returns a handler that authenticates callers, lets the guard judge what they send and what they get, and forwards the rest.
func New(cfg Config) (http.Handler, error) {
	g, err := guard.New(cfg.Policy, guard.WithLogger(cfg.Log))
	if err != nil {
		return nil, err
	}
	h := g.Handler(forward(cfg))
	if cfg.Keys != nil {
		h = caller.Handler(h, cfg.Keys.Authenticate)
	}
	return h, nil
}

// forward is the way to the upstream. Events leave as they come: httputil flushes streams by itself.
func forward(cfg Config) http.Handler {
	passed := []string{
		"Accept", "Accept-Encoding", "Content-Type", "Content-Length", "Inference-Header-Content-Length", // the last is KServe's
		"Anthropic-Version", "User-Agent", "X-Request-Id", "Traceparent", "Tracestate",
	}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(cfg.Upstream)
			for name := range r.Out.Header { // the caller's credentials are among the others, under whatever name
				if !slices.Contains(passed, name) {
					delete(r.Out.Header, name)
				}
			}
			if cfg.Secret != "" {
				r.Out.Header.Set("Authorization", "Bearer "+cfg.Secret)
			}
		},
		Transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:   5 * time.Second,
			ResponseHeaderTimeout: 5 * time.Minute, // a long answer that is not streamed has no header before it is there
			MaxIdleConnsPerHost:   64,
			IdleConnTimeout:       90 * time.Second,
			DisableCompression:    true, // the guard reads answers: what is compressed would be inflated first
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) { // callers learn nothing of the network behind
			if r.Context().Err() != nil { // the caller left, or the guard ended the request: the upstream is not at fault
				panic(http.ErrAbortHandler)
			}
			cfg.Log.ErrorContext(r.Context(), "proxy: the upstream does not answer", "error", err)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, `{"error":{"message":"the model is not available","type":"server_error"}}`)
		},
		ErrorLog: slog.NewLogLogger(cfg.Log.Handler(), slog.LevelWarn),
	}
}

// grace is how long running answers may take at the end: less than the 30 s that Kubernetes gives a pod.
const grace = 25 * time.Second

// Serve serves h until ctx ends, then lets running answers finish.
func Serve(ctx context.Context, ln net.Listener, h http.Handler, cert *tls.Certificate, log *slog.Logger) error {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute, // no WriteTimeout: it would end long streams
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	done := make(chan error, 1)
	go func() {
		if cert == nil {
			done <- srv.Serve(ln)
			return
		}
		srv.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{*cert}}
		done <- srv.ServeTLS(ln, "", "")
	}()
	select {
	case err := <-done:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := srv.Shutdown(last); err != nil {
		return errors.Join(fmt.Errorf("serve: answers that still ran after %v were cut off: %w", grace, err), srv.Close())
	}
	return nil
}
