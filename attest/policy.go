package attest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Defaults and bounds of time.
const (
	DefaultMaxAge = 24 * time.Hour  // of a quote over the server's own challenge
	MaxSkew       = 5 * time.Minute // by which a document's times may lie in the future
)

// A Policy is what a relying party accepts. Its zero value refuses everything.
type Policy struct {
	// Verifiers judge the hardware evidence; the first that knows the kind decides.
	Verifiers []Verifier
	// Configs are the accepted digests of the server's authority configuration. Every epoch of a chain must have one of
	// them, since the models were loaded under the first.
	Configs []Digest
	// Models are the accepted models. Every model that the server claims must match one of them.
	Models []ModelPolicy
	// GuardPolicies are the accepted digests of the current guard policy. Empty: not asked for (it is part of the config).
	GuardPolicies []Digest
	// MBOMs are the accepted digests of every model's bill of materials. Empty: not asked for.
	MBOMs []Digest
	// MaxAge bounds the age of a quote over the server's own challenge; 0 means [DefaultMaxAge]. A quote over the relying
	// party's challenge has no age.
	MaxAge time.Duration
	// Clock gives the present time; nil means time.Now.
	Clock func() time.Time

	// InsecureAnyConfig accepts any configuration: the host may have chosen it.
	InsecureAnyConfig bool
	// InsecureAnyModel accepts any model.
	InsecureAnyModel bool
	// InsecureAcceptSimulated accepts evidence behind which no hardware stands.
	InsecureAcceptSimulated bool
}

// A ModelPolicy accepts one model, by its identity or by signed name and lowest version. A zero one accepts none.
type ModelPolicy struct {
	ModelID    Digest // if not zero, exactly this model
	Name       string // if not "", the signed name; both may be set
	MinVersion uint64
}

func (p ModelPolicy) accepts(m Model) bool {
	if p.ModelID == (Digest{}) && p.Name == "" {
		return false
	}
	return (p.ModelID == Digest{} || p.ModelID == m.ModelID) && (p.Name == "" || p.Name == m.Name) && m.Version >= p.MinVersion
}

// String says which models are accepted.
func (p ModelPolicy) String() string {
	s := "version >= " + strconv.FormatUint(p.MinVersion, 10)
	if p.Name != "" {
		s = fmt.Sprintf("%q %s", p.Name, s)
	}
	if p.ModelID != (Digest{}) {
		s = p.ModelID.String() + " " + s
	}
	return s
}

// VerifyEvidence verifies the wire form of evidence against reportData with the policy's verifiers, and nothing else of the
// policy. It is what a key server injects as its VerifyFunc, and covers no claims: reportData does.
//
// Errors: [ErrFormat], [ErrSignature], [ErrBinding], [ErrPolicy]; [ErrKind] where no verifier knows the kind.
func (p Policy) VerifyEvidence(ctx context.Context, evidence []byte, reportData [64]byte) (*Result, error) {
	ev, err := ParseEvidence(evidence)
	if err != nil {
		return nil, err
	}
	return p.verify(ctx, ev, reportData)
}

func (p Policy) verify(ctx context.Context, ev Evidence, reportData [64]byte) (*Result, error) {
	if ev.Kind == KindSimulated && !p.InsecureAcceptSimulated {
		return nil, simulated(ev.Kind)
	}
	for _, v := range p.Verifiers {
		if v == nil {
			continue
		}
		r, err := v.Verify(ctx, ev, reportData)
		switch {
		case errors.Is(err, ErrKind):
			continue
		case err != nil:
			return nil, err
		case r == nil || r.Kind != ev.Kind:
			return nil, fmt.Errorf("%w: a verifier accepted %q and says nothing of it", ErrKind, ev.Kind)
		case r.Simulated && !p.InsecureAcceptSimulated:
			return nil, simulated("simulated")
		}
		return r, nil
	}
	if len(p.Verifiers) == 0 {
		return nil, &Refused{Checks: []Check{{"verifiers", Fail, "at least one", "none"}}}
	}
	return nil, fmt.Errorf("%w: no verifier for %q", ErrKind, ev.Kind)
}

func simulated(got string) error {
	return &Refused{Checks: []Check{{"hardware", Fail, "evidence of hardware", got}}}
}

// claims checks what an evidently genuine chain claims.
func (p Policy) claims(c *Checks, epochs []Claims) {
	now := epochs[len(epochs)-1]
	for i, e := range epochs {
		code := "config"
		if i < len(epochs)-1 {
			code = "config.epoch" + strconv.Itoa(i)
		}
		c.Unless(p.InsecureAnyConfig, code, slices.Contains(p.Configs, e.Config), list(p.Configs), e.Config.String())
	}
	for _, m := range now.Models {
		ok := slices.ContainsFunc(p.Models, func(mp ModelPolicy) bool { return mp.accepts(m) })
		c.Unless(p.InsecureAnyModel, "model", ok, list(p.Models), fmt.Sprintf("%s %q version %d", m.ModelID, m.Name, m.Version))
		if len(p.MBOMs) == 0 {
			c.Skip("mbom", text(m.MBOM))
			continue
		}
		c.Require("mbom", m.MBOM != nil && slices.Contains(p.MBOMs, *m.MBOM), list(p.MBOMs), text(m.MBOM))
	}
	if len(p.GuardPolicies) == 0 {
		c.Skip("guard_policy", text(now.GuardPolicy))
		return
	}
	ok := now.GuardPolicy != nil && slices.Contains(p.GuardPolicies, *now.GuardPolicy)
	c.Require("guard_policy", ok, list(p.GuardPolicies), text(now.GuardPolicy))
}

func text(d *Digest) string {
	if d == nil {
		return "absent"
	}
	return d.String()
}

// list shows at most four wanted values.
func list[T fmt.Stringer](items []T) string {
	switch len(items) {
	case 0:
		return "one that the policy lists (it lists none)"
	case 1:
		return items[0].String()
	}
	s := "one of"
	for i, x := range items {
		if i == 4 {
			return s + " …"
		}
		s += " " + x.String()
	}
	return s
}
