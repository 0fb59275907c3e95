package guard

import (
	"errors"
	"mime"
	"net/http"
	"strings"

	"github.com/holdfast-ai/holdfast/guard/api"
	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/stream"
)

var (
	errEncoding = errors.New("guard: the answer is encoded")
	errSize     = errors.New("guard: the answer is too large")
	errDone     = errors.New("guard: data after the end of the stream")
)

func upstream(err error) *Rejection {
	return &Rejection{Code: CodeUpstream, Status: http.StatusBadGateway, Err: err}
}

// Response decides about status and headers of the answer, in which nothing may leak either, and how its body will be
// read: as a stream of events where the content type says so, else as a whole. Informational (1xx) statuses are not
// passed to it, nor trailers.
func (t *Transaction) Response(status int, h http.Header) (v Verdict) {
	defer t.fault(&v)
	if rej := t.enter(bodied, responding); rej != nil {
		return t.verdict(rej)
	}
	if t.kind == KindPass {
		return t.verdict(nil)
	}
	t.ok = status >= 200 && status < 300
	if enc := h["Content-Encoding"]; len(enc) > 1 || len(enc) == 1 && !strings.EqualFold(enc[0], "identity") {
		return t.verdict(upstream(errEncoding))
	}
	for _, values := range h {
		for _, v := range values {
			if rej := t.leaked(t.leakIn([]byte(v))); rej != nil {
				return t.verdict(rej)
			}
		}
	}
	if media, _, err := mime.ParseMediaType(h.Get("Content-Type")); err == nil && media == "text/event-stream" {
		t.stream = true
		t.st.parser = stream.NewParser(t.pol.Limits.MaxEventBytes)
		t.st.hold = stream.NewHold[api.Channel](t.pol.Limits.MaxEventBytes)
	}
	return t.verdict(nil)
}

// Streamed reports whether the answer is a stream of events, so that what [Transaction.ResponseChunk] releases should be
// sent at once. Answers that are read as a whole are released by [Transaction.ResponseEnd].
func (t *Transaction) Streamed() bool { return t.stream || t.kind == KindPass }

// ResponseChunk takes the next piece of the answer's body and appends to dst what may be sent now. After a denial nothing
// more may be sent but [AppendDenial].
func (t *Transaction) ResponseChunk(dst, p []byte) (out []byte, v Verdict) {
	out = dst
	defer t.fault(&v)
	if rej := t.enter(responding, responding); rej != nil {
		return out, t.verdict(rej)
	}
	switch {
	case t.kind == KindPass:
		return append(dst, p...), t.verdict(nil)
	case t.stream:
		var rej *Rejection
		if err := t.st.parser.Write(p, func(data []byte) error {
			if rej = t.event(data); rej != nil {
				return rej
			}
			return nil
		}); err != nil && rej == nil {
			rej = upstream(err)
		}
		if rej != nil {
			return dst, t.verdict(rej)
		}
		return t.flush(dst), t.verdict(nil)
	}
	if len(p) > t.pol.Limits.MaxResponseBytes-len(t.st.body) {
		return dst, t.verdict(upstream(errSize))
	}
	t.st.body = append(t.st.body, p...)
	return dst, t.verdict(nil)
}

// ResponseEnd ends the answer's body and appends to dst what may still be sent.
func (t *Transaction) ResponseEnd(dst []byte) (out []byte, v Verdict) {
	out = dst
	defer t.fault(&v)
	if rej := t.enter(responding, ended); rej != nil {
		return out, t.verdict(rej)
	}
	switch {
	case t.kind == KindPass:
		return dst, t.verdict(nil)
	case t.stream: // an event without its blank line is not dispatched (HTML, 9.2.6), and not sent
		if rej := t.finish(); rej != nil {
			return dst, t.verdict(rej)
		}
		return t.flush(dst), t.verdict(nil)
	}
	if rej := t.whole(); rej != nil {
		return dst, t.verdict(rej)
	}
	return append(dst, t.st.body...), t.verdict(nil)
}

func (t *Transaction) flush(dst []byte) []byte {
	t.st.hold.Release(func(data []byte) { dst = stream.AppendEvent(dst, data) })
	return dst
}

// event reads one event of a stream.
func (t *Transaction) event(data []byte) *Rejection {
	if t.done {
		return upstream(errDone)
	}
	if err := t.st.hold.Event(data); err != nil {
		return upstream(err)
	}
	if string(data) == "[DONE]" {
		t.done = true
		return t.finish()
	}
	a := &t.st.answer
	if err := a.Parse(data); err != nil {
		return upstream(err)
	}
	for _, p := range a.Pieces {
		var rule string
		if p.Channel.Field == 0 {
			rule = t.leakIn(p.Text)
		} else {
			t.outBytes += int64(len(p.Text))
			var err error
			if rule, err = t.st.hold.Text(p.Channel, func() stream.Scanner { return t.scan() }, p.Text); err != nil {
				return upstream(err)
			}
		}
		if rej := t.leaked(rule); rej != nil {
			return rej
		}
	}
	t.usage(a)
	return nil
}

