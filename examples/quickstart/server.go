package main

import (
	"context"
	"errors"
	"net/http"
	"os"

	"github.com/holdfast-ai/holdfast"
	"github.com/holdfast-ai/holdfast/examples/engine"
	"github.com/holdfast-ai/holdfast/examples/engine/openai"
	"github.com/holdfast-ai/holdfast/sign"
)

// A server is the inference server: a chain, the engine that was loaded through it, and HTTPS in front of both.
type server struct {
	*host
	chain *holdfast.Chain
	root  *os.Root
}

// startServer does what a Go inference server does with Holdfast: open the chain, load the engine from it, serve.
func startServer(ctx context.Context, cfg holdfast.Config, dir, addr string) (*server, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	h, ln, err := newHost(addr)
	if err != nil {
		root.Close()
		return nil, err
	}
	s := &server{host: h, root: root}
	cfg.Source = sign.DirFS(root)
	cfg.TLSKey = h.key.Public()
	if s.chain, err = holdfast.Open(ctx, cfg); err != nil {
		ln.Close()
		s.root.Close()
		return nil, err
	}
	e, err := engine.Open(ctx, s.chain.Model())
	if err != nil {
		ln.Close()
		s.close()
		return nil, err
	}
	handler, err := s.chain.Handler(ctx, answering(e, s.chain.Model().Identity().Name))
	if err != nil {
		ln.Close()
		s.close()
		return nil, err
	}
	h.serve(ln, handler)
	return s, nil
}

// answering is the engine over HTTP. A model without a chat template that the engine knows continues the text of the
// messages.
func answering(e *engine.Engine, name string) http.Handler {
	if _, err := e.Chat([]engine.Message{{Role: "user", Content: "Hello."}}); errors.Is(err, engine.ErrUnsupported) {
		return &continuing{e, name}
	}
	return openai.New(e, name)
}

func (s *server) close() {
	s.host.close()
	s.chain.Close()
	s.root.Close()
}
