package session

import (
	"bytes"
	"math"
	"slices"

	"github.com/holdfast-ai/holdfast/guard/detect"
)

// Texts that are passed one by one add up as in a cumulative sum test (Page 1954): each adds -ln p less what is usual of harmless ones, and the sum never
// falls below 0. Of harmless texts -ln p has the mean 1, and about one request in 70,000 of them finds the sum at doubtful; five in a row of p 0.01 bring it there.
const (
	usual    = 2.0
	doubtful = 12.0
	leastP   = 1e-6 // nothing says more, and what is no share says as much
)

const (
	// splitP is the share of harmless conversations that may be taken for a payload in parts.
	splitP = 0.001
	// maxTurns bounds how many turns are read together.
	maxTurns = 8
	// maxCounted bounds what is remembered of a caller as counted, 8 bytes each.
	maxCounted = 64
)

// suspicion is what p-values say of a request.
type suspicion struct {
	turns []rated
	split bool // turns say together what none says alone
}

// rated is a turn of the caller's.
type rated struct {
	turn  uint64  // its hash
	doubt float64 // that it adds
}

// suspect rates the caller's latest turns.
func (d *Detector) suspect(v detect.View) (s suspicion) {
	turns, cut := callers(v)
	if d.cfg.PValue == nil || len(turns) == 0 {
		return suspicion{}
	}
	least := 1.0
	for i, t := range turns {
		p := d.rate(t)
		least = min(least, p)
		if i > 0 || !cut || len(turns) == 1 { // else it is cut elsewhere in the next request, and looks like another
			s.turns = append(s.turns, rated{d.key("turn", t), -math.Log(p) - usual})
		}
	}
	if len(turns) > 1 && least > splitP {
		s.split = d.rate(bytes.Join(turns, []byte{'\n'})) <= splitP
	}
	return s
}

// rate is the p-value of a text, between leastP and 1.
func (d *Detector) rate(text []byte) float64 {
	p := d.cfg.PValue(text)
	if !(p > leastP) { // nor NaN
		return leastP
	}
	return min(p, 1)
}

// callers returns the texts of the caller's latest turns, oldest first, a turn being what stands between two answers of the assistant, and whether the
// oldest may be cut.
func callers(v detect.View) (turns [][]byte, cut bool) {
	left := maxText
	for end := len(v.Spans); end > 0 && left > 0 && len(turns) < maxTurns; end-- {
		from := turnBefore(v, end)
		var text []byte
		for _, span := range v.Spans[from:end] {
			if span.Trust == detect.TrustUser && left > len(text) {
				text = append(append(text, span.Text[:min(len(span.Text), left-len(text))]...), '\n')
			}
		}
		if end, left = from, left-len(text); len(text) > 0 {
			turns = append(turns, text)
		}
	}
	slices.Reverse(turns)
	return turns, left <= 0
}

// turnBefore returns the start of the turn that ends at a span.
func turnBefore(v detect.View, end int) int {
	for end > 0 && v.Spans[end-1].Role != detect.RoleAssistant {
		end--
	}
	return end
}

// counts returns what each finding of another detector weighs, and a hash of it where it is of an old turn, which a conversation brings along.
func (d *Detector) counts(v detect.View, findings []detect.Finding) (out []count, sum float64) {
	latest := len(v.Spans)
	for latest > 0 && v.Spans[latest-1].Role == detect.RoleAssistant {
		latest-- // what the assistant is to go on with belongs to the turn
	}
	latest = turnBefore(v, latest)
	for _, f := range findings {
		w := d.cfg.Weight(f.Rule)
		if !(w > 0) { // nor NaN
			continue
		}
		sum = min(sum+w, maxScore)
		c := count{weight: w}
		if f.Span >= 0 && f.Span < latest && (f.Span > 0 || f.End > 0) { // else it is of the request as a whole
			text := v.Spans[f.Span].Text
			c.old = d.key(f.Rule, text[:min(len(text), maxText)])
		}
		out = append(out, c)
	}
	return out, sum
}

type count struct {
	weight float64
	old    uint64
}

// ring remembers the latest hashes.
type ring struct {
	keys []uint64
	next int
}

// add reports whether a hash is new.
func (r *ring) add(key uint64) bool {
	if slices.Contains(r.keys, key) {
		return false
	}
	if len(r.keys) < maxCounted {
		r.keys = append(r.keys, key)
		return true
	}
	r.keys[r.next] = key
	r.next = (r.next + 1) % maxCounted
	return true
}
