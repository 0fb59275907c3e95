package guard

import (
	"cmp"
	"errors"
	"slices"

	"github.com/holdfast-ai/holdfast/guard/api"
)

// redacted stands for a text that was taken out, unless whoever found it says what does.
const redacted = "[redacted]"

// redact takes out of a request what rules found whose mode is to redact, and looks at what is left.
func (t *Transaction) redact(body []byte) *Rejection {
	st := t.st
	st.edits = st.edits[:0]
	for _, f := range st.findings {
		mode := t.pol.mode(f.Rule)
		if mode != ModeRedact && mode != ModeRestore {
			continue
		}
		// A text inside of another, and one that is no JSON string, has no place of its own that could be replaced.
		if len(t.header[api.HeaderLength]) > 0 || f.Span < 0 || f.Span >= st.request.Inner || body[st.request.Spans[f.Span].Offset] != '"' {
			return withheld(errNoPlace)
		}
		if f.Start < 0 || f.End < f.Start || f.End > len(st.request.Spans[f.Span].Text) {
			return internal(errRange)
		}
		e := api.Edit{At: st.request.Spans[f.Span].Offset, Start: f.Start, End: f.End, With: redacted}
		if mode == ModeRestore {
			if e.With = t.placeholder(body, f.Rule, st.request.Spans[f.Span].Text[f.Start:f.End]); e.With == "" {
				return withheld(errTooMany)
			}
		}
		st.edits = append(st.edits, e)
	}
	if len(st.edits) == 0 {
		return nil
	}
	st.edited = api.AppendEdited(st.edited[:0], body, disjoint(outermost(order(st.edits))))
	t.sum.Redacted = true
	from := len(st.findings)
	if rej := t.parse(st.edited); rej != nil {
		return rej
	}
	if rej := t.inspect(); rej != nil {
		return rej
	}
	for _, f := range st.findings[from:] {
		if m := t.pol.mode(f.Rule); (m == ModeRedact || m == ModeRestore) && !t.stands(f) {
			return withheld(errStillThere)
		}
	}
	return nil
}

var errRange = errors.New("guard: a finding lies outside of its text")

// outermost leaves out of the ordered edits of a request those of texts to be restored within others: those come back with them. Of two rules of one detector that overlap
// ("secret.assigned" and "pii.email") nothing could be restored otherwise.
func outermost(edits []api.Edit) []api.Edit {
	n := 0
	for _, e := range edits {
		if last := n - 1; last >= 0 && edits[last].At == e.At && e.End <= edits[last].End && e.With != redacted && edits[last].With != redacted {
			continue
		}
		edits[n] = e
		n++
	}
	return edits[:n]
}

// order sorts edits by where they begin, longer ones first.
func order(edits []api.Edit) []api.Edit {
	slices.SortStableFunc(edits, func(a, b api.Edit) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End))
	})
	return edits
}

// disjoint joins of ordered edits those that overlap; what is joined cannot be restored.
func disjoint(edits []api.Edit) []api.Edit {
	n := 0
	for _, e := range edits {
		if n > 0 && edits[n-1].At == e.At && e.Start < edits[n-1].End {
			if e.End != edits[n-1].End || e.Start != edits[n-1].Start || e.With != edits[n-1].With { // and a rule that redacts is heard before one that restores
				edits[n-1].With = redacted
			}
			edits[n-1].End = max(edits[n-1].End, e.End)
			continue
		}
		edits[n] = e
		n++
	}
	return edits[:n]
}

// sorted puts splices in order.
func sorted(s []api.Splice) []api.Splice {
	slices.SortFunc(s, func(a, b api.Splice) int { return cmp.Compare(a.Start, b.Start) })
	return s
}