// finish ends all texts of a stream.
func (t *Transaction) finish() *Rejection { return t.leaked(t.st.hold.Finish()) }

// scanner follows one text for the rules that block, which hold it back, and for those that only watch.
type scanner struct {
	t            *Transaction
	block, watch detect.LeakState
}

func (t *Transaction) scan() *scanner {
	return &scanner{t, t.pol.block.Start(), t.pol.watch.Start()}
}

// Write implements [stream.Scanner].
func (s *scanner) Write(p []byte) (held int, rule string) {
	_, seen := s.watch.Write(p)
	s.t.watched(seen)
	return s.block.Write(p)
}

// Finish implements [stream.Scanner].
func (s *scanner) Finish() (rule string) {
	s.t.watched(s.watch.Finish())
	return s.block.Finish()
}

// watched records a leak under a rule that is monitored, once for each answer.
func (t *Transaction) watched(rule string) {
	if rule == "" || t.seen[rule] {
		return
	}
	if t.seen == nil {
		t.seen = make(map[string]bool)
	}
	t.seen[rule] = true
	if rej := t.leaked(rule); rej != nil {
		panic("guard: internal error: a monitored rule blocks")
	}
}

// leakIn scans a text that is complete.
func (t *Transaction) leakIn(text []byte) string {
	s := t.scan()
	if _, rule := s.Write(text); rule != "" {
		return rule
	}
	return s.Finish()
}

// leaked records a leak and decides about it.
func (t *Transaction) leaked(rule string) *Rejection {
	if rule == "" {
		return nil
	}
	from := len(t.st.findings)
	t.st.findings = append(t.st.findings, Finding{Rule: rule, Category: detect.CategoryLeak})
	return t.judge(from)
}

// whole reads an answer that is not a stream. An error message that is not JSON is read as one text.
func (t *Transaction) whole() *Rejection {
	body := t.st.body
	if len(body) == 0 {
		return nil
	}
	a := &t.st.answer
	if err := a.Parse(body); err != nil {
		if t.ok {
			return upstream(err)
		}
		return t.leaked(t.leakIn(body))
	}
	t.usage(a)
	texts := make(map[api.Channel]*scanner)
	for _, p := range a.Pieces {
		if rej := t.leaked(t.leakIn(p.Text)); rej != nil {
			return rej
		}
		if p.Channel.Field == 0 {
			continue
		}
		t.outBytes += int64(len(p.Text))
		s := texts[p.Channel]
		if s == nil {
			s = t.scan()
			texts[p.Channel] = s
		}
		if _, rule := s.Write(p.Text); rule != "" { // clients join the parts of a text
			return t.leaked(rule)
		}
	}
	for _, s := range texts {
		if rej := t.leaked(s.Finish()); rej != nil {
			return rej
		}
	}
	return nil
}

// usage notes what the upstream reports. It counts only if it is more than what was seen.
func (t *Transaction) usage(a *api.Answer) { t.reported = max(t.reported, a.CompletionTokens) }

// maxReported bounds what an upstream may report, in tokens, so that sums do not overflow.
const maxReported = 1 << 40

// output returns the tokens that the answer is charged for.
func (t *Transaction) output() int64 { return max(min(t.reported, maxReported), (t.outBytes+3)/4) }

// body appends what the caller is told, in the form of the API.
func (r *Rejection) body(dst []byte) []byte {
	kind, message := "invalid_request_error", "The request is not valid."
	switch r.Code {
	case CodeContent:
		message = "The content was refused by policy."
	case CodeRoute:
		message = "This endpoint is not available."
	case CodeMedia:
		message = "The body must be plain JSON in UTF-8."
	case CodeTooLarge:
		message = "The request is too large."
	case CodeInputTokens:
		message = "The request has more tokens than are allowed."
	case CodeLimit:
		kind, message = "rate_limit_error", "A limit was reached. Try again later."
	case CodeInternal, CodeUpstream:
		kind, message = "server_error", "The server could not complete the request."
	}
	return api.AppendError(dst, message, kind, r.Param, r.Code)
}

// AppendDenial appends the events that end a stream which was denied after it began: for refused content a chunk with
// finish_reason "content_filter", then an error event, from which client libraries raise their typed error.
func AppendDenial(dst []byte, r *Rejection) []byte {
	if r.Code == CodeContent {
		dst = stream.AppendEvent(dst, []byte(api.FilteredChunk))
	}
	dst = stream.AppendEvent(dst, r.body(nil))
	return stream.AppendEvent(dst, []byte("[DONE]"))
}
