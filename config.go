package holdfast

import (
	"context"
	"crypto"
	"encoding/hex"
	"io/fs"
	"log/slog"
	"runtime"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/crypto/keyrelease"
	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/internal/transcript"
	"github.com/holdfast-ai/holdfast/mbom"
	"github.com/holdfast-ai/holdfast/sign"
)

// Config says what may be served and on whose word. The zero value refuses at the first link: each policy refuses on its
// own until it is told what to accept.
type Config struct {
	// Source is the model directory, plain or sealed: usually [sign.DirFS], so that no name escapes it.
	Source fs.FS
	// Key releases the keyset of a sealed Source, for example a [keyrelease.Client] or a kek source. A sealed Source without
	// it is refused, and so is a plain Source with it: the host of the files could otherwise pass by the key server, whose
	// word on rollback counts.
	Key seal.KeySource
	// Signature says whose model this must be.
	Signature sign.Policy
	// DenyList is the signed deny list that Signature asks for, where it has DenyListKeys. Where Key is a key server's client it
	// must not be older than the server's floor.
	DenyList []byte
	// MBOM says what the model may contain.
	MBOM mbom.Policy
	// Weights says what the tensors may hold; it is checked in the pass that loads them.
	Weights mbom.WeightPolicy
	// Guard says what goes in and what comes out. Its digest goes into the epoch claims.
	Guard guard.Policy
	// GuardOptions say how the guard behaves, for example whose budget a request is charged to; [guard.WithClaims] is the chain's own. No digest covers them: what others are to rely on is a field of
	// Guard, such as [guard.Policy.Sensitive] and [guard.Policy.Links].
	GuardOptions []guard.Option

	// Platform is the machine's evidence. Without it nothing is served under /.well-known/holdfast but the MBOM.
	Platform attest.Device
	// TLSKey is the public key of the server's certificate; its SPKI digest goes into the epoch claims. Optional.
	TLSKey crypto.PublicKey

	// Workers bounds how many processors loading takes, and Duty is the percentage of the time that each is used, so that it
	// leaves some to what is served. Default, 0: all of them, all of the time. Below 0, and a Duty above 100, is [ErrConfig]. No digest
	// covers them.
	Workers, Duty int

	// Logger receives decisions, never content. Default: discard.
	Logger *slog.Logger
	// Clock tells the time for certificates, claims and receipts; it never counts as earlier than the key server's. Default:
	// [time.Now].
	Clock func() time.Time
}

// workers is how many processors loading takes.
func (c Config) workers() int {
	if c.Workers > 0 {
		return c.Workers
	}
	return runtime.GOMAXPROCS(0)
}

// duty is the percentage that [sign.WithDuty] and [seal.WithDuty] take.
func (c Config) duty() int {
	if c.Duty > 0 {
		return c.Duty
	}
	return 100
}

// Digest is the digest of the effective authority configuration: signature, MBOM, weight and guard policies with their
// trust anchors (docs/SPEC.md section 5, `config`). A relying party or key server that pins it knows what the server
// will refuse; give it to [keyrelease.Client] before the model is opened.
func (c Config) Digest() ([32]byte, error) {
	g, err := guard.New(c.Guard, c.GuardOptions...)
	if err != nil {
		return [32]byte{}, err
	}
	return configDigest(c, g.PolicyDigest()), nil
}

// configDigest is the digest with a guard's policy of the given one.
func configDigest(c Config, policy [32]byte) [32]byte {
	s, m, w := c.Signature.Digest(), c.MBOM.Digest(), c.Weights.Digest()
	return transcript.New("holdfast/config/v1").Bytes(s[:]).Bytes(m[:]).Bytes(w[:]).Bytes(policy[:]).SHA256()
}

// Attestor adapts a device to [keyrelease.Client].
func Attestor(d attest.Device) keyrelease.Attestor {
	return func(ctx context.Context, reportData [64]byte) ([]byte, error) {
		return attest.Quote(ctx, d, reportData)
	}
}

// Names of the claims that [ReleaseVerifier] tells of a machine, for [keyrelease.Model]'s Require.
const (
	ClaimProduct     = "product"     // for example "Genoa"
	ClaimMeasurement = "measurement" // hex
	ClaimTCB         = "tcb"         // as reported, for people
)

// ReleaseVerifier adapts a relying party's policy to [keyrelease.ServerConfig]: evidence is held against its verifiers. What
// the guest claims beside it (model, version, configuration) is the key server's own policy.
func ReleaseVerifier(p attest.Policy) keyrelease.VerifyFunc {
	return func(ctx context.Context, evidence []byte, reportData [64]byte) (keyrelease.Machine, error) {
		r, err := p.VerifyEvidence(ctx, evidence, reportData)
		if err != nil {
			return keyrelease.Machine{}, err
		}
		return keyrelease.Machine{
			Kind: r.Kind, Evidence: hex.EncodeToString(r.Identity[:]), Chip: hex.EncodeToString(r.ChipID),
			Claims: map[string]string{
				ClaimProduct: r.Product, ClaimMeasurement: hex.EncodeToString(r.Measurement), ClaimTCB: r.TCB,
			},
		}, nil
	}
}
