package channel

import (
	"crypto"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"crypto/sha256"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// A Server answers [PathChannel] and [PathEvidence]; other paths are not found. The zero value has nothing to serve. Safe for concurrent use.
type Server struct {
	chain atomic.Pointer[attest.Chain]
	fresh bucket
}

// An Option changes a [Server].
type Option func(*Server)

// WithFreshQuotes allows quotes over a client's challenge, at most one per interval over all clients, since hypervisors
// ration them and each costs milliseconds. Default: none; interval must be positive.
func WithFreshQuotes(interval time.Duration) Option {
	return func(s *Server) { s.fresh.every = interval }
}

// NewServer serves a chain.
func NewServer(c *attest.Chain, opts ...Option) (*Server, error) {
	if c == nil || c.Identity() == nil {
		return nil, fmt.Errorf("channel: a server needs a chain")
	}
	s := &Server{}
	s.chain.Store(c)
	for _, o := range opts {
		o(s)
	}
	return s, nil
}

// Swap serves another chain from now on, as after a change of models. Nil, and a chain without evidence, is ignored.
func (s *Server) Swap(c *attest.Chain) {
	if c != nil && c.Identity() != nil {
		s.chain.Store(c)
	}
}

// Chain returns the chain that is served.
func (s *Server) Chain() *attest.Chain { return s.chain.Load() }

// ServeHTTP answers exchanges and requests for evidence.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if r.Body != nil && r.Body != http.NoBody { // also one that nobody reads, whose end net/http waits for
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(maxReading)) // unsupported where the caller has brought its own writer
	}
	switch {
	case s.chain.Load() == nil:
		http.Error(w, "no evidence available", http.StatusServiceUnavailable)
	case r.URL.Path == PathChannel && r.Method == http.MethodPost:
		s.channel(w, r)
	case r.URL.Path == PathEvidence && r.Method == http.MethodGet:
		s.evidence(w, r)
	case r.URL.Path == PathChannel || r.URL.Path == PathEvidence:
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	default:
		http.NotFound(w, r)
	}
}

func (s *Server) channel(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxExchange))
	var req request
	if err == nil {
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
		err = strictjson.Unmarshal(body, &req, strictjson.Limits{MaxBytes: maxExchange, MaxDepth: 4})
	}
	if err != nil || req.Nonce == (attest.Digest{}) {
		http.Error(w, "malformed request", http.StatusBadRequest)
		return
	}
	chain := s.chain.Load()
	_, epoch := chain.Current()
	resp := response{Epoch: epoch}
	if _, err := rand.Read(resp.Nonce[:]); err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	d, err := digest(r.TLS, req.Nonce, resp.Nonce, resp.Epoch)
	if err != nil {
		http.Error(w, "TLS 1.3 required", http.StatusUpgradeRequired)
		return
	}
	if resp.Signature, err = chain.Identity().Sign(rand.Reader, d[:], crypto.SHA256); err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	writeJSON(w, resp)
}

func (s *Server) evidence(w http.ResponseWriter, r *http.Request) {
	chain := s.chain.Load()
	doc := chain.Document()
	if q := r.URL.Query(); q.Has("challenge") {
		var challenge attest.Digest
		if err := challenge.UnmarshalText([]byte(q.Get("challenge"))); err != nil || len(q["challenge"]) != 1 {
			http.Error(w, "malformed challenge", http.StatusBadRequest)
			return
		}
		if !s.fresh.take(time.Now()) {
			w.Header().Set("Retry-After", fmt.Sprint(int(s.fresh.every/time.Second)+1))
			http.Error(w, "no fresh quote now", http.StatusTooManyRequests)
			return
		}
		var err error
		if doc, err = chain.Fresh(r.Context(), challenge); err != nil {
			http.Error(w, "no evidence available", http.StatusServiceUnavailable)
			return
		}
	}
	sum := sha256.Sum256(doc)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	w.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", fmt.Sprint(len(doc)))
	_, _ = w.Write(doc)
}

func writeJSON(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(b)
}

// A bucket of one token that refills after an interval; an interval of 0 has no token ever.
type bucket struct {
	every time.Duration
	mu    sync.Mutex
	next  time.Time
}

func (b *bucket) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.every <= 0 || now.Before(b.next) {
		return false
	}
	b.next = now.Add(b.every)
	return true
}
