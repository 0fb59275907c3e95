package stream

import (
	"errors"
	"slices"
	"strings"
)

// A Match is a part of a text that a rule is about.
type Match struct {
	Rule        string
	Category    string // OWASP LLM 2025 id, for example "LLM02"
	Start, End  int    // in the text from its beginning, in bytes; between characters
	Replacement string // what takes its place where the rule redacts
}

// A Scanner follows one text. What it reports must not depend on how the text is cut into pieces.
//
// Write takes the next piece of the text, appends to ms the matches that are complete, each once and at its full length,
// and returns how many bytes at the end of the text may belong to a match that is not complete yet: the next matches may
// not begin before those bytes. Finish ends the text. After an error the text is not sent on.
type Scanner interface {
	Write(ms []Match, p []byte) (matches []Match, held int, err error)
	Finish(ms []Match) (matches []Match, err error)
}

// ErrOrder means that a scanner reported a match in what it had given up already.
var ErrOrder = errors.New("stream: match in text that was released")

// cut is what is taken out of a text: a match, or several that overlap, with the replacement of the first.
type cut struct {
	start, end int
	first      Match
}

// insert adds a match to cuts, which are in order and apart from each other.
func insert(cuts []cut, m Match) []cut {
	n := cut{m.Start, m.End, m}
	i, _ := slices.BinarySearchFunc(cuts, m.Start, func(c cut, start int) int {
		if c.end <= start && c.end != c.start {
			return -1
		}
		return 1
	})
	j := i
	for j < len(cuts) && cuts[j].start < n.end {
		if before(cuts[j].first, n.first) {
			n.first = cuts[j].first
		}
		n.start, n.end = min(n.start, cuts[j].start), max(n.end, cuts[j].end)
		j++
	}
	return slices.Replace(cuts, i, j, n)
}

// before says whose replacement stands for two matches that overlap, whatever the order in which they were reported.
func before(a, b Match) bool {
	if a.Start != b.Start {
		return a.Start < b.Start
	}
	if a.End != b.End {
		return a.End > b.End
	}
	return strings.Compare(a.Replacement, b.Replacement) < 0
}

// Redact appends text with the matches replaced: those that overlap are one, with the replacement of the first, or of the
// longest that begins there.
func Redact(dst, text []byte, ms []Match) []byte {
	var cuts []cut
	for _, m := range ms {
		cuts = insert(cuts, m)
	}
	from := 0
	for _, c := range cuts {
		dst = append(append(dst, text[from:c.start]...), c.first.Replacement...)
		from = c.end
	}
	return append(dst, text[from:]...)
}
