package attest

import "errors"

// Status is the outcome of one check.
type Status string

// The outcomes of a check. Skip means that the policy does not ask, or says Insecure… about it.
const (
	Pass Status = "pass"
	Fail Status = "fail"
	Skip Status = "skip"
)

// A Check is one line of a verdict. Code is stable; Want and Got are for people and hold public values only.
type Check struct {
	Code   string `json:"code"`
	Status Status `json:"status"`
	Want   string `json:"want"`
	Got    string `json:"got"`
}

// Checks collects the checks of one verdict. Verifiers use it so that every check runs and is listed.
type Checks []Check

// Require adds a check that must hold.
func (c *Checks) Require(code string, ok bool, want, got string) {
	s := Fail
	if ok {
		s = Pass
	}
	*c = append(*c, Check{code, s, want, got})
}

// Skip adds a check that the policy does not ask for.
func (c *Checks) Skip(code, got string) { *c = append(*c, Check{code, Skip, "not asked for", got}) }

// Unless adds a check that must hold unless skip is set, which an Insecure… field of a policy does.
func (c *Checks) Unless(skip bool, code string, ok bool, want, got string) {
	if skip {
		c.Skip(code, got)
		return
	}
	c.Require(code, ok, want, got)
}

// Err returns a [*Refused] with all checks if one failed or if there is none at all, else nil.
func (c Checks) Err() error {
	if len(c) == 0 {
		return &Refused{Checks: []Check{{"policy", Fail, "at least one check", "none"}}}
	}
	for _, x := range c {
		if x.Status == Fail {
			return &Refused{Checks: c}
		}
	}
	return nil
}

// Explain lists the checks of a verdict in the order in which they ran, from what [VerifyChain] or a [Verifier] returned:
// all of them where a policy decided, none where the evidence was not even genuine.
func Explain(st *Statement, err error) []Check {
	if st != nil && err == nil {
		return st.Checks
	}
	if r, ok := errors.AsType[*Refused](err); ok {
		return r.Checks
	}
	return nil
}
