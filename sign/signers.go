package sign

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-ai/holdfast/sign/bundle"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// A Signer is whose signature was verified.
type Signer struct {
	Method         string    // MethodKey, MethodCertificate, or that of a [BundleVerifier]
	KeyFingerprint [32]byte  // SHA-256 of the SubjectPublicKeyInfo in DER
	Identities     []string  // of the certificate, as in [Policy].Identities; empty for MethodKey
	SignedAt       time.Time // if a time was verified, else zero: keys and certificates say nothing of it

	certificates []deniable // of the chain in the bundle, and of those that lead to a root
}

// deniable are the properties of a certificate by which a deny list names it.
type deniable struct {
	serial      string   // lowercase hex without leading zeros
	issuer      [32]byte // SHA-256 of the issuer's name in DER
	fingerprint [32]byte // of the key
}

// A BundleVerifier verifies bundles of a method that this package does not know, such as keyless ones. It decides by its
// own configuration alone, and nothing in a bundle may change it.
type BundleVerifier interface {
	// VerifyBundle checks a bundle, given by its exact bytes, at a time. It returns the payload whose signature it verified and who
	// signed it: a key or at least one identity, of those that its configuration accepts.
	VerifyBundle(ctx context.Context, data []byte, now time.Time) (payload []byte, s Signer, err error)
	// Digest covers all that VerifyBundle decides by; it enters [Policy.Digest].
	Digest() [32]byte
}

// judge finds out who signed a bundle, and whether the policy trusts them at now.
func (p Policy) judge(ctx context.Context, c *candidate, deny *denyList, now time.Time) error {
	if c.bundle.Keyless {
		return p.verifyOther(ctx, c, deny, now)
	}
	if len(c.bundle.Chain) > 0 {
		chain, err := p.verifyChain(c.bundle, now)
		if err != nil {
			return err
		}
		leaf := chain[0]
		c.signer.Method, c.signer.Identities = MethodCertificate, identities(leaf)
		if c.signer.KeyFingerprint, err = bundle.Fingerprint(leaf.PublicKey); err != nil {
			return err
		}
		for _, cert := range slices.Concat(c.bundle.Chain, chain) { // whoever signs may leave an authority out that the policy has
			c.signer.certificates = append(c.signer.certificates, deniableOf(cert))
		}
		return deny.signer(&c.signer)
	}
	k, err := c.bundle.VerifyAny(p.Keys)
	if err != nil {
		return fmt.Errorf("%w (%d keys tried)", ErrSignature, len(p.Keys))
	}
	fingerprint, err := bundle.Fingerprint(k)
	if err != nil {
		return err
	}
	c.signer.Method, c.signer.KeyFingerprint = MethodKey, fingerprint
	if err := p.open(fingerprint, now); err != nil {
		return err
	}
	return deny.signer(&c.signer)
}

// verifyOther asks the verifiers in turn. The payload is compared with what this package reads, so that a signature over one
// document is not taken for one over another.
func (p Policy) verifyOther(ctx context.Context, c *candidate, deny *denyList, now time.Time) error {
	if len(p.Verifiers) == 0 {
		return &manifest.FormatError{Field: "verificationMaterial", Reason: "keyless method", Kind: ErrUnsupported}
	}
	var errs []error
	for _, v := range p.Verifiers {
		payload, s, err := v.VerifyBundle(ctx, c.data, now)
		switch {
		case err != nil:
			errs = append(errs, err)
			continue
		case string(payload) != string(c.bundle.Payload):
			return fmt.Errorf("%w: verifier read another payload", ErrSignature)
		case s.Method == "" || s.KeyFingerprint == [32]byte{} && len(s.Identities) == 0:
			return fmt.Errorf("%w: verifier named no signer", ErrSignature)
		}
		c.signer = s
		return deny.signer(&c.signer)
	}
	return fmt.Errorf("%w: %w", ErrSignature, errors.Join(errs...))
}

