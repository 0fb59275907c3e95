package guard

import (
	"errors"

	"github.com/holdfast-ai/holdfast/guard/api"
	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/stream"
)

// scanner follows one text of an answer for all rules: it blocks with a [*Rejection], passes on the matches that are to be
// redacted, and records the others, which hold nothing back.
type scanner struct {
	t       *Transaction
	hold    detect.LeakState
	watch   *detect.LeakState // nil where nothing is watched for: an answer has up to a thousand texts
	added   []stream.Scanner  // nil for one that cannot do its work
	restore restorer
	json    *unescaper // nil for a text that is none
	border  int        // where a block begins, behind what came before it; 0 where nothing did
}

var _ stream.Scanner = (*scanner)(nil)

// start begins a text, which may be the arguments of a tool call, in JSON.
func (t *Transaction) start(s *scanner, args bool) {
	s.t, s.border = t, 0
	if l := t.pol.hold; l != nil {
		s.hold = l.Start()
	}
	if l := t.pol.watch; l != nil {
		if s.watch == nil {
			s.watch = new(detect.LeakState)
		}
		*s.watch = l.Start()
	}
	s.added = s.added[:0]
	restores := t.restores
	if s.json = nil; args {
		restores = quoted(restores)
		s.json = new(unescaper)
	}
	s.restore.begin(restores, t.pol.InsecureRestoreInAddresses)
	for _, a := range t.pol.scanners {
		s.added = append(s.added, a.start())
	}
}

// Write implements [stream.Scanner].
func (s *scanner) Write(ms []stream.Match, p []byte) (matches []stream.Match, held int, err error) {
	if s.json == nil {
		return s.write(ms, p)
	}
	for len(p) > 0 {
		from, n := len(ms), min(len(p), maxRead)
		if ms, held, err = s.write(ms, s.json.read(p[:n])); err != nil {
			return ms, 0, err
		}
		held = s.json.place(ms[from:], held)
		p = p[n:]
	}
	return ms, held, nil
}

func (s *scanner) write(ms []stream.Match, p []byte) (matches []stream.Match, held int, err error) {
	return s.each(ms, func(x stream.Scanner, ms []stream.Match) ([]stream.Match, int, error) { return x.Write(ms, p) })
}

// Finish implements [stream.Scanner].
func (s *scanner) Finish(ms []stream.Match) ([]stream.Match, error) {
	from := len(ms)
	var err error
	if s.json != nil {
		if rest := s.json.finish(); len(rest) > 0 {
			if ms, _, err = s.write(ms, rest); err != nil {
				return ms, err
			}
		}
	}
	ms, _, err = s.each(ms, func(x stream.Scanner, ms []stream.Match) ([]stream.Match, int, error) {
		ms, err := x.Finish(ms)
		return ms, 0, err
	})
	if s.json != nil {
		s.json.place(ms[from:], 0)
	}
	return ms, err
}

func (s *scanner) each(ms []stream.Match, do func(stream.Scanner, []stream.Match) ([]stream.Match, int, error)) ([]stream.Match, int, error) {
	held := 0
	one := func(x stream.Scanner, holds bool) error {
		from := len(ms)
		found, h, err := do(x, ms)
		if err != nil {
			ms = ms[:from]
			return err
		}
		if holds {
			held = max(held, h)
		}
		ms, err = s.t.keep(s.crossing(s.restore.spare(found, from), from), from)
		if err == nil && s.border > 0 && len(ms) > from && s.t.kind == KindResponses { // each block comes again when it ends, where the half is nothing
			return blocked(ms[from].Rule)
		}
		return err
	}
	ms, held, _ = do(&s.restore, ms)
	if s.t.pol.watch != nil {
		if err := one(s.watch, false); err != nil {
			return ms, 0, err
		}
	}
	if s.t.pol.hold != nil {
		if err := one(&s.hold, true); err != nil {
			return ms, 0, err
		}
	}
	for i, x := range s.added {
		if x == nil {
			continue
		}
		err := one(x, s.t.pol.holds[i])
		if err == nil {
			continue
		}
		if _, ok := errors.AsType[*Rejection](err); ok {
			return ms, 0, err
		}
		if !errors.Is(err, ErrUnavailable) {
			return ms, 0, internal(err)
		}
		if !s.t.pol.InsecureOutputFailOpen {
			return ms, 0, &Rejection{Code: CodeUnavailable, Status: 503, Err: err}
		}
		s.added[i] = nil
		s.t.missed(1)
	}
	return ms, held, nil
}

