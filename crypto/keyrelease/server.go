package keyrelease

import (
	"bytes"
	"context"
	"crypto"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"time"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast/internal/transcript"
)

// Server releases keysets. It is an [http.Handler] for POST /v1/challenge and POST /v1/release, safe for concurrent use.
type Server struct {
	cfg     ServerConfig
	hash    [32]byte // names Identity
	tokens  tokens
	models  map[string]policy
	working chan struct{}
	reading time.Duration // for one request body
	mux     *http.ServeMux
}

// policy is a Model with its commitments.
type policy struct {
	Model
	byCommitment map[[32]byte]Version
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

func (s *Server) challenge(w http.ResponseWriter, r *http.Request) {
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
	select {
	case s.working <- struct{}{}:
		defer func() { <-s.working }()
	default:
		s.fail(w, http.StatusServiceUnavailable)
		return
	}
	var req releaseRequest
	if !s.read(w, r, &req, maxRequest) {
		return
	}
	var about record
	resp, err := s.decide(r.Context(), &req, &about)
	log := s.cfg.Audit.With("remote", r.RemoteAddr).With(about...)
	switch denied, ok := errors.AsType[*DeniedError](err); {
	case err == nil:
		log.InfoContext(r.Context(), "keyrelease: released")
		s.answer(w, http.StatusOK, resp)
	case ok:
		log.WarnContext(r.Context(), "keyrelease: denied", "code", string(denied.Code), "reason", clip(err.Error()))
		s.answer(w, http.StatusForbidden, refusal{denied.Code})
	case errors.Is(err, ErrProtocol):
		log.WarnContext(r.Context(), "keyrelease: malformed request")
		s.fail(w, http.StatusBadRequest)
	default:
		log.ErrorContext(r.Context(), "keyrelease: failed", "reason", clip(err.Error()))
		s.fail(w, http.StatusServiceUnavailable)
	}
}

// record is what the audit log says of a request, in pairs of key and value: public digests and names alone.
type record []any

func (r *record) add(pairs ...any) { *r = append(*r, pairs...) }

func denied(c Code) error { return &DeniedError{c} }

// decide goes from the cheapest check to the dearest, and tells nothing of the models before the evidence is accepted.
func (s *Server) decide(ctx context.Context, req *releaseRequest, about *record) (*releaseResponse, error) {
	if req.Version != protocolVersion || len(req.Evidence) == 0 || len(req.Evidence) > MaxEvidence {
		return nil, ErrProtocol
	}
	key, err := hpkeKEM().NewPublicKey(req.Key)
	if req.Suite != Suite || err != nil {
		return nil, denied(CodeSuite)
	}
	if err := s.tokens.check(req.Token, s.cfg.Clock()); err != nil {
		return nil, err
	}
	claims, err := parseRequest(req.Claims)
	if err != nil {
		return nil, err
	}
	challenge := challengeOf(s.hash, req.Token)
	rd := ReportData(challenge, transcript.KeyHash(transcript.SuiteMLKEM768X25519, req.Key), sha256.Sum256(req.Claims))
	if err := s.cfg.Verify(ctx, req.Evidence, rd); err != nil {
		if errors.Is(err, ErrUnavailable) || ctx.Err() != nil {
			return nil, fmt.Errorf("evidence: %w", err)
		}
		return nil, fmt.Errorf("%w: %w", denied(CodeEvidence), err)
	}
	evidence := sha256.Sum256(req.Evidence)
	about.add("model", clip(claims.Name), "seal", hex.EncodeToString(claims.SealDigest[:]),
		"commitment", hex.EncodeToString(claims.Commitment[:]), "config", hex.EncodeToString(claims.Config[:]),
		"evidence", hex.EncodeToString(evidence[:]))
	m, v, err := s.allow(claims)
	if err != nil {
		return nil, err
	}
	about.add("version", v.Version)
	now := s.cfg.Clock() // verifying may have taken long, and a used challenge is forgotten once it has expired
	if err := s.tokens.check(req.Token, now); err != nil {
		return nil, err
	}
	if err := s.tokens.use(challenge, now); err != nil {
		return nil, err
	}
	return s.grant(req, key, m, v, now)
}

// allow holds the claims of an accepted machine against the policy.
func (s *Server) allow(r Request) (policy, Version, error) {
	m, ok := s.models[r.Name]
	if !ok {
		return m, Version{}, denied(CodeModel)
	}
	v, ok := m.byCommitment[r.Commitment]
	switch {
	case !ok:
		return m, v, denied(CodeCommitment)
	case v.Version < m.MinVersion || v.Version < r.MinVersion:
		return m, v, denied(CodeVersion)
	case len(m.Seals) > 0 && !slices.Contains(m.Seals, r.SealDigest):
		return m, v, denied(CodeSeal)
	case !m.InsecureAnyConfig && !slices.Contains(m.Configs, r.Config):
		return m, v, denied(CodeConfig)
	}
	return m, v, nil
}

// grant seals the keyset to the guest's key and signs the answer.
func (s *Server) grant(req *releaseRequest, key hpke.PublicKey, m policy, v Version, now time.Time) (*releaseResponse, error) {
	var buf bytes.Buffer
	if err := insecurecleartextkeyset.Write(v.Keyset, keyset.NewBinaryWriter(&buf)); err != nil {
		return nil, errors.New("keyset cannot be written") // the cause could be about key bytes
	}
	defer clear(buf.Bytes())
	g := grant{
		Version: protocolVersion, Keyset: buf.Bytes(), ServerTime: now.UTC(), MinVersion: m.MinVersion,
		RulesMinVersion: s.cfg.RulesMinVersion,
	}
	if d := s.cfg.DenyList; d != nil {
		g.DenyList = &denyList{d.Number, hex.EncodeToString(d.Digest[:])}
	}
	pt, err := json.Marshal(g)
	if err != nil {
		return nil, errors.New("grant cannot be written")
	}
	defer clear(pt)
	info := exchange(s.hash, req)
	sealed, err := hpke.Seal(key, hpkeKDF(), hpkeAEAD(), info, pt)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	d := responseDigest(info, sealed)
	sig, err := s.cfg.Identity.Sign(rand.Reader, d[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return &releaseResponse{protocolVersion, sealed, sig}, nil
}

// read takes one JSON message of at most most bytes, or answers.
func (s *Server) read(w http.ResponseWriter, r *http.Request, msg any, most int64) bool {
	if ct, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || ct != "application/json" {
		s.fail(w, http.StatusUnsupportedMediaType)
		return false
	}
	deadline := http.NewResponseController(w)
	_ = deadline.SetReadDeadline(time.Now().Add(s.reading)) // unsupported where the caller has brought its own writer
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	_ = deadline.SetReadDeadline(time.Time{})
	if err != nil {
		status := http.StatusBadRequest
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			status = http.StatusRequestEntityTooLarge
		}
		s.fail(w, status)
		return false
	}
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

// clip keeps a foreign text short in the log.
func clip(s string) string { return s[:min(len(s), maxReason)] }
