package guard

import (
	"errors"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/holdfast-ai/holdfast/guard/api"
	"github.com/holdfast-ai/holdfast/guard/stream"
)

var (
	errEncoding = errors.New("guard: the answer is encoded")
	errFraming  = errors.New("guard: the answer is framed as its API does not")
	errSize     = errors.New("guard: the answer is too large")
	errDone     = errors.New("guard: data after the end of the stream")
	errName     = errors.New("guard: unusable event name")
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
	t.began = time.Now()
	if t.kind == KindPass {
		return t.verdict(nil)
	}
	t.ok, t.header = status >= 200 && status < 300, h
	if enc := h["Content-Encoding"]; len(enc) > 1 || len(enc) == 1 && !strings.EqualFold(enc[0], "identity") {
		return t.verdict(upstream(errEncoding))
	}
	for _, values := range h {
		for _, v := range values {
			if rej := t.unnamed([]byte(v)); rej != nil {
				return t.verdict(rej)
			}
		}
	}
	return t.verdict(t.framed(h))
}

// framed sees whether the answer is a stream, and begins it.
func (t *Transaction) framed(h http.Header) *Rejection {
	media := h.Get("Content-Type")
	if media != "application/json" {
		var err error
		if media, _, err = mime.ParseMediaType(media); err != nil {
			media = "" // read as a whole
		}
	}
	var f api.Framing
	switch media {
	case "text/event-stream":
		f, t.st.lines = api.SSE, stream.NewParser(t.pol.Limits.MaxEventBytes)
	case "application/x-ndjson", "application/ndjson", "application/jsonl":
		f, t.st.lines = api.NDJSON, stream.NewLines(t.pol.Limits.MaxEventBytes)
	default:
		return nil
	}
	if f != t.api.Framing() {
		return upstream(errFraming)
	}
	t.stream, t.sink = true, t.next
	t.hold(t.pol.Limits.MaxEventBytes)
	return nil
}

// Streamed reports whether the answer is a stream of events, so that what [Transaction.ResponseChunk] releases should be
// sent at once. Answers that are read as a whole are released by [Transaction.ResponseEnd].
func (t *Transaction) Streamed() bool { return t.stream || t.kind == KindPass }

