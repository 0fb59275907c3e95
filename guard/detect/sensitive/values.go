package sensitive

import (
	"bytes"

	"github.com/holdfast-ai/holdfast/guard/stream"
)

const assignedID = "secret.assigned"

// values finds the strings that are assigned to a telling name and hold what ends segments ("h7Gk29;dLq^Pzx"): of those, segments have parts. It follows one text.
type values struct {
	pos   int    // bytes of the text so far
	last  []byte // the end of the text so far, maxNamed bytes at most
	quote byte   // around the string in progress, 0 for none
	from  int    // where that begins
	text  []byte // of it
	odd   bool   // it holds what ends segments
}

// maxNamed is how far before a string its name may begin, in bytes.
const maxNamed = 64

// write takes more of the text, up to a byte that completes a match.
func (v *values) write(ms []stream.Match, p []byte) (matches []stream.Match, took int) {
	had, i := len(ms), 0
	next := nextQuotes{-1, -1, -1}
	for i < len(p) && len(ms) == had {
		if v.quote == 0 {
			n := next.from(p, i)
			if i = n; i == len(p) {
				break
			}
			if assigns(p, v.last, i) {
				v.quote, v.from, v.text, v.odd = p[i], v.pos+i+1, v.text[:0], false
			}
		} else {
			ms = v.step(ms, p[i])
		}
		i++
	}
	v.pass(p[:i])
	return ms, i
}

// step takes a byte of the string in progress.
func (v *values) step(ms []stream.Match, c byte) []stream.Match {
	switch {
	case c == v.quote:
		text := bytes.TrimSuffix(v.text, []byte("\\")) // of a string within a string
		if v.odd && secretValue(text) {
			ms = append(ms, stream.Match{Rule: assignedID, Category: Category, Start: v.from, End: v.from + len(text)})
		}
		v.quote = 0
	case c <= ' ' || c == 0x7f || bytes.IndexByte([]byte("{}<>()"), c) >= 0 || len(v.text) == maxAssigned: // prose, a template, a call
		v.quote = 0
	default:
		v.text = append(v.text, c)
		v.odd = v.odd || part[c] == 0 && c != '\\'
	}
	return ms
}

// pass takes what was passed.
func (v *values) pass(p []byte) {
	v.pos += len(p)
	if n := len(p); n < maxNamed {
		v.last = append(v.last, p...)
		p = v.last
	}
	v.last = append(v.last[:0], p[max(0, len(p)-maxNamed):]...)
}

// needed returns where the text begins in which there may be matches yet.
func (v *values) needed() int {
	if v.quote != 0 {
		return v.from
	}
	return v.pos
}

// assigns reports whether the quote at byte i of p, which stands behind last, begins a string that is assigned to a telling name.
func assigns(p, last []byte, i int) bool {
	k := i - 1
	for k >= 0 && assigning.quotes[p[k]] && i-k <= maxNamed {
		k--
	}
	if k >= 0 && p[k] != '=' && p[k] != ':' && p[k] != '>' && p[k] != 's' {
		return false // most quotes
	}
	var buf [2 * maxNamed]byte
	before := p[max(0, i-maxNamed):i]
	if len(before) < maxNamed {
		before = append(append(buf[:0], last...), before...)
	}
	f := finder{before: before}
	return f.endsInName(len(before))
}

// nextQuotes says where in a text the next quote of each kind stands.
type nextQuotes [3]int

const kindsOfQuotes = "\"'`"

// from returns where the first quote stands in p from byte i on, or its length.
func (n *nextQuotes) from(p []byte, i int) int {
	first := len(p)
	for k, c := range []byte(kindsOfQuotes) {
		if n[k] < i {
			if at := bytes.IndexByte(p[i:], c); at >= 0 {
				n[k] = i + at
			} else {
				n[k] = len(p)
			}
		}
		first = min(first, n[k])
	}
	return first
}