// crossing leaves of the matches from index from on those that lie across the border, where there is one: the others are found in their blocks.
func (s *scanner) crossing(ms []stream.Match, from int) []stream.Match {
	if s.border == 0 {
		return ms
	}
	kept := ms[:from]
	for _, m := range ms[from:] {
		if m.Start < s.border && m.End > s.border {
			kept = append(kept, m)
		}
	}
	return kept
}

// keep applies the policy's modes to the matches from index from on, and leaves those that are to be redacted.
func (t *Transaction) keep(ms []stream.Match, from int) ([]stream.Match, error) {
	kept := ms[:from]
	for _, m := range ms[from:] {
		if !t.pol.ids[m.Rule] {
			return kept, internal(errDetector)
		}
		f := Finding{Rule: m.Rule, Category: m.Category, Span: -1, Start: m.Start, End: m.End}
		switch mode := t.pol.output[m.Rule]; mode {
		case ModeOff:
		case ModeMonitor:
			if !t.seen[m.Rule] { // once for each answer
				if t.seen == nil {
					t.seen = make(map[string]bool)
				}
				t.seen[m.Rule] = true
				t.found(f, mode)
			}
		case ModeRedact:
			t.found(f, mode)
			if m.Replacement == "" {
				m.Replacement = redacted
			}
			kept = append(kept, m)
		default:
			t.found(f, mode)
			return kept, blocked(m.Rule)
		}
	}
	return kept, nil
}

// maxFindings bounds what is kept of one answer; more are reported, and not kept.
const maxFindings = 1024

func (t *Transaction) found(f Finding, mode Mode) {
	if len(t.st.findings) < maxFindings {
		t.st.findings = append(t.st.findings, f)
	}
	t.report(f, mode)
}

// complete scans a text that does not grow.
func (t *Transaction) complete(text []byte, args bool) ([]stream.Match, error) {
	if t.pol.hold == nil && t.pol.watch == nil && len(t.pol.scanners) == 0 && len(t.restores) == 0 {
		return nil, nil
	}
	s := &t.st.whole
	t.start(s, args)
	ms, _, err := s.Write(t.st.matches[:0], text)
	if err != nil {
		return nil, err
	}
	ms, err = s.Finish(ms)
	t.st.matches = ms
	return ms, err
}

// alone scans a piece that is a text of its own.
func (t *Transaction) alone(p *api.Piece, shift int) *Rejection {
	known := len(t.pol.scanners) == 0 // the others say the same of a text whenever it comes
	if known && t.st.repeats.has(p.Text) {
		return nil
	}
	ms, err := t.complete(p.Text, p.Channel.Args)
	if err != nil {
		return t.scanned(err)
	}
	if known && len(ms) == 0 {
		t.st.repeats.add(p.Text)
	}
	if len(ms) > 0 && (p.Name || len(t.header[api.HeaderLength]) > 0) {
		return withheld(errNoPlace) // neither a name nor JSON of a stated length can be changed
	}
	for _, m := range ms {
		t.st.hold.Edit(stream.Edit{Ref: p.Offset + shift, Start: m.Start, End: m.End, With: m.Replacement})
	}
	return nil
}

// unnamed scans a text that can only be sent as it is, or not at all.
func (t *Transaction) unnamed(text []byte) *Rejection {
	ms, err := t.complete(text, false)
	if err != nil {
		return t.scanned(err)
	}
	if len(ms) > 0 {
		return withheld(errNoPlace)
	}
	return nil
}
