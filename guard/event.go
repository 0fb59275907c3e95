package guard

import (
	"bytes"
	"errors"

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
	if rej := t.more(); rej != nil {
		return rej
	}
	t.number = a.Sequence
	if len(a.Ends) > maxEnds {
		return upstream(errSize)
	}
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

// maxEnds is how many texts one event can end: each is looked for among all that have not ended. Requests ask for 128 choices at most.
const maxEnds = 256

// payload reads the JSON of an answer or an event, and changes the numbers in it that must not be sent as they are.
func (t *Transaction) payload(data []byte) (*api.Answer, []byte, *Rejection) {
	a := &t.st.answer
	if err := t.api.Answer(a, data, t.header); err != nil {
		return nil, nil, upstream(err)
	}
	t.reported, t.prompted = max(t.reported, a.Usage.Output), max(t.prompted, min(a.Usage.Input, maxReported))
	splices, rej := t.firewall(a, data)
	if rej != nil {
		return nil, nil, rej
	}
	if len(splices) > 0 {
		t.st.spliced = api.AppendSpliced(t.st.spliced[:0], data, splices)
		data = t.st.spliced
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
			if t.kind == KindInfer { // texts of tensors are all there is to count
				t.outBytes += int64(len(p.Text))
			}
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
		if a.Blocks {
			if rej := t.across(p, shift); rej != nil {
				return rej
			}
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
	return t.silent(which)
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
	for _, end := range [...]byte{'\n', '\r'} {
		for rest := dst[shift:]; ; {
			i := bytes.IndexByte(rest, end)
			if i < 0 {
				break
			}
			rest[i] = ' '
			rest = rest[i+1:]
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
