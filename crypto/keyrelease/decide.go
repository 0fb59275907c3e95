package keyrelease

import (
	"bytes"
	"context"
	"crypto"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/internal/transcript"
)

func denied(c Code) error { return &DeniedError{c} }

// errMachineRate means that the machine has had its releases for now. It is [ErrUnavailable] to the guest.
var errMachineRate = fmt.Errorf("%w: too many releases to one machine", ErrUnavailable)

// decide goes from the cheapest check to the dearest, and tells nothing of the models before the evidence is accepted. What
// it learns on the way goes into the audit record.
func (s *Server) decide(ctx context.Context, req *releaseRequest, about *Decision) (*releaseResponse, error) {
	if req.Version != protocolVersion || len(req.Evidence) == 0 || len(req.Evidence) > MaxEvidence {
		return nil, ErrProtocol
	}
	rules := s.rules.Load()
	key, err := hpkeKEM().NewPublicKey(req.Key)
	if req.Suite != Suite || err != nil {
		return nil, denied(CodeSuite)
	}
	if err := s.tokens.check(req.Token, s.cfg.Clock()); err != nil {
		return nil, err
	}
	challenge := challengeOf(s.hash, req.Token)
	about.Challenge = hex.EncodeToString(challenge[:])
	claims, err := parseRequest(req.Claims)
	if err != nil {
		return nil, err
	}
	machine, err := rules.machine(ctx, req, challenge)
	if err != nil {
		return nil, err
	}
	about.claimed(claims, machine)
	m, v, err := rules.allow(claims, machine)
	if err != nil {
		return nil, err
	}
	about.Version = v.Version
	now := s.cfg.Clock() // verifying may have taken long, and a used challenge is forgotten once it has expired
	if err := s.tokens.check(req.Token, now); err != nil {
		return nil, err
	}
	// From here on a recorded request played again gets no further: it costs neither the machine's releases nor a KMS call.
	if err := s.tokens.use(challenge, now); err != nil {
		return nil, err
	}
	if err := s.ration(machine, about); err != nil {
		return nil, err
	}
	h, err := v.keyset(ctx)
	if err != nil {
		return nil, err
	}
	return s.grant(req, key, rules, m, h)
}

// passing is an error of whom the server itself has to ask, as a text. A refusal that the server meets there, from another key server for
// example, is not one of its own to the guest.
func passing(what string, err error) error { return errors.New(what + ": " + err.Error()) }

// machine has the evidence judged for this challenge, key and claims.
func (r *rules) machine(ctx context.Context, req *releaseRequest, challenge [32]byte) (Machine, error) {
	rd := ReportData(challenge, transcript.KeyHash(transcript.SuiteMLKEM768X25519, req.Key), sha256.Sum256(req.Claims))
	machine, err := r.verify(ctx, req.Evidence, rd)
	switch {
	case err != nil && (errors.Is(err, ErrUnavailable) || ctx.Err() != nil):
		return machine, passing("evidence", err)
	case err != nil:
		return machine, fmt.Errorf("%w: %w", denied(CodeEvidence), err)
	case machine.Kind == "": // a verifier that has nothing to say has verified nothing
		return machine, fmt.Errorf("%w: the verifier names no kind", denied(CodeEvidence))
	}
	return machine, nil
}

func (d *Decision) claimed(r Request, m Machine) {
	d.Model, d.Machine = clip(r.Name), &m
	d.Seal, d.Commitment = hex.EncodeToString(r.SealDigest[:]), hex.EncodeToString(r.Commitment[:])
	d.Config = hex.EncodeToString(r.Config[:])
}

// allow holds the claims of an accepted machine against the policy.
func (r *rules) allow(c Request, machine Machine) (policy, Version, error) {
	m, ok := r.models[c.Name]
	if !ok {
		return m, Version{}, denied(CodeModel)
	}
	v, ok := m.byCommitment[c.Commitment]
	switch {
	case !ok:
		return m, v, denied(CodeCommitment)
	case v.Version < m.MinVersion || v.Version < c.MinVersion:
		return m, v, denied(CodeVersion)
	case len(m.Seals) > 0 && !slices.Contains(m.Seals, c.SealDigest):
		return m, v, denied(CodeSeal)
	case !m.InsecureAnyConfig && !slices.Contains(m.Configs, c.Config):
		return m, v, denied(CodeConfig)
	case !machine.meets(m.Require):
		return m, v, denied(CodeMachine)
	}
	return m, v, nil
}

// ration counts a release against the machine, or against the address where nothing tells the machine from others.
func (s *Server) ration(machine Machine, about *Decision) error {
	key := "chip " + machine.Chip
	if machine.Chip == "" {
		key = "address " + about.Remote
	}
	if _, _, ok := s.machines.allow(key, s.cfg.Clock()); !ok {
		return errMachineRate
	}
	return nil
}

// keyset returns the keyset of a version, unwrapping it where the server does not hold it.
func (v Version) keyset(ctx context.Context) (*keyset.Handle, error) {
	if v.Keyset != nil {
		return v.Keyset, nil
	}
	h, err := v.Unwrap(ctx)
	if err != nil {
		return nil, passing("unwrap", err)
	}
	c, err := commitmentOf(h)
	if err != nil {
		return nil, fmt.Errorf("unwrap: %w", err)
	}
	if c != v.Commitment { // both are public
		return nil, fmt.Errorf("unwrap: %w", seal.ErrCommitment)
	}
	return h, nil
}

// grant seals the keyset to the guest's key and signs the answer.
func (s *Server) grant(req *releaseRequest, key hpke.PublicKey, r *rules, m policy, h *keyset.Handle) (*releaseResponse, error) {
	var buf bytes.Buffer
	if err := insecurecleartextkeyset.Write(h, keyset.NewBinaryWriter(&buf)); err != nil {
		return nil, errors.New("keyset cannot be written") // the cause could be about key bytes
	}
	defer clear(buf.Bytes())
	g := grant{
		Version: protocolVersion, Keyset: buf.Bytes(), ServerTime: s.cfg.Clock().UTC(), MinVersion: m.MinVersion,
		RulesMinVersion: r.minRules,
	}
	if d := r.denyList; d != nil {
		g.DenyList = &denyList{d.Number, hex.EncodeToString(d.Digest[:])}
	}
	pt, err := g.encode()
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
