package guard

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-ai/holdfast/guard/api"
	"github.com/holdfast-ai/holdfast/guard/detect"
)

// Names of package detect that callers of this package meet.
type (
	// Span is one text of a message with its role, trust and offset.
	Span = detect.Span
	// View is all text of one message.
	View = detect.View
	// Detector looks at a view; see [WithDetector].
	Detector = detect.Detector
	// Finding is what a detector saw, without text.
	Finding = detect.Finding
)

const (
	roleUser  = detect.RoleUser
	trustUser = detect.TrustUser
)

// An Action is what becomes of a message. The zero value denies.
type Action uint8

// Actions.
const (
	Deny  Action = iota
	Allow        // the original bytes go on, or those of Verdict.Body
)

// String returns "deny" or "allow".
func (a Action) String() string {
	if a == Allow {
		return "allow"
	}
	return "deny"
}

// A Verdict is the decision about one phase of a transaction.
type Verdict struct {
	Action    Action
	Findings  []Finding  // in monitor mode too; valid until the transaction is closed
	Rejection *Rejection // what to tell the caller; nil exactly if the action is Allow
	Body      []byte     // of a request that was redacted: to be forwarded in the place of the original; else nil
}

// A Rejection is what a caller is told. It names no rule: that would help an attacker to search for a way around it.
type Rejection struct {
	Code       string        // stable, for example "content_filter"
	Status     int           // HTTP status
	Param      string        // the request field at fault, where there is one
	RetryAfter time.Duration // for status 429; 0 = unknown
	Err        error         // the cause, for the server's own eyes; never sent. It holds no content.
}

// Codes of rejections.
const (
	CodeRoute       = "route_not_allowed"
	CodeMedia       = "unsupported_media_type"
	CodeTooLarge    = "request_too_large"
	CodeInvalid     = "invalid_request"
	CodeContent     = api.CodeContent
	CodeInputTokens = "context_length_exceeded"
	CodeLimit       = "rate_limit_exceeded"
	CodeInternal    = "internal_error"
	CodeUnavailable = "check_unavailable" // a detector cannot do its work, and the policy is to refuse then
	CodeTimeout     = "timeout"
	CodeUpstream    = "upstream_error"
)

// Error has the code, the status and, where there is one, the name of the parameter.
func (r *Rejection) Error() string {
	if r.Param != "" {
		return fmt.Sprintf("guard: refused: %s (%d, %s)", r.Code, r.Status, r.Param)
	}
	return fmt.Sprintf("guard: refused: %s (%d)", r.Code, r.Status)
}

// Unwrap returns the cause.
func (r *Rejection) Unwrap() error { return r.Err }

// Hooks are called as decisions are made. A nil function is not called; the others must return soon and be safe for
// concurrent use. None of them is given content.
type Hooks struct {
	// Decision is called once for each transaction, when it is closed.
	Decision func(context.Context, Decision)
	// Finding is called for each finding that the policy does not drop, up to 16 of each rule and mode in one transaction;
	// [Decision.Findings] counts all.
	Finding func(ctx context.Context, f Finding, m Mode)
	// Reload is called with the new policy before requests see it, one call at a time. An error keeps the old one: so
	// claims about the policy can be renewed first.
	Reload func(Reload) error
}

// JoinHooks returns hooks that call those of each of all, in order. The first Reload that fails ends the reload.
func JoinHooks(all ...Hooks) Hooks {
	all = slices.Clone(all)
	return Hooks{
		Decision: func(ctx context.Context, d Decision) {
			for _, h := range all {
				if h.Decision != nil {
					h.Decision(ctx, d)
				}
			}
		},
		Finding: func(ctx context.Context, f Finding, m Mode) {
			for _, h := range all {
				if h.Finding != nil {
					h.Finding(ctx, f, m)
				}
			}
		},
		Reload: func(r Reload) error {
			for _, h := range all {
				if h.Reload != nil {
					if err := h.Reload(r); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}
}

// A Reload is a change of the policy.
type Reload struct {
	Before, After [32]byte // digests
	Version       uint64   // of the new one; the first policy of a guard is number 1
}

// ErrUnavailable says that a detector or scanner cannot do its work now, for example because a service does not answer.
// The policy says what becomes of the message then: by default it is refused with status 503.
var ErrUnavailable = detect.ErrUnavailable

// A Decision sums a transaction up.
type Decision struct {
	Kind      Kind   // of the route; "" where the route is not allowed
	Action    Action // deny if any phase was denied
	Code      string // of the rejection
	Status    int    // of the rejection
	Param     string // of the rejection: the request field at fault, where there is one
	Err       error  // of the rejection: the cause, for the operator. It holds no content, unless a function given as an option put some in
	Skipped   bool   // the route was passed on without a look, or a check was missed
	Missed    int    // checks that could not be done, under a policy that lets them pass
	Findings  int    // that the policy does not drop
	Redacted  bool   // the request or the answer was changed
	Streamed  bool
	Input     int64         // tokens of the request: reported by the upstream, or estimated if that is more
	Output    int64         // tokens of the answer: reported by the upstream, or estimated if that is more
	Policy    [32]byte      // digest
	Version   uint64        // of the policy
	KeyHash   uint64        // keyed hash of the caller's credentials: tells callers apart under one [WithHashKey], nothing more
	BodyBytes int           // of the request
	Elapsed   time.Duration // from the first phase to the last, the upstream's work included
	Checking  time.Duration // of it, in the check of the request's body
}
