package guard

import (
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/holdfast-ai/holdfast/guard/api"
	"github.com/holdfast-ai/holdfast/guard/stream"
)

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
	t.gaveUp = (status == http.StatusBadGateway || status == http.StatusGatewayTimeout) && time.Since(t.entered) > longWait
	if enc := h["Content-Encoding"]; len(enc) > 1 || len(enc) == 1 && !strings.EqualFold(enc[0], "identity") {
		return t.verdict(upstream(errEncoding))
	}
	for name, values := range h {
		if !usual(name) {
			if rej := t.unnamed([]byte(name)); rej != nil {
				return t.verdict(rej)
			}
		}
		for _, v := range values {
			if rej := t.unnamed([]byte(v)); rej != nil {
				return t.verdict(rej)
			}
		}
	}
	return t.verdict(t.framed(h))
}

// usual reports whether a header's name is one that most answers have: it says nothing.
func usual(name string) bool {
	switch name {
	case "Content-Type", "Content-Length", "Date", "Server", "Cache-Control", "X-Request-Id":
		return true
	}
	return false
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
		dst = api.AppendEdited(dst, data, disjoint(order(t.st.edits)))
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
