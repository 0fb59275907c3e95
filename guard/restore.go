package guard

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-ai/holdfast/guard/api"
	"github.com/holdfast-ai/holdfast/guard/stream"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// maxRestores bounds the texts of one request that are restored: each is looked for in all of the answer.
const maxRestores = 64

// restore is a text that was taken out of a request and comes back in the answer. It lives as long as the transaction.
type restore struct {
	placeholder, original string
}

// placeholder returns what stands for a text that a rule has found: the same for the same text, of a form that models keep
// apart from others, and nothing that the request has already.
func (t *Transaction) placeholder(body []byte, rule string, text []byte) string {
	for _, r := range t.restores {
		if r.original == string(text) {
			return r.placeholder
		}
	}
	for n := len(t.restores) + 1; n <= 4*maxRestores && len(t.restores) < maxRestores; n++ {
		p := placeholder(rule, n)
		taken := bytes.Contains(body, []byte(p)) || slices.ContainsFunc(t.restores, func(r restore) bool { return r.placeholder == p }) ||
			slices.ContainsFunc(t.st.request.Spans, func(s Span) bool { return bytes.Contains(s.Text, []byte(p)) }) // written with escapes
		if !taken {
			t.restores = append(t.restores, restore{p, string(text)})
			return p
		}
	}
	return ""
}

// placeholder keeps the format of what models treat by its format; the names and numbers are reserved (RFC 2606, and the
// North American numbering plan) and belong to nobody.
func placeholder(rule string, n int) string {
	switch rule {
	case "pii.email":
		return fmt.Sprintf("person%d@redacted.invalid", n)
	case "pii.phone":
		return fmt.Sprintf("+1-%03d-555-0%03d", 200+n, 100+n%100)
	}
	return fmt.Sprintf("[%s %d]", strings.ToUpper(rule[strings.LastIndexByte(rule, '.')+1:]), n)
}

// quoted are texts as they stand inside of a string of JSON: what comes back into arguments must not end the string it is in.
func quoted(restores []restore) []restore {
	out := make([]restore, 0, len(restores))
	for _, r := range restores {
		q := strictjson.AppendQuoted(nil, []byte(r.original))
		out = append(out, restore{r.placeholder, string(q[1 : len(q)-1])})
	}
	return out
}

// restored returns arguments, which are JSON, as the caller will get them. The error is a [*Rejection].
func (t *Transaction) restored(args []byte) ([]byte, error) {
	if len(t.restores) == 0 {
		return args, nil
	}
	w := &restoring{restores: t.restores, anywhere: t.pol.InsecureRestoreInAddresses}
	if err := strictjson.Walk(args, strictjson.Limits{MaxBytes: len(args), MaxDepth: api.MaxDepth}, w); err != nil {
		return nil, tooled(err)
	}
	return api.AppendEdited(nil, args, w.edits), nil
}

// restoring lists the placeholders in the strings of JSON. Names of members are left: none can be changed.
type restoring struct {
	restores []restore
	anywhere bool
	one      restorer
	edits    []api.Edit
}

func (w *restoring) Enter(strictjson.Kind, int) error { return nil }
func (w *restoring) Leave(strictjson.Kind, int) error { return nil }
func (w *restoring) Key([]byte, int) error            { return nil }

func (w *restoring) Value(k strictjson.Kind, raw []byte, off int) error {
	if k != strictjson.String {
		return nil
	}
	w.one.begin(w.restores, w.anywhere)
	ms, _, err := w.one.Write(nil, strictjson.AppendUnquoted(nil, raw))
	for _, m := range ms {
		w.edits = append(w.edits, api.Edit{At: off, Start: m.Start, End: m.End, With: m.Replacement})
	}
	return err
}

// stands reports whether a finding is of a placeholder.
func (t *Transaction) stands(f Finding) bool {
	if f.Span < 0 || f.Span >= len(t.st.request.Spans) {
		return false
	}
	text := t.st.request.Spans[f.Span].Text
	if f.Start < 0 || f.End < f.Start || f.End > len(text) {
		return false
	}
	return slices.ContainsFunc(t.restores, func(r restore) bool { return r.placeholder == string(text[f.Start:f.End]) })
}

// restorer looks for placeholders in one text of an answer.
type restorer struct {
	restores []restore
	longest  int
	first    [4]uint64 // bytes that a placeholder begins with: most of a text is passed over by them
	pos      int       // of tail
	tail     []byte    // what may be the beginning of a placeholder
	done     []cut     // placeholders found
	address  addressed // of what was passed
	anywhere bool      // within addresses too
}

type cut struct{ start, end int }

var _ stream.Scanner = (*restorer)(nil)

func (r *restorer) begin(restores []restore, anywhere bool) {
	*r = restorer{restores: restores, tail: r.tail[:0], done: r.done[:0], anywhere: anywhere}
	for _, x := range restores {
		r.longest = max(r.longest, len(x.placeholder))
		r.first[x.placeholder[0]>>6] |= 1 << (x.placeholder[0] & 63)
	}
}

// Write implements [stream.Scanner]. The error is nil.
func (r *restorer) Write(ms []stream.Match, p []byte) (matches []stream.Match, held int, err error) {
	if len(r.restores) == 0 {
		return ms, 0, nil
	}
	r.tail = append(r.tail, p...)
	i, passed := 0, 0
next:
	for i < len(r.tail) {
		if c := r.tail[i]; r.first[c>>6]>>(c&63)&1 == 0 {
			i++
			continue
		}
		for _, x := range r.restores {
			if bytes.HasPrefix(r.tail[i:], []byte(x.placeholder)) {
				if r.pass(r.tail[passed:i]); r.address.in != 0 && !r.anywhere {
					r.pass(r.tail[i : i+1])
					i++
					passed = i
					continue next
				}
				passed = i
				m := stream.Match{Rule: "", Start: r.pos + i, End: r.pos + i + len(x.placeholder), Replacement: x.original}
				ms = append(ms, m)
				r.done = append(r.done, cut{m.Start, m.End})
				i += len(x.placeholder)
				continue next
			}
		}
		if r.begins(r.tail[i:]) {
			break
		}
		i++
	}
	r.pass(r.tail[passed:i])
	r.pos += i
	r.tail = r.tail[:copy(r.tail, r.tail[i:])]
	return ms, len(r.tail), nil
}

// pass takes what was passed.
func (r *restorer) pass(p []byte) {
	for _, c := range p {
		r.address.take(c)
	}
}

// begins reports whether a placeholder may begin with b.
func (r *restorer) begins(b []byte) bool {
	return len(b) < r.longest && slices.ContainsFunc(r.restores, func(x restore) bool { return strings.HasPrefix(x.placeholder, string(b)) })
}

// Finish implements [stream.Scanner]. The error is nil.
func (r *restorer) Finish(ms []stream.Match) ([]stream.Match, error) { return ms, nil }

// spare takes the matches of placeholders, from index from on, out of what other scanners have found.
func (r *restorer) spare(ms []stream.Match, from int) []stream.Match {
	if len(r.done) == 0 {
		return ms
	}
	kept := ms[:from]
	for _, m := range ms[from:] {
		behind, _ := slices.BinarySearchFunc(r.done, m.Start, func(c cut, start int) int { return cmp.Compare(c.start, start+1) })
		if behind == 0 || m.End > r.done[behind-1].end { // the placeholders are in order, and apart from one another
			kept = append(kept, m)
		}
	}
	return kept
}
