package holdfast

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/attest/channel"
	"github.com/holdfast-ai/holdfast/attest/receipt"
	"github.com/holdfast-ai/holdfast/mbom"
	"github.com/holdfast-ai/holdfast/mbom/format"
)

// PathMBOM is where the signed bill of materials is served, as exact bytes (docs/SPEC.md section 9).
const PathMBOM = "/.well-known/holdfast/mbom"

// prefix is where a chain answers itself; no request below it reaches the engine.
const prefix = "/.well-known/holdfast/"

// Handler puts the guard before engine and the chain's evidence beside it. Call it after the engine has loaded its weights:
// the claims name what was released to it. With a Platform, this is where the machine is quoted, and an error means that
// nothing may be served; [Chain.Renew] quotes it again, which a server that runs for long needs.
//
// Served beside the engine under /.well-known/holdfast: mbom; with a Platform also evidence, channel and receipts. Paths
// are compared as they are, without cleaning: every other spelling goes to the guard, which refuses what it has no route for.
//
// Errors: [ErrNotLoaded], [ErrConfig], those of the device.
func (c *Chain) Handler(ctx context.Context, engine http.Handler) (http.Handler, error) {
	switch {
	case engine == nil:
		return nil, fmt.Errorf("%w: no engine", ErrConfig)
	case c.closed.Load():
		return nil, fmt.Errorf("%w: the chain is closed", ErrConfig)
	}
	if err := c.requireLoaded(); err != nil {
		return nil, err
	}
	h := &handler{bom: c.bom, engine: c.guard.Handler(engine)}
	if c.cfg.Platform == nil {
		return h, nil
	}
	c.epochs.mu.Lock()
	defer c.epochs.mu.Unlock()
	epochs, err := c.quote(ctx)
	if err != nil {
		return nil, err
	}
	if h.evidence, err = channel.NewServer(epochs); err != nil {
		return nil, err
	}
	h.receipts, err = receipt.NewHandler(receipt.Config{
		Next:    h.engine,
		Subject: func(*http.Request) receipt.Subject { return receipt.SubjectOf(epochs) },
		Clock:   c.cfg.Clock,
	})
	if err != nil {
		return nil, err
	}
	h.engine = h.receipts
	c.epochs.chains = append(c.epochs.chains, epochs)
	return h, nil
}

// quote starts a chain of claims under a key of its own; c.epochs.mu is held.
func (c *Chain) quote(ctx context.Context) (*attest.Chain, error) {
	identity, err := attest.NewIdentity()
	if err != nil {
		return nil, err
	}
	claims, err := c.claims()
	if err != nil {
		return nil, err
	}
	return attest.NewChain(ctx, attest.ChainConfig{Device: c.cfg.Platform, Identity: identity, Claims: claims, Clock: c.cfg.Clock})
}

// handler sends each request to the one place that may answer it.
type handler struct {
	bom      *mbom.Bound
	engine   http.Handler // behind the guard and, with a platform, the receipts
	evidence http.Handler // nil without a platform
	receipts http.Handler // nil without a platform
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	boundUnread(w, r)
	switch path := r.URL.Path; {
	case path == PathMBOM && !h.bom.Missing:
		serveMBOM(w, r, h.bom.Bytes)
	case h.evidence != nil && (path == channel.PathEvidence || path == channel.PathChannel):
		h.evidence.ServeHTTP(w, r)
	case h.receipts != nil && strings.HasPrefix(path, receipt.PathPrefix):
		h.receipts.ServeHTTP(w, r)
	case strings.HasPrefix(path, prefix):
		http.NotFound(w, r)
	default:
		h.engine.ServeHTTP(w, r)
	}
}

// maxUnread bounds the time that a body which nobody reads takes to arrive.
const maxUnread = 10 * time.Second

// boundUnread keeps a request that is answered without its body from holding its connection by sending that slowly, since net/http
// waits for the end. The guard has a bound of its own for what it reads, [guard.Limits.BodySeconds], and lifts this one.
func boundUnread(w http.ResponseWriter, r *http.Request) {
	if srv, _ := r.Context().Value(http.ServerContextKey).(*http.Server); srv != nil && srv.ReadTimeout > 0 {
		return // which bounds it, and the guard leaves alone
	}
	if r.Body != nil && r.Body != http.NoBody {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(maxUnread)) // unsupported where the caller has brought its own writer
	}
}

func serveMBOM(w http.ResponseWriter, r *http.Request, bom []byte) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "application/vnd.cyclonedx+json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Length", strconv.Itoa(len(bom)))
	_, _ = w.Write(bom) // the client may be gone; there is nobody else to tell
}

// requireLoaded refuses to speak for weights that no engine has read. Weights are what their name says; a model without any
// such name must have been read as a whole, since nothing tells which of its files they are.
func (c *Chain) requireLoaded() error {
	named := false
	for _, f := range c.model.Files() {
		if !isWeights(f.Name) {
			continue
		}
		named = true
		if !c.model.Released(f.Name) {
			return fmt.Errorf("%w (%q)", ErrNotLoaded, f.Name)
		}
	}
	if _, whole := c.model.Loaded(); !named && !whole {
		return fmt.Errorf("%w (no file is known for weights by its name, and not all were read)", ErrNotLoaded)
	}
	return nil
}

func isWeights(name string) bool {
	switch format.ByName(name) {
	case format.Safetensors, format.GGUF, format.Pickle, format.NumPy, format.HDF5, format.Keras, format.ONNX, format.TensorFlow:
		return true
	}
	return false
}

// claims says what is served from now on.
func (c *Chain) claims() (attest.Claims, error) {
	id := c.model.Identity()
	loaded, _ := c.model.Loaded()
	guardPolicy := attest.Digest(c.epochs.policy)
	m := attest.Model{ModelID: id.ModelID, Name: id.Name, Version: id.Version, Loaded: loaded}
	if !c.bom.Missing {
		d := attest.Digest(c.bom.Digest)
		m.MBOM = &d
	}
	claims := attest.Claims{Models: []attest.Model{m}, GuardPolicy: &guardPolicy, Config: configDigest(c.cfg, c.epochs.policy)}
	if c.cfg.TLSKey != nil {
		spki, err := x509.MarshalPKIXPublicKey(c.cfg.TLSKey)
		if err != nil {
			return claims, fmt.Errorf("%w: TLS key: %w", ErrConfig, err)
		}
		d := attest.Digest(sha256.Sum256(spki))
		claims.TLSSPKI = &d
	}
	claims.Floors = c.granted()
	return claims, nil
}

// granted returns the floors that came with the key, or nil where only the policy's own hold.
func (c *Chain) granted() *attest.Floors {
	f, ok := c.authority()
	if !ok {
		return nil
	}
	out := &attest.Floors{ServerTime: f.ServerTime, MinVersion: f.MinVersion, RulesMinVersion: f.RulesMinVersion}
	if f.DenyList != nil {
		out.DenyList = &attest.DenyList{Number: f.DenyList.Number, Digest: f.DenyList.Digest}
	}
	return out
}
