package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"runtime"
	"sync"
	"sync/atomic"

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
func (f *serveFlags) backend(ctx context.Context, chain *holdfast.Chain, to *url.URL, bearer string, log *slog.Logger) (http.Handler, error) {
	model := chain.Model()
	if to == nil {
		e, err := engine.Open(ctx, model)
		if err != nil {
			return nil, engineAdvice(err)
		}
		return openai.New(e, model.Identity().Name), nil
	}
	if err := release(ctx, model, f.effort.workers, log); err != nil {
		return nil, err
	}
	return forward(to, bearer, log), nil
}

const (
	releaseAtOnce = 4       // files that are read at a time: hashing one takes a processor
	releaseBuffer = 1 << 20 // bytes, for each of them
)

// release reads every file once, so that weights are verified and scanned before anything is served. It keeps nothing of them: the server
// behind loads the model by itself, and needs the memory for it.
func release(ctx context.Context, m *sign.Model, workers int, log *slog.Logger) error {
	var names []string
	var total int64
	for _, file := range m.Files() {
		size, err := m.Size(file.Name)
		if err != nil {
			return err
		}
		names, total = append(names, file.Name), total+size
	}
	log.InfoContext(ctx, "serve: verifying the model, its port opens afterwards", "files", len(names), "bytes", total)
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(len(names), releaseAtOnce, workers) {
		wg.Go(func() {
			buf := make([]byte, releaseBuffer)
			for i := next.Add(1) - 1; i < int64(len(names)) && ctx.Err() == nil; i = next.Add(1) - 1 {
				if err := releaseFile(ctx, m, names[i], buf); err != nil {
					cancel(err) // the first one stays
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

func releaseFile(ctx context.Context, m *sign.Model, name string, buf []byte) error {
	s, err := m.ProvisionalStream(ctx, name)
	if err != nil {
		return err
	}
	defer s.Abort()
	for err == nil {
		_, err = s.Next(ctx, buf)
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	_, err = s.Commit()
	return err
}
