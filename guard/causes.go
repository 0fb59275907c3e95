package guard

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/holdfast-ai/holdfast/guard/api"
)

// Causes of refusals, for the log: the code alone does not tell an operator what to look at. Callers see none of them.
var (
	errNoRoute    = errors.New("guard: no route of the policy")
	errSpelling   = errors.New("guard: a path that routers may read in another way, or a query")
	errNoHTTP     = errors.New("guard: the connection would leave HTTP")
	errMisleads   = errors.New("guard: a header that says another method, path or framing")
	errPacked     = errors.New("guard: a Content-Encoding that has no decoder")
	errMedia      = errors.New("guard: Content-Type is not application/json")
	errSlow       = errors.New("guard: the body did not come within limits.body_seconds")
	errNobody     = errors.New("guard: the caller has no name")
	errBusy       = errors.New("guard: all places are taken: limits.concurrent, or limits.key_concurrent of the caller")
	errInput      = errors.New("guard: more than limits.max_input_tokens")
	errNoPlace    = errors.New("guard: what was found has no place of its own in which it could be replaced")
	errTooMany    = errors.New("guard: more to restore than one request may have")
	errStillThere = errors.New("guard: what was taken out is still found")
)

// refuse answers a field that the policy does not allow. The caller reads the field and why, the operator too.
func refuse(field, why string) *Rejection {
	return &Rejection{Code: CodeInvalid, Status: http.StatusBadRequest, Param: field, Err: &api.FieldError{Field: field, Why: why}}
}

// Why a field is refused.
const (
	whyMax     = "max"
	whyAllowed = "not allowed here"
)

// tooLarge answers a body, as it came or unpacked, that is larger than the policy allows.
func tooLarge(err error) *Rejection {
	return &Rejection{Code: CodeTooLarge, Status: http.StatusRequestEntityTooLarge, Err: err}
}

// withheld answers a text that must not pass.
func withheld(err error) *Rejection {
	return &Rejection{Code: CodeContent, Status: http.StatusBadRequest, Err: err}
}

// blocked answers what a rule found whose mode is to block.
func blocked(rule string) *Rejection { return withheld(fmt.Errorf("guard: %s blocks", rule)) }
