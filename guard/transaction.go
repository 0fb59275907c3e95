package guard

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/holdfast-ai/holdfast/guard/api"
	"github.com/holdfast-ai/holdfast/guard/limit"
	"github.com/holdfast-ai/holdfast/guard/stream"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// A Request is what is known before the body.
type Request struct {
	Method     string
	Path       string      // decoded, exactly as the upstream's router will read it
	Ambiguous  bool        // the path was spelt so that routers may read it differently, or a query follows it
	Header     http.Header // not changed
	Length     int64       // of the body in bytes; -1 = unknown
	RemoteAddr string      // "host:port" of the connection
	Caller     string      // who was authenticated, "" = nobody; see package caller
	Tenant     string      // to whom the caller belongs; may be empty
}

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
	biased  bool        // the request has logit_bias
	probs   int         // alternatives of a token that the request asked for; -1 = none
	began   time.Time   // of the answer
	waiting time.Time   // since when events are held back; zero = none is
	number  int64       // of the latest event, where the API numbers them
	key     [32]byte
	inside  bool              // the gate counts this request
	seen    map[string]bool   // monitored leaks of the answer
	told    map[string]int    // findings of each rule
	calls   map[callID]string // names of the tools that the answer calls

	outBytes int64 // of generated text
	reported int64 // tokens of the answer, by the upstream's word
	subject  limit.Subject
	reserved int64
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

// state is the memory of a transaction, pooled. It holds content and is cleared before it goes back.
type state struct {
	request  api.Request
	answer   api.Answer
	findings []Finding
	body     []byte // of an answer that is not a stream
	event    []byte // one event with its frame
	edited   []byte // of the request, or of an event
	edits    []api.Edit
	matches  []stream.Match
	lines    liner
	hold     *stream.Hold[api.Channel]
	whole    scanner // for texts that are complete in themselves
}

// liner cuts a stream into the payloads of its events.
type liner interface {
	Write(p []byte, event func(data []byte) error) error
}

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
			t.sum.Code, t.sum.Status = r.Code, r.Status
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

// fault turns a panic into a denial.
func (t *Transaction) fault(v *Verdict) {
	if p := recover(); p != nil {
		*v = t.verdict(internal(fmt.Errorf("guard: panic of type %T", p))) // its value may hold content
	}
}

// Request decides about method, path, headers and framing, and lets the request in.
func (t *Transaction) Request(r *Request) (v Verdict) {
	defer t.fault(&v)
	if rej := t.enter(begun, requested); rej != nil {
		return t.verdict(rej)
	}
	return t.verdict(t.request(r))
}

func (t *Transaction) request(r *Request) *Rejection {
	kind, route, ok := t.pol.route(r.Method, r.Path)
	if t.api = t.pol.dialects[kind]; t.api == nil {
		t.api = api.Errors(r.Path)
	}
	if !ok || r.Ambiguous || !clean(r.Path) {
		return &Rejection{Code: CodeRoute, Status: http.StatusNotFound}
	}
	t.kind, t.sum.Kind, t.header = kind, kind, r.Header
	if rej := t.framing(r); rej != nil {
		return rej
	}
	name := t.caller(r)
	if name == "" {
		return &Rejection{Code: CodeLimit, Status: http.StatusForbidden}
	}
	t.key = t.g.hash(name)
	t.subject = t.g.subject(r, route, t.key)
	t.sum.KeyHash = binary.BigEndian.Uint64(t.key[:])
	if t.inside = t.g.gate.Enter(t.subject.Key); !t.inside {
		return &Rejection{Code: CodeLimit, Status: http.StatusTooManyRequests, RetryAfter: time.Second}
	}
	return nil
}

// hash keys the name of a caller, so that none is kept or logged.
func (g *Guard) hash(name string) [32]byte {
	var buf [256]byte
	return sha256.Sum256(append(append(buf[:0], g.secret[:]...), name...))
}

