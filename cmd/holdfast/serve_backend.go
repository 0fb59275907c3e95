package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/holdfast-ai/holdfast"
	"github.com/holdfast-ai/holdfast/examples/engine"
	"github.com/holdfast-ai/holdfast/examples/engine/openai"
	"github.com/holdfast-ai/holdfast/sign"
)

// upstreamURL is the server that the guard stands before, or nil for the built-in engine. It is read before the model is, which may
// take minutes.
func (f *serveFlags) upstreamURL() (*url.URL, error) {
	if f.upstream == "" {
		if f.bearer != "" {
			return nil, fmt.Errorf("%w: --upstream-key-file without --upstream", errUsage)
		}
		return nil, nil
	}
	to, err := url.Parse(f.upstream)
	if err != nil || to.Scheme != "http" && to.Scheme != "https" || to.Host == "" {
		return nil, fmt.Errorf("%w: --upstream is not an http or https URL such as http://127.0.0.1:8000", errUsage)
	}
	if to.User != nil || to.RawQuery != "" || to.Fragment != "" { // none of it would reach the server
		return nil, fmt.Errorf("%w: --upstream has more than a host and a path", errUsage)
	}
	if f.platform != "" {
		return nil, fmt.Errorf("%w: evidence would claim a model that --upstream loads by itself", errUsage)
	}
	return to, nil
}

// bearerOf reads the API key that the upstream wants, if any.
func (f *serveFlags) bearerOf(ctx context.Context, ui *ui) (string, error) {
	if f.bearer == "" {
		return "", nil
	}
	bearer, err := readSecret(ctx, ui, f.bearer, "API key of the upstream", false)
	if err != nil {
		return "", err
	}
	if bytes.ContainsFunc(bearer, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return "", fmt.Errorf("%w: the API key of the upstream cannot stand in a header", errUsage)
	}
	return string(bearer), nil
}

// backend is the built-in engine on the verified model, or a proxy to another server.
func backend(ctx context.Context, chain *holdfast.Chain, to *url.URL, bearer string, log *slog.Logger) (http.Handler, error) {
	model := chain.Model()
	if to == nil {
		e, err := engine.Open(ctx, model)
		if err != nil {
			return nil, err
		}
		return openai.New(e, model.Identity().Name), nil
	}
	if err := release(ctx, model); err != nil {
		return nil, err
	}
	return forward(to, bearer, log), nil
}

// release reads every file once, so that weights are verified and scanned before anything is served.
func release(ctx context.Context, m *sign.Model) error {
	var buf []byte
	for _, file := range m.Files() {
		size, err := m.Size(file.Name)
		if err != nil {
			return err
		}
		if int64(cap(buf)) < size {
			buf = make([]byte, size)
		}
		if _, err := m.ReadInto(ctx, file.Name, buf[:size]); err != nil {
			return err
		}
	}
	return nil
}