func (p Policy) verifyChain(b *bundle.Bundle, now time.Time) ([]*x509.Certificate, error) {
	chain, err := b.VerifyChain(p.Roots, now)
	if p.InsecureLeafAsRoot && errors.Is(err, bundle.ErrCertificate) {
		if pinned, err2 := b.VerifyPinned(p.Roots, now); err2 == nil {
			chain, err = pinned, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	if names := identities(chain[0]); !p.InsecureAnyIdentity && !p.accepts(names) {
		return nil, fmt.Errorf("%w: %w", ErrSignature,
			&PolicyError{"Identities", "an accepted identity", strings.Join(names, ", "), ErrPolicy})
	}
	return chain, nil
}

func deniableOf(c *x509.Certificate) deniable {
	d := deniable{serial: c.SerialNumber.Text(16), issuer: sha256.Sum256(c.RawIssuer)}
	d.fingerprint = sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return d
}

// String names the signer for people: method, key, identities.
func (s Signer) String() string {
	out := s.Method + " " + hex.EncodeToString(s.KeyFingerprint[:8])
	if len(s.Identities) > 0 {
		out += " (" + strings.Join(s.Identities, ", ") + ")"
	}
	return out
}

// distinct counts signers. Those that share a key or an identity are one, also through a third. Identities that differ in case
// alone are one: mail does not tell them apart, and one person may hold a certificate for each.
func distinct(signers []Signer) int {
	var groups [][]string
	for _, s := range signers {
		var group []string
		for _, id := range s.Identities {
			group = append(group, strings.ToLower(strings.ToUpper(id))) // by way of capitals: ſ is an s, and K a k, to whoever ignores case
		}
		if s.KeyFingerprint != [32]byte{} {
			group = append(group, "\x00"+string(s.KeyFingerprint[:])) // no identity begins so
		}
		groups = slices.DeleteFunc(groups, func(g []string) bool {
			shared := slices.ContainsFunc(g, func(x string) bool { return slices.Contains(group, x) })
			if shared {
				group = append(group, g...)
			}
			return shared
		})
		groups = append(groups, group)
	}
	return len(groups)
}

// trust decides whether enough signers signed one model, and returns the bundle whose manifest counts: the first that is
// trusted, since a [manifest.Manifest.ModelID] does not cover all that a manifest says. Without trust it returns the first one
// of all, if that says anything.
func (m *Model) trust(ctx context.Context, c *checks, list []*candidate, deny *denyList, now time.Time) (*candidate, error) {
	p, lead := m.policy, (*candidate)(nil)
	m.signers = nil
	for i, x := range list {
		if x.load(); x.err == nil {
			x.err = p.judge(ctx, x, deny, now)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if x.err == nil || p.InsecureWarnOnly && i == 0 { // only now: before, the payload is anybody's
			var err error
			if x.man, err = manifest.Parse(x.bundle.Payload); err != nil && p.need() == 1 {
				return nil, err
			}
			if x.err == nil {
				x.err = err
			}
		}
		if x.err == nil && lead != nil && lead.man.ModelID() != x.man.ModelID() {
			x.err = fmt.Errorf("%w: of another model", ErrSignature)
		}
		if x.err != nil {
			c.lines = append(c.lines, Check{"signature", Skip, "a trusted signer", x.from + ": " + x.err.Error()})
			if i > 0 {
				x.drop()
			}
			continue
		}
		if lead == nil {
			lead = x
		} else {
			x.drop()
		}
		m.signers = append(m.signers, x.signer)
		c.lines = append(c.lines, Check{"signature", Pass, "a trusted signer", x.from + ": " + x.signer.String()})
	}
	n := distinct(m.signers)
	want, got := fmt.Sprintf("%d distinct trusted signers of one model", p.need()), fmt.Sprint(n)
	var err error
	if n < p.need() {
		if err = list[0].err; err == nil || p.need() > 1 {
			err = shortOf(list, p.need(), n)
		}
	}
	c.add("signers", want, got, err)
	if lead == nil && list[0].man != nil {
		lead = list[0]
	}
	return lead, nil
}

// shortOf says why too few signers count. A bundle that does not count and the reason are one error each.
func shortOf(list []*candidate, need, n int) error {
	err := error(&PolicyError{"Signers", fmt.Sprintf("%d distinct signers of one model", need), fmt.Sprint(n), ErrPolicy})
	for _, x := range list {
		if x.err != nil {
			err = fmt.Errorf("%w; %q: %w", err, x.from, x.err) // quoted: storage chose the name
		}
	}
	return fmt.Errorf("%w: %w", ErrSignature, err)
}