// RequestBody decides about the whole body. What it allows must be forwarded byte for byte. body must not change until
// the call returns.
func (t *Transaction) RequestBody(body []byte) (v Verdict) {
	defer t.fault(&v)
	if rej := t.enter(requested, bodied); rej != nil {
		return t.verdict(rej)
	}
	t.sum.BodyBytes = len(body)
	if t.kind == KindPass {
		t.sum.Skipped = true
		if len(body) > 0 {
			return t.verdict(&Rejection{Code: CodeInvalid, Status: http.StatusBadRequest, Param: "body"})
		}
		return t.verdict(nil)
	}
	from := time.Now()
	rej := t.content(body)
	t.sum.Checking = time.Since(from)
	v = t.verdict(rej)
	if rej == nil && t.sum.Redacted {
		v.Body = t.st.edited
	}
	return v
}

// content decides about a body that is read.
func (t *Transaction) content(body []byte) *Rejection {
	if len(body) > t.pol.Limits.MaxBodyBytes {
		return tooLarge()
	}
	if rej := t.parse(body); rej != nil {
		return rej
	}
	in, out, rej := t.cost()
	if rej != nil {
		return rej
	}
	if rej := t.inspect(); rej != nil {
		return rej
	}
	if rej := t.redact(body); rej != nil {
		return rej
	}
	return t.reserve(in, out)
}

// parse reads the body and checks everything that is not text.
func (t *Transaction) parse(body []byte) *Rejection {
	r := &t.st.request
	if err := t.api.Request(r, body, t.header, api.Options{
		TrustSystemRole: t.pol.TrustSystemRole, Media: t.pol.Media != nil, TokenIDs: t.g.words != nil, Vocabulary: t.pol.Structure.Vocabulary,
	}); err != nil {
		return invalid(err)
	}
	if err := t.g.check.Params(&r.Params); err != nil {
		return invalid(err)
	}
	return t.structure(r)
}

// inspect runs the detectors over the parsed request and judges what they find.
func (t *Transaction) inspect() *Rejection {
	from := len(t.st.findings)
	var err error
	var missed int
	t.st.findings, missed, err = t.pol.inspect(t.ctx, View{Spans: t.st.request.Spans}, t.st.findings)
	t.missed(missed)
	switch {
	case errors.Is(err, ErrUnavailable):
		return &Rejection{Code: CodeUnavailable, Status: http.StatusServiceUnavailable, Err: err}
	case err != nil:
		return internal(err)
	}
	return t.judge(from, t.pol.mode)
}

// missed counts checks that could not be done.
func (t *Transaction) missed(n int) {
	t.sum.Missed += n
	t.sum.Skipped = t.sum.Skipped || n > 0
}

// cost holds the request against the token limits. Neither count can overflow: fields and limits are bounded.
func (t *Transaction) cost() (in, out int64, rej *Rejection) {
	r := &t.st.request
	for _, s := range r.Spans[:r.Inner] {
		n := int64(t.g.tokens(s.Text))
		if n < 0 || n > int64(len(s.Text))+8 {
			return 0, 0, internal(errors.New("guard: impossible token count"))
		}
		in += n
	}
	in += 4 * int64(r.Params.Messages) // role and delimiters of a turn
	t.sum.Input = in
	if in > t.pol.Limits.MaxInputTokens {
		return 0, 0, &Rejection{Code: CodeInputTokens, Status: http.StatusBadRequest, Param: "messages"}
	}
	most := t.pol.Limits.MaxOutputTokens
	if out = r.Params.OutputTokens() * r.Params.Choices(); out > most {
		return 0, 0, &Rejection{Code: CodeInvalid, Status: http.StatusBadRequest, Param: "max_tokens"}
	}
	if out == 0 && generates(t.kind) {
		out = most
	}
	return in, out, nil
}

