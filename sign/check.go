package sign

import (
	"context"
	"encoding/hex"
	"io/fs"
	"strconv"
)

// Status is the outcome of one check.
type Status string

// The outcomes of a check. Skip means that the policy does not ask, or that there was nothing to judge.
const (
	Pass Status = "pass"
	Fail Status = "fail"
	Skip Status = "skip"
)

// A Check is one line of a verdict. Code is stable: "policy", "deny_list", "signature" (one for each bundle), "signers", "deny",
// "model_id", "name" and "min_version". Want and Got are for people and hold public values only.
type Check struct {
	Code   string `json:"code"`
	Status Status `json:"status"`
	Want   string `json:"want"`
	Got    string `json:"got"`
}

// checks collects a verdict: its lines, and the errors of those that failed, in order.
type checks struct {
	lines []Check
	errs  []error
}

// add adds a check that err says how it went.
func (c *checks) add(code, want, got string, err error) {
	status := Pass
	if err != nil {
		status = Fail
		c.errs = append(c.errs, err)
	}
	c.lines = append(c.lines, Check{code, status, want, got})
}

func (c *checks) skip(code, want, got string) {
	c.lines = append(c.lines, Check{code, Skip, want, got})
}

// err is the first failure: what follows may be its consequence.
func (c *checks) err() error {
	if len(c.errs) == 0 {
		return nil
	}
	return c.errs[0]
}

// Explain does what [Open] does and lists every check of p, in the order in which they ran: what the policy wants, what the
// model says, and how it went. It goes on after a check that failed, but nothing is said of a model whose signature is not
// trusted. The error is that of Open. With an error that belongs to no check, such as that of a malformed signature, the list ends early.
func Explain(ctx context.Context, src fs.FS, p Policy, opts ...Option) ([]Check, error) {
	_, c, err := evaluate(ctx, src, p, opts)
	return c.lines, err
}

// WithChecks has [Open] call f, once, with what [Explain] would list, also where it refuses: one look at the storage, which may
// change between two, gives the verdict and its reasons.
func WithChecks(f func([]Check)) Option { return func(o *options) { o.onChecks = f } }

// Checks lists what was checked when the model was opened; see [Explain].
func (m *Model) Checks() []Check { return m.checks }

// Warnings returns the failed checks of a policy that only warns ([Policy].InsecureWarnOnly).
func (m *Model) Warnings() []Check {
	var out []Check
	for _, c := range m.checks {
		if c.Status == Fail {
			out = append(out, c)
		}
	}
	return out
}

// Signers returns those whose bundles counted, in the order of the bundles. The caller must not change it.
func (m *Model) Signers() []Signer { return m.signers }

// judgeModel holds the model that the manifest describes against the policy.
func (m *Model) judgeModel(c *checks, p Policy, card *card) {
	id := m.man.ModelID()
	if len(p.ModelIDs) == 0 {
		c.skip("model_id", "any", hex.EncodeToString(id[:]))
	} else {
		c.add("model_id", "one of "+strconv.Itoa(len(p.ModelIDs))+" pinned models", hex.EncodeToString(id[:]), p.checkID(m.man))
	}
	name, version := "no name", "no version"
	if card != nil {
		name, version = strconv.Quote(card.Name), strconv.FormatUint(card.version(), 10)
	}
	if p.Name == "" {
		c.skip("name", "any", name)
	} else {
		c.add("name", strconv.Quote(p.Name), name, p.checkName(card))
	}
	if p.MinVersion == 0 {
		c.skip("min_version", "any", version)
	} else {
		c.add("min_version", "at least "+strconv.FormatUint(p.MinVersion, 10), version, p.checkVersion(card))
	}
}
