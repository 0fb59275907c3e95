package api

import (
	"bytes"
	"math"
)

// leading reads the number that text begins with, 0 where it is none.
func leading(text []byte) (n float64, rest []byte) {
	i := 0
	for i < len(text) && '0' <= text[i] && text[i] <= '9' {
		n = n*10 + float64(text[i]-'0')
		i++
	}
	return n, text[i:]
}

// counted reads the count that text begins with: {n}, {n,}, {,m} or {n,m}, with spaces where some engines take them. It returns the larger
// number, one more for an open end, and the length of the count, 0 where it is none.
func counted(text []byte) (n float64, length int) {
	end := 1
	for end < len(text) && (text[end] == ' ' || text[end] == ',' || '0' <= text[end] && text[end] <= '9') {
		if end++; end > maxCount {
			return math.Inf(1), end
		}
	}
	if end == len(text) || text[end] != '}' {
		return 0, 0
	}
	body := text[1:end]
	low, high, comma := bytes.Cut(bytes.ReplaceAll(body, []byte(" "), nil), []byte(","))
	if len(low)+len(high) == 0 || bytes.IndexByte(high, ',') >= 0 {
		return 0, 0
	}
	n, _ = leading(low)
	m, _ := leading(high)
	if comma && len(high) == 0 {
		n++
	}
	return max(n, m), end + 1
}

// maxCount is the length of a count: two numbers need less.
const maxCount = 64

// expanded returns how many atoms a pattern has when its counts are written out, and 0 for one without counts. It reports false for a
// pattern with counts that engines group in different ways: one could hide from the other what a count applies to.
func expanded(p []byte) (size float64, ok bool) {
	if !hasCount(p) {
		return 0, true
	}
	var groups []float64 // what the open groups have so far
	sum, last := 0.0, 0.0
	for i := 0; i < len(p); i++ {
		atom := 1.0
		switch p[i] {
		case '\\':
			if i++; i == len(p) || p[i] == 'Q' { // quoted up to \E, or not
				return 0, false
			}
		case '[':
			n := class(p[i:])
			if n == 0 {
				return 0, false
			}
			i += n - 1
		case '(':
			if comments(p[i+1:]) {
				return 0, false
			}
			groups, sum, last = append(groups, sum), 0, 0
			continue
		case ')':
			if len(groups) == 0 {
				return 0, false
			}
			atom = max(sum, 1)
			sum, groups = groups[len(groups)-1], groups[:len(groups)-1]
		case '{':
			n, length := counted(p[i:])
			if length == 0 {
				break
			}
			if n > 1 {
				sum, last = sum+last*(n-1), last*n
			}
			i += length - 1
			continue
		case '|', '*', '+', '?':
			continue
		}
		sum, last = sum+atom, atom
	}
	return sum, len(groups) == 0
}

func hasCount(p []byte) bool {
	for i, c := range p {
		if c == '{' {
			if _, n := counted(p[i:]); n > 0 {
				return true
			}
		}
	}
	return false
}

// class returns the length of the class that p begins with, and 0 for one that is read in two ways: an empty one, which some take for a
// class that holds a bracket, and one within another.
func class(p []byte) int {
	i := 1
	if i < len(p) && p[i] == '^' {
		i++
	}
	if i < len(p) && p[i] == ']' {
		return 0
	}
	for ; i < len(p); i++ {
		switch p[i] {
		case '\\':
			i++
		case '[':
			return 0
		case ']':
			return i + 1
		}
	}
	return 0
}

// comments reports whether a group is a comment, or begins a way of writing in which there are some.
func comments(p []byte) bool {
	if len(p) == 0 || p[0] != '?' {
		return false
	}
	for _, c := range p[1:] {
		switch {
		case c == '#' || c == 'x':
			return true
		case !('a' <= c && c <= 'z' || c == '-' || c == '^'):
			return false
		}
	}
	return false
}