// generates reports whether answers of a kind are made token by token.
func generates(k Kind) bool { return k != KindEmbeddings && k != KindEmbed && k != KindInfer }

// judge applies the policy's modes to the findings from index from on.
func (t *Transaction) judge(from int, mode func(rule string) Mode) *Rejection {
	var rej *Rejection
	kept := t.st.findings[:from]
	for _, f := range t.st.findings[from:] {
		if !t.pol.ids[f.Rule] {
			return internal(fmt.Errorf("%w: it reports a rule that was not declared", errDetector))
		}
		mode := mode(f.Rule)
		if mode == ModeOff {
			continue
		}
		if mode == ModeBlock && rej == nil {
			rej = &Rejection{Code: CodeContent, Status: http.StatusBadRequest}
		}
		kept = append(kept, f)
		t.report(f, mode)
	}
	t.st.findings = kept
	return rej
}

// maxReports is how many findings of one rule hooks and log are told of in one transaction. Who writes thousands of addresses
// into a request would write as many lines into the log; and with one bound for all rules, they could hide what matters.
const maxReports = 16

// report tells hooks and log of a finding.
func (t *Transaction) report(f Finding, mode Mode) {
	if t.sum.Findings++; t.told == nil {
		t.told = make(map[string]int)
	}
	if t.told[f.Rule]++; t.told[f.Rule] > maxReports {
		return
	}
	if t.g.hooks.Finding != nil {
		t.g.hooks.Finding(t.ctx, f, mode)
	}
	if t.g.log.Enabled(t.ctx, slog.LevelInfo) {
		t.g.log.LogAttrs(t.ctx, slog.LevelInfo, "guard finding", slog.String("rule", f.Rule),
			slog.String("category", f.Category), slog.String("mode", string(mode)), slog.Int("span", f.Span))
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
			slog.Int("findings", t.sum.Findings), slog.Bool("skipped", t.sum.Skipped), slog.Bool("redacted", t.sum.Redacted), slog.Uint64("policy", t.sum.Version), slog.Int64("input_tokens", t.sum.Input), slog.Int64("output_tokens", t.sum.Output))
	}
	v.Findings = append([]Finding(nil), v.Findings...) // they outlive the pooled memory
	return v
}

// maxPooled is the largest buffer kept for another request, in bytes; of lists, maxFindings elements are kept.
const maxPooled = 1 << 18

// emptied is a list for another request: what an edit puts in the place of a text may be content.
func emptied[T any](s []T) []T {
	if clear(s[:cap(s)]); cap(s) > maxFindings {
		return nil
	}
	return s[:0]
}

func (t *Transaction) release() {
	if t.inside {
		t.g.gate.Leave(t.subject.Key)
		t.inside = false
	}
	st := t.st
	t.st, t.phase, t.restores = nil, closed, nil
	if st == nil {
		return
	}
	st.request.Clear()
	st.answer.Clear()
	st.lines, st.whole = nil, scanner{added: st.whole.added[:0]}
	if st.hold != nil {
		st.hold.Reset(0)
	}
	st.findings, st.edits, st.matches = emptied(st.findings), emptied(st.edits), emptied(st.matches)
	for _, b := range [...]*[]byte{&st.body, &st.event, &st.edited} {
		if clear(*b); cap(*b) > maxPooled {
			*b = nil
		}
		*b = (*b)[:0]
	}
	t.g.pool.Put(st)
}

func tooLarge() *Rejection {
	return &Rejection{Code: CodeTooLarge, Status: http.StatusRequestEntityTooLarge}
}

// invalid answers a body that does not follow its format.
func invalid(err error) *Rejection {
	r := &Rejection{Code: CodeInvalid, Status: http.StatusBadRequest, Err: err}
	if f, ok := errors.AsType[*api.FieldError](err); ok {
		r.Param = f.Field
	} else if _, ok := errors.AsType[*strictjson.SyntaxError](err); !ok {
		return internal(err)
	}
	return r
}
