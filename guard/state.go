package guard

import (
	"github.com/holdfast-ai/holdfast/guard/api"
	"github.com/holdfast-ai/holdfast/guard/stream"
)

// state is the memory of a transaction, pooled. It holds content and is cleared before it goes back.
type state struct {
	request  api.Request
	answer   api.Answer
	findings []Finding
	body     []byte // of an answer that is not a stream
	event    []byte // one event with its frame
	edited   []byte // of the request: the upstream may read it until the end of the answer
	spliced  []byte // of an answer, or an event
	edits    []api.Edit
	matches  []stream.Match
	lines    liner
	hold     *stream.Hold[api.Channel]
	whole    scanner // for texts that are complete in themselves
	repeats  repeats
}

// liner cuts a stream into the payloads of its events.
type liner interface {
	Write(p []byte, event func(data []byte) error) error
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
	t.st, t.phase, t.restores, t.blocks = nil, closed, nil, nil
	if st == nil {
		return
	}
	st.request.Clear()
	st.answer.Clear()
	st.lines, st.whole, st.repeats = nil, scanner{added: st.whole.added[:0]}, repeats{}
	if st.hold != nil {
		st.hold.Reset(0)
	}
	st.findings, st.edits, st.matches = emptied(st.findings), emptied(st.edits), emptied(st.matches)
	for _, b := range [...]*[]byte{&st.body, &st.event, &st.edited, &st.spliced} {
		if clear(*b); cap(*b) > maxPooled {
			*b = nil
		}
		*b = (*b)[:0]
	}
	t.g.pool.Put(st)
}
