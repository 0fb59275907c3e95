package receipt

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
)

// Names on the wire.
const (
	HeaderSalt = "Holdfast-Receipt-Salt" // request: the client's salt; response: the server's, where the client sent none
	HeaderID   = "Holdfast-Receipt"      // trailer with the receipt's id; a header where the response has a Content-Length
	PathPrefix = "/.well-known/holdfast/receipts/"
)

// Bounds of a [Handler].
const (
	DefaultStored = 4096      // receipts kept for fetching, about 1 KiB each
	maxDrain      = 256 << 10 // bytes of an unread request that are still received, as net/http does to keep a connection
)

// A Subject is what an exchange is about: chain, epoch, model and MBOM as claimed at the time, and K.
type Subject struct {
	Signer  crypto.Signer
	Chain   attest.Digest
	Epoch   uint64
	ModelID attest.Digest
	MBOM    *attest.Digest
}

// SubjectOf returns the subject of a chain's current epoch and its first model; of a chain without any, that of nothing.
func SubjectOf(c *attest.Chain) Subject {
	cl, _ := c.Current()
	if len(cl.Models) == 0 {
		return Subject{}
	}
	return Subject{Signer: c.Identity(), Chain: c.ID(), Epoch: cl.Epoch, ModelID: cl.Models[0].ModelID, MBOM: cl.Models[0].MBOM}
}

// Config of a [Handler]. Next and Subject are required.
type Config struct {
	Next http.Handler
	// Subject is asked once per request, at its start. Servers of several models choose by the request. An exchange whose subject has no
	// Signer gets no receipt.
	Subject func(*http.Request) Subject
	Clock   func() time.Time // default time.Now
	Stored  int              // receipts kept, oldest dropped first; 0 means [DefaultStored]
}

// A Handler gives every response of Next a receipt and answers GET [PathPrefix]{id} with its DSSE envelope. Ids have 128
// random bits: knowing one is the permission to fetch. A receipt that is being made is waited for, a few seconds at most. Flush reaches the client as without it; Hijack is refused, since
// bytes that pass by the handler have no receipt. Safe for concurrent use.
type Handler struct {
	cfg   Config
	seq   atomic.Uint64
	store store
}

// NewHandler checks the configuration.
func NewHandler(cfg Config) (*Handler, error) {
	if cfg.Next == nil || cfg.Subject == nil {
		return nil, errors.New("receipt: a handler needs Next and Subject")
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Stored <= 0 {
		cfg.Stored = DefaultStored
	}
	return &Handler{cfg: cfg, store: store{most: cfg.Stored, byID: map[string][]byte{}, pending: map[string]chan struct{}{}}}, nil
}

// ServeHTTP passes a request to Next and gives its answer a receipt, or answers with the receipt that is asked for.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if id, ok := strings.CutPrefix(r.URL.Path, PathPrefix); ok {
		h.fetch(w, r, id)
		return
	}
	if h.cfg.Next == nil { // not of NewHandler
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	var salt [32]byte
	if given := r.Header.Get(HeaderSalt); given != "" {
		if b, err := hex.DecodeString(given); err != nil || len(b) != len(salt) {
			http.Error(w, "malformed "+HeaderSalt, http.StatusBadRequest)
			return
		} else {
			copy(salt[:], b)
		}
	} else {
		if _, err := rand.Read(salt[:]); err != nil {
			http.Error(w, "internal error", http.StatusInternalServerError)
			return
		}
		w.Header().Set(HeaderSalt, hex.EncodeToString(salt[:]))
	}
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	h.serve(w, r, hex.EncodeToString(id[:]), salt)
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, id string, salt [32]byte) {
	subject := h.cfg.Subject(r)
	in := &body{rc: r.Body, mac: hmac.New(sha256.New, salt[:]), unasked: strings.Contains(strings.ToLower(r.Header.Get("Expect")), "100-continue")}
	out := &writer{inner: w, mac: hmac.New(sha256.New, salt[:]), id: id, head: r.Method == http.MethodHead, old: !r.ProtoAtLeast(1, 1)}
	if subject.Signer == nil {
		out.id = ""
	} else {
		w.Header().Set("Trailer", HeaderID)
	}
	inner := r.Clone(r.Context())
	inner.Body = in
	h.store.begin(id)
	returned := false
	defer func() { // also when Next panics: the cut exchange gets its receipt, and the panic goes on
		request, all := in.finish(returned)
		response, sent := out.finish()
		env, err := Sign(subject.Signer, Receipt{
			Chain: subject.Chain, Epoch: subject.Epoch, ModelID: subject.ModelID, MBOM: subject.MBOM,
			Request: request, Response: response, Complete: returned && all && sent && r.Context().Err() == nil,
			Seq: h.seq.Add(1), Time: h.cfg.Clock().UTC().Truncate(time.Second),
		})
		if err != nil {
			h.store.end(id, nil) // no id: the client sees that there is no receipt
			return
		}
		h.store.end(id, env)
		w.Header().Set(HeaderID, id)
	}()
	h.cfg.Next.ServeHTTP(out, inner)
	returned = true
}

func (h *Handler) fetch(w http.ResponseWriter, r *http.Request, id string) {
	if r.Method != http.MethodGet {
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	env, ok := h.store.get(r.Context(), id)
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/vnd.dsse.envelope+json")
	_, _ = w.Write(env)
}

// A body is a request body that is hashed as it is received.
type body struct {
	rc      io.ReadCloser
	mu      sync.Mutex // handlers may read from a goroutine of their own
	mac     hash.Hash
	eof     bool
	end     bool // nothing is added any more
	unasked bool // the client waits for leave to send it, which the first Read gives
}

func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	b.unasked = false
	b.mu.Unlock()
	n, err := b.rc.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.end {
		b.mac.Write(p[:n])
		b.eof = b.eof || err == io.EOF
	}
	return n, err
}

func (b *body) Close() error { return b.rc.Close() }

// finish receives the rest of a body that the handler did not read to its end, up to a bound, and returns the MAC and
// whether the end was seen. One that nobody asked for is not coming.
func (b *body) finish(drain bool) (attest.Digest, bool) {
	b.mu.Lock()
	more := !b.eof && !b.unasked
	b.mu.Unlock()
	if drain && more {
		_, _ = io.CopyN(io.Discard, b, maxDrain)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.end = true
	return attest.Digest(b.mac.Sum(nil)), b.eof
}
