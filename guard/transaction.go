package guard

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/holdfast-ai/holdfast/guard/api"
	"github.com/holdfast-ai/holdfast/guard/limit"
)

// A Transaction takes one request and its answer through the guard, below any protocol. Call the phases in order:
// Request, RequestBody, Response, ResponseChunk…, ResponseEnd, and Close in every case. After a phase that denied, only
// Close may follow; more calls are denied too. A fault or panic inside a phase denies with status 500.
//
// A Transaction is for one goroutine at a time. It keeps the policy it began with.
type Transaction struct {
	g   *Guard
	pol *pinned
	ctx context.Context
	st  *state

	entered time.Time
	phase   phase
	kind    Kind
	api     api.Dialect // of the kind; of the path's family where there is no route
	header  http.Header // of the request, then of the answer
	stream  bool        // the answer is a stream of events
	done    bool        // the stream's last event was seen
	ok      bool        // the status of the answer is 2xx
	gaveUp  bool        // a proxy waited for the answer in vain
	biased  bool        // the request has logit_bias
	probs   int         // alternatives of a token that the request asked for; -1 = none
	began   time.Time   // of the answer
	waiting time.Time   // since when events are held back; zero = none is
	number  int64       // of the latest event, where the API numbers them
	key     [32]byte
	inside  bool                         // the gate counts this request
	seen    map[string]bool              // monitored leaks of the answer
	told    map[reported]int             // findings of each rule and mode
	blocks  map[uint64]*blocks           // texts that come in blocks, by their field
	calls   map[callID]string            // names of the tools that the answer calls
	judged  map[callID][sha256.Size]byte // hashes of the arguments of those that were allowed

	outBytes int64 // of generated text
	reported int64 // tokens of the answer, by the upstream's word
	prompted int64 // tokens of the request, by its word
	images   int64 // tokens of the request's images, estimated
	subject  limit.Subject
	reserved int64
	granted  int64 // of output, with what was taken beyond the reservation
	taken    int64 // beyond the reservation
	until    time.Time
	budgets  *limit.Reservation
	restores []restore
	sink     func(data []byte) error // next, bound once
	refused  *Rejection              // by next
	denied   *Rejection
	sum      Decision
}

// phase is the one that was passed last.
type phase uint8

const (
	begun phase = iota
	requested
	bodied
	responding
	ended
	closed
)

// Begin starts a transaction. The context is the request's; detectors and the store get it.
func (g *Guard) Begin(ctx context.Context) *Transaction {
	pol := g.policy.Load()
	return &Transaction{g: g, pol: pol, ctx: ctx, entered: time.Now(), st: g.pool.Get().(*state), sum: Decision{Policy: pol.digest, Version: pol.version}}
}

// Kind returns the kind of the route, "" before [Transaction.Request] allowed it.
func (t *Transaction) Kind() Kind { return t.kind }

var errPhase = errors.New("guard: phase out of order")

// enter checks the order of the calls.
func (t *Transaction) enter(from, to phase) *Rejection {
	if t.denied != nil {
		return t.denied
	}
	if t.phase != from {
		return internal(errPhase)
	}
	t.phase = to
	return nil
}

func internal(err error) *Rejection {
	return &Rejection{Code: CodeInternal, Status: http.StatusInternalServerError, Err: err}
}

// verdict ends a phase.
func (t *Transaction) verdict(r *Rejection) Verdict {
	if r != nil {
		if t.denied == nil {
			t.denied = r
			t.sum.Code, t.sum.Status, t.sum.Param, t.sum.Err = r.Code, r.Status, r.Param, r.Err
		}
		return Verdict{Action: Deny, Findings: t.findings(), Rejection: t.denied}
	}
	return Verdict{Action: Allow, Findings: t.findings()}
}

func (t *Transaction) findings() []Finding {
	if t.st == nil {
		return nil
	}
	return t.st.findings
}

// cause is what the log says of an error, "" for none.
func cause(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// fault turns a panic into a denial.
func (t *Transaction) fault(v *Verdict) {
	if p := recover(); p != nil {
		*v = t.verdict(internal(fmt.Errorf("guard: panic of type %T", p))) // its value may hold content
	}
}

// Close ends the transaction, settles its budget and returns the final verdict. Only the first call does something.
func (t *Transaction) Close() (v Verdict) {
	if t.phase == closed {
		return Verdict{Rejection: internal(errPhase)}
	}
	defer t.fault(&v)
	defer t.release()
	if t.phase != ended && t.denied == nil {
		t.sum.Code, t.sum.Status = "aborted", 0 // the upstream or the caller went away
	}
	v = t.verdict(t.denied)
	t.sum.Output = t.output()
	t.settle()
	t.sum.Action, t.sum.Streamed, t.sum.Elapsed = v.Action, t.stream, time.Since(t.entered)
	if t.g.hooks.Decision != nil {
		t.g.hooks.Decision(t.ctx, t.sum)
	}
	if t.g.log.Enabled(t.ctx, slog.LevelInfo) {
		t.g.log.LogAttrs(t.ctx, slog.LevelInfo, "guard decision", slog.String("kind", string(t.sum.Kind)),
			slog.String("action", v.Action.String()), slog.String("code", t.sum.Code), slog.Int("status", t.sum.Status),
			slog.Int("findings", t.sum.Findings), slog.Bool("skipped", t.sum.Skipped), slog.Bool("redacted", t.sum.Redacted), slog.Uint64("policy", t.sum.Version), slog.Int64("input_tokens", t.sum.Input), slog.Int64("output_tokens", t.sum.Output),
			slog.String("param", t.sum.Param), slog.String("cause", cause(t.sum.Err)))
	}
	v.Findings = append([]Finding(nil), v.Findings...) // they outlive the pooled memory
	return v
}
