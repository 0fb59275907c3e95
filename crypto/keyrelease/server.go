package keyrelease

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Server releases keysets. It is an [http.Handler] for POST /v1/challenge and POST /v1/release, safe for concurrent use. Make it
// with [NewServer]; the zero value releases nothing.
type Server struct {
	cfg       ServerConfig
	hash      [32]byte // names Identity
	tokens    tokens
	rules     atomic.Pointer[rules]
	updating  sync.Mutex
	addresses *limiter
	machines  *limiter
	bodies    chan struct{} // one for each release whose body is read
	working   chan struct{} // one for each that is decided on
	reading   time.Duration // for one request body
	mux       *http.ServeMux
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Body != nil && r.Body != http.NoBody { // also one that nobody reads, whose end net/http waits for
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(cmp.Or(s.reading, maxReading))) // unsupported where the caller has brought its own writer
	}
	if s.mux == nil {
		s.fail(w, http.StatusServiceUnavailable)
		return
	}
	s.mux.ServeHTTP(w, r)
}

func (s *Server) challenge(w http.ResponseWriter, r *http.Request) {
	if !s.admit(w, r, &Decision{Remote: clip(s.cfg.Address(r))}) {
		return
	}
	var req challengeRequest
	if !s.read(w, r, &req, maxClaims) {
		return
	}
	if req.Version != protocolVersion {
		s.fail(w, http.StatusBadRequest)
		return
	}
	token := s.tokens.issue(s.cfg.Clock())
	d := tokenDigest(s.hash, token)
	sig, err := s.cfg.Identity.Sign(rand.Reader, d[:], crypto.SHA256)
	if err != nil {
		s.cfg.Audit.ErrorContext(r.Context(), "keyrelease: sign", "error", err)
		s.fail(w, http.StatusServiceUnavailable)
		return
	}
	s.answer(w, http.StatusOK, challengeResponse{protocolVersion, token, sig})
}

func (s *Server) release(w http.ResponseWriter, r *http.Request) {
	d := Decision{Remote: clip(s.cfg.Address(r))}
	if !s.admit(w, r, &d) {
		return
	}
	var req releaseRequest
	if !take(s.bodies) {
		s.fail(w, http.StatusServiceUnavailable)
		return
	}
	whole := s.read(w, r, &req, maxRequest)
	<-s.bodies
	if !whole {
		d.Outcome = Malformed
		_ = s.note(r, &d, nil) // nothing is released
		return
	}
	if !take(s.working) { // not before all is there: who sends slowly holds no place of this kind
		s.fail(w, http.StatusServiceUnavailable)
		return
	}
	defer func() { <-s.working }()
	ctx, cancel := context.WithTimeout(r.Context(), maxDeciding)
	defer cancel()
	resp, err := s.decide(ctx, &req, &d)
	switch denied, ok := errors.AsType[*DeniedError](err); {
	case err == nil:
		d.Outcome = Released
		if s.note(r, &d, nil) != nil {
			s.fail(w, http.StatusServiceUnavailable)
			return
		}
		s.answer(w, http.StatusOK, resp)
	case ok:
		d.Outcome, d.Code = Denied, denied.Code
		_ = s.note(r, &d, err)
		s.answer(w, http.StatusForbidden, refusal{denied.Code})
	case errors.Is(err, ErrProtocol):
		d.Outcome = Malformed
		_ = s.note(r, &d, err)
		s.fail(w, http.StatusBadRequest)
	case errors.Is(err, errMachineRate):
		d.Outcome = Limited
		_ = s.note(r, &d, err)
		s.fail(w, http.StatusTooManyRequests)
	default:
		d.Outcome = Failed
		_ = s.note(r, &d, err)
		s.fail(w, http.StatusServiceUnavailable)
	}
}

// take takes a place, where there is one.
func take(places chan struct{}) bool {
	select {
	case places <- struct{}{}:
		return true
	default:
		return false
	}
}

// note dates a decision and records it.
func (s *Server) note(r *http.Request, d *Decision, why error) error {
	d.Time = s.cfg.Clock().UTC()
	if why != nil {
		d.Reason = clip(why.Error())
	}
	return s.record(r.Context(), *d)
}

// admit holds a request against the rate of its address, before anything of it is read.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, d *Decision) bool {
	wait, first, ok := s.addresses.allow(d.Remote, s.cfg.Clock())
	if ok {
		return true
	}
	if first {
		d.Outcome = Limited
		_ = s.note(r, d, nil)
	}
	w.Header().Set("Retry-After", strconv.FormatInt(int64(wait/time.Second)+1, 10))
	s.fail(w, http.StatusTooManyRequests)
	return false
}

// read takes one JSON message of at most most bytes, or answers.
func (s *Server) read(w http.ResponseWriter, r *http.Request, msg any, most int64) bool {
	if ct, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || ct != "application/json" {
		s.fail(w, http.StatusUnsupportedMediaType)
		return false
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if err != nil {
		status := http.StatusBadRequest
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			status = http.StatusRequestEntityTooLarge
		}
		s.fail(w, status)
		return false
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	if err := decode(b, msg, int(most)); err != nil {
		s.fail(w, http.StatusBadRequest)
		return false
	}
	return true
}

func (s *Server) answer(w http.ResponseWriter, status int, msg any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(msg) // the guest has gone
}

func (s *Server) fail(w http.ResponseWriter, status int) {
	http.Error(w, http.StatusText(status), status)
}