// ResponseChunk takes the next piece of the answer's body and appends to dst what may be sent now. After a denial nothing
// more may be sent but [Transaction.AppendDenial].
func (t *Transaction) ResponseChunk(dst, p []byte) (out []byte, v Verdict) {
	out = dst
	defer t.fault(&v)
	if rej := t.enter(responding, responding); rej != nil {
		return out, t.verdict(rej)
	}
	if t.kind == KindPass {
		return append(dst, p...), t.verdict(nil)
	}
	if t.stream {
		if rej := t.overdue(); rej != nil {
			return dst, t.verdict(rej)
		}
		if rej := t.read(t.st.lines.Write(p, t.sink)); rej != nil {
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

// next is the sink of a stream's events. A refusal is kept in t.refused.
func (t *Transaction) next(data []byte) error {
	if t.refused = t.event(data); t.refused != nil {
		return t.refused
	}
	return nil
}

// read judges the error of a reader whose sink is next.
func (t *Transaction) read(err error) *Rejection {
	if err != nil && t.refused == nil {
		return upstream(err)
	}
	return t.refused
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
		if lines, ok := t.st.lines.(*stream.Lines); ok {
			if rej := t.read(lines.Finish(t.sink)); rej != nil {
				return dst, t.verdict(rej)
			}
		}
		if rej := t.finish(nil); rej != nil {
			return dst, t.verdict(rej)
		}
		return t.flush(dst), t.verdict(nil)
	}
	body, rej := t.whole()
	if rej != nil {
		return dst, t.verdict(rej)
	}
	return append(dst, body...), t.verdict(nil)
}

// hold makes the queue of the answer's events.
func (t *Transaction) hold(most int) {
	if t.st.hold == nil {
		t.st.hold = stream.NewHold[api.Channel](most)
	}
	t.st.hold.Reset(most)
}

// flush appends the events that are clear.
func (t *Transaction) flush(dst []byte) []byte {
	t.st.hold.Release(func(data []byte, edits []stream.Edit) {
		if len(edits) == 0 {
			dst = append(dst, data...)
			return
		}
		t.st.edits = t.st.edits[:0]
		for _, e := range edits {
			t.st.edits = append(t.st.edits, api.Edit{At: e.Ref, Start: e.Start, End: e.End, With: e.With})
		}
		dst = api.AppendEdited(dst, data, disjoint(t.st.edits))
		t.sum.Redacted = true
	})
	switch held := t.st.hold.Held(); {
	case held == 0:
		t.waiting = time.Time{}
	case t.waiting.IsZero():
		t.waiting = time.Now()
	}
	return dst
}

// event reads one event of a stream.
func (t *Transaction) event(data []byte) *Rejection {
	if string(data) == "[DONE]" && t.api.Framing() == api.SSE {
		t.done = true
		if err := t.st.hold.Event([]byte("data: [DONE]\n\n")); err != nil {
			return upstream(err)
		}
		return t.finish(nil)
	}
	if t.done {
		return upstream(errDone)
	}
	a, data, rej := t.payload(data)
	if rej != nil {
		return rej
	}
	var shift int
	t.st.event, shift = frame(t.st.event[:0], t.api.Framing(), a.Event, data)
	if !validName(a.Event) {
		return upstream(errName)
	}
	if err := t.st.hold.Event(t.st.event); err != nil {
		return upstream(err)
	}
	if rej := t.pieces(a, shift, false); rej != nil {
		return rej
	}
	t.number = a.Sequence
	for _, e := range a.Ends {
		if rej := t.finish(func(c api.Channel) bool { return c.Of(e) }); rej != nil {
			return rej
		}
	}
	if a.Last {
		t.done = true
		return t.finish(nil)
	}
	return nil
}

// payload reads the JSON of an answer or an event, and changes the numbers in it that must not be sent as they are.
func (t *Transaction) payload(data []byte) (*api.Answer, []byte, *Rejection) {
	a := &t.st.answer
	if err := t.api.Answer(a, data, t.header); err != nil {
		return nil, nil, upstream(err)
	}
	t.reported = max(t.reported, a.Usage.Output)
	splices, rej := t.firewall(a, data)
	if rej != nil {
		return nil, nil, rej
	}
	if len(splices) > 0 {
		t.st.edited = api.AppendSpliced(t.st.edited[:0], data, splices)
		data = t.st.edited
		if err := t.api.Answer(a, data, t.header); err != nil {
			return nil, nil, upstream(err)
		}
	}
	if t.g.tensors != nil && len(a.Tensors) > 0 {
		if rej := t.outside(t.g.tensors(t.ctx, a.Tensors)); rej != nil {
			return nil, nil, upstream(rej.Err)
		}
	}
	if rej := t.called(a); rej != nil {
		return nil, nil, rej
	}
	return a, data, nil
}

// pieces takes the texts of the event queued last through their scanners. Those of a whole answer are read twice: each
// alone, and joined as clients join the parts of a text.
func (t *Transaction) pieces(a *api.Answer, shift int, whole bool) *Rejection {
	for i := range a.Pieces {
		p := &a.Pieces[i]
		if p.Channel.Field == 0 || whole {
			if rej := t.alone(p, shift); rej != nil {
				return rej
			}
		}
		if p.Channel.Field == 0 {
			continue
		}
		t.outBytes += int64(len(p.Text))
		if !t.st.hold.Has(p.Channel) {
			if err := t.st.hold.Begin(p.Channel, t.scannerOf(p.Channel)); err != nil {
				return upstream(err)
			}
		}
		if err := t.st.hold.Text(p.Channel, p.Offset+shift, p.Text); err != nil {
			return t.scanned(err)
		}
	}
	return nil
}

// scanned judges an error of the hold: of a scanner, or the queue's own.
func (t *Transaction) scanned(err error) *Rejection {
	if rej, ok := errors.AsType[*Rejection](err); ok {
		return rej
	}
	if errors.Is(err, stream.ErrOrder) {
		return internal(err)
	}
	return upstream(err)
}

// finish ends texts of a stream, all if which is nil.
func (t *Transaction) finish(which func(api.Channel) bool) *Rejection {
	if err := t.st.hold.Finish(which); err != nil {
		return t.scanned(err)
	}
	return nil
}

// frame appends an event as it is sent, and returns where its data begins. Line ends in JSON stand between its tokens only.
func frame(dst []byte, f api.Framing, name, data []byte) ([]byte, int) {
	if f == api.SSE {
		if len(name) > 0 {
			dst = append(append(append(dst, "event: "...), name...), '\n')
		}
		dst = append(dst, "data: "...)
	}
	shift := len(dst)
	dst = append(dst, data...)
	for i, c := range dst[shift:] {
		if c == '\n' || c == '\r' {
			dst[shift+i] = ' '
		}
	}
	if f == api.SSE {
		dst = append(dst, '\n')
	}
	return append(dst, '\n'), shift
}

// validName reports whether an event name is one of the kind that APIs have.
func validName(s []byte) bool {
	for _, c := range s {
		if !('a' <= c && c <= 'z' || c == '_' || c == '.') {
			return false
		}
	}
	return len(s) <= 64
}

// whole reads an answer that is not a stream and returns what is sent. An error message that is not JSON is read as one
// text.
func (t *Transaction) whole() ([]byte, *Rejection) {
	body := t.st.body
	if len(body) == 0 {
		return nil, nil
	}
	a, data, rej := t.payload(body)
	if rej != nil {
		if t.ok || rej.Code != CodeUpstream {
			return nil, rej
		}
		return body, t.unnamed(body)
	}
	t.hold(len(data))
	if err := t.st.hold.Event(data); err != nil {
		return nil, upstream(err)
	}
	if rej := t.pieces(a, 0, true); rej != nil {
		return nil, rej
	}
	if rej := t.finish(nil); rej != nil {
		return nil, rej
	}
	if t.st.hold.Changed() {
		t.st.event = t.flush(t.st.event[:0])
		return t.st.event, nil
	}
	return data, nil
}

// maxReported bounds what an upstream may report, in tokens, so that sums do not overflow.
const maxReported = 1 << 40

// output returns the tokens that the answer is charged for.
func (t *Transaction) output() int64 { return max(min(t.reported, maxReported), (t.outBytes+3)/4) }

// problem is what the caller is told.
func (r *Rejection) problem() api.Problem {
	message := "The request is not valid."
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
		message = "A limit was reached. Try again later."
	case CodeInternal, CodeUpstream:
		message = "The server could not complete the request."
	case CodeUnavailable, CodeTimeout:
		message = "The server cannot complete the request now."
	}
	return api.Problem{Status: r.Status, Code: r.Code, Message: message, Param: r.Param}
}

// AppendError appends the body of the response that tells the caller of a denial before anything was sent, as JSON in the
// form of the API.
func (t *Transaction) AppendError(dst []byte, r *Rejection) []byte {
	return t.dialect().AppendError(dst, r.problem())
}

// AppendDenial appends what ends a stream that was denied after it began, so that client libraries raise their typed
// error.
func (t *Transaction) AppendDenial(dst []byte, r *Rejection) []byte {
	p := r.problem()
	p.Event = t.number + 1
	return t.dialect().AppendDenial(dst, p)
}

func (t *Transaction) dialect() api.Dialect {
	if t.api == nil {
		return api.Errors("")
	}
	return t.api
}
