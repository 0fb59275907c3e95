package attest

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-ai/holdfast/internal/dsse"
	"github.com/holdfast-ai/holdfast/internal/transcript"
)

// MaxDocument bounds a chain's document in bytes; the largest part are the epochs.
const MaxDocument = 4 << 20

// A Statement is a verified chain: what the relying party may rely on. Only [VerifyChain] makes one with a key.
type Statement struct {
	Result  Result    // the hardware's word
	Claims  Claims    // of the current epoch
	Chain   Digest    // SHA-256 of the epoch-0 payload: identifies the chain, as in receipts
	Epoch   Digest    // SHA-256 of the current payload: what a channel signs
	Quoted  time.Time // by the TEE's clock; the time of verification for a fresh quote
	Fresh   bool      // the quote is over the relying party's own challenge
	Expires time.Time // when the policy's MaxAge ends
	Checks  []Check   // the verdict

	key     *ecdsa.PublicKey
	keyHash [32]byte
}

// Key returns K, or nil for a Statement that no verification made.
func (s *Statement) Key() *ecdsa.PublicKey { return s.key }

// KeyHash returns KeyHash(K).
func (s *Statement) KeyHash() [32]byte { return s.keyHash }

// VerifyChain verifies a chain's document. challenge is the one that the caller chose and sent for this document, or nil
// where the server's own is good enough; it is never read from the document alone.
//
// Errors: [ErrFormat], [ErrSignature], [ErrBinding] where the evidence proves nothing about these claims, [ErrKind] where
// no verifier knows it, and a [*Refused] ([ErrPolicy]) with every check where the policy does not accept it.
func VerifyChain(ctx context.Context, doc []byte, challenge *[32]byte, p Policy) (*Statement, error) {
	var d document
	if err := parse("document", doc, &d, MaxDocument); err != nil {
		return nil, err
	}
	if d.Version != documentVersion || d.Role != RoleServe {
		return nil, fmt.Errorf("%w: document of version %d and role %q", ErrFormat, d.Version, d.Role)
	}
	if err := d.Evidence.check(); err != nil {
		return nil, err
	}
	key, err := parseKey(d.Key)
	if err != nil {
		return nil, err
	}
	epochs, first, last, err := openEpochs(key, d.Epochs)
	if err != nil {
		return nil, err
	}
	ch, err := d.challenge(challenge)
	if err != nil {
		return nil, err
	}
	st := &Statement{
		Claims: epochs[len(epochs)-1], Chain: first, Epoch: last, Fresh: challenge != nil,
		key: key, keyHash: transcript.KeyHash(transcript.SuiteECDSAP256, d.Key),
	}
	r, err := p.verify(ctx, d.Evidence, ReportData(RoleServe, ch, st.keyHash, nil, first))
	if err != nil {
		return nil, err
	}
	st.Result = *r
	checks := append(Checks{}, r.Checks...)
	checks.Unless(p.InsecureAcceptSimulated, "hardware", !r.Simulated, "evidence of hardware", r.Kind)
	p.times(&checks, st, &d)
	p.claims(&checks, epochs)
	if err := checks.Err(); err != nil {
		return nil, err
	}
	st.Checks = checks
	return st, nil
}

// challenge returns the challenge that the quote must be over. With a challenge of the caller's the document must say the
// same, so that a stale document is refused for what it is.
func (d *document) challenge(want *[32]byte) ([32]byte, error) {
	fresh := d.Fresh != nil && d.Random == nil && d.Time == nil
	own := d.Fresh == nil && d.Random != nil && d.Time != nil
	switch {
	case want != nil && fresh && *d.Fresh == *want:
		return clientChallenge(*want), nil
	case want != nil && (fresh || own):
		return [32]byte{}, fmt.Errorf("%w: the quote is not over the challenge that was sent", ErrBinding)
	case want == nil && own && d.Time.Nanosecond() == 0 && d.Time.Unix() >= 0:
		return serveChallenge(*d.Random, *d.Time), nil
	case want == nil && fresh:
		return [32]byte{}, fmt.Errorf("%w: the quote is over somebody else's challenge", ErrBinding)
	}
	return [32]byte{}, fmt.Errorf("%w: document: challenge, or random and time in whole seconds", ErrFormat)
}

// openEpochs verifies the envelopes under K and that each epoch follows the one before.
func openEpochs(key *ecdsa.PublicKey, envelopes [][]byte) (epochs []Claims, first, last Digest, err error) {
	if len(envelopes) == 0 || len(envelopes) > MaxEpochs {
		return nil, first, last, fmt.Errorf("%w: chain of %d epochs", ErrFormat, len(envelopes))
	}
	for i, env := range envelopes {
		payload, err := dsse.Verify(key, EpochPayloadType, env)
		if err != nil {
			class := ErrFormat
			if errors.Is(err, dsse.ErrSignature) {
				class = ErrSignature
			}
			return nil, first, last, fmt.Errorf("%w: epoch %d: %w", class, i, err)
		}
		c, err := ParseClaims(payload)
		if err != nil {
			return nil, first, last, err
		}
		switch {
		case c.Epoch != uint64(i):
			return nil, first, last, fmt.Errorf("%w: epoch %d stands at place %d", ErrBinding, c.Epoch, i)
		case i > 0 && *c.Prev != last:
			return nil, first, last, fmt.Errorf("%w: epoch %d follows another one", ErrBinding, i)
		case i > 0 && !sameModels(c.Models, epochs[0].Models):
			return nil, first, last, fmt.Errorf("%w: epoch %d has other models than the quote", ErrBinding, i)
		case i > 0 && c.Time.Before(epochs[i-1].Time):
			return nil, first, last, fmt.Errorf("%w: epoch %d begins before the one it follows", ErrBinding, i)
		}
		last = sha256.Sum256(payload)
		if i == 0 {
			first = last
		}
		epochs = append(epochs, c)
	}
	return epochs, first, last, nil
}

// times checks the age of the quote and that nothing lies in the future.
func (p Policy) times(c *Checks, st *Statement, d *document) {
	clock := p.Clock
	if clock == nil {
		clock = time.Now
	}
	maxAge := p.MaxAge
	if maxAge == 0 {
		maxAge = DefaultMaxAge
	}
	now := clock().Round(0) // without the reading that stands still while the machine sleeps
	st.Quoted = now
	if !st.Fresh {
		st.Quoted = *d.Time
	}
	st.Expires = st.Quoted.Add(maxAge)
	if st.Fresh {
		c.Skip("max_age", "over the caller's challenge")
	} else {
		c.Require("max_age", !now.After(st.Expires), "at most "+maxAge.String(), now.Sub(st.Quoted).Round(time.Second).String())
	}
	latest := st.Claims.Time
	if st.Quoted.After(latest) {
		latest = st.Quoted
	}
	c.Require("not_in_future", !latest.After(now.Add(MaxSkew)), "at most "+MaxSkew.String()+" ahead", latest.Sub(now).Round(time.Second).String()+" ahead")
}
