package sensitive

import (
	"bytes"

	"github.com/holdfast-ai/holdfast/guard/stream"
)

const (
	// maxSegment bounds a segment in bytes: longer than any identifier, and than tokens of signed claims mostly are.
	maxSegment = 4096
	// maxContext is how far before an identifier a word counts, in bytes.
	maxContext = 64
)

// A follower cuts a text into segments and looks at each when it is complete. A segment is a run of bytes that identifiers
// are made of, groups of digits and capitals joined by single spaces; where it ends depends on the text alone.
type follower struct {
	set    *Set
	pos    int    // bytes of the text before the segment in progress
	seg    []byte // the segment in progress, with the space behind it that may join it to the next word
	before []byte // the end of the text before it, maxContext bytes at least where there are so many
	split  split  // a secret in several pieces
}

// What a byte of a segment is good for.
const (
	other   = 1 << iota // part of a segment, and nothing else
	letter              // small
	mark                // '_' or '-', as prefixes of secrets have
	numeral             // digit
	capital
	telling // '@'
)

// part has the bytes of segments.
var part = func() (t [256]uint8) {
	for c := range 0x80 {
		switch b := byte(c); {
		case isDigit(b):
			t[c] = numeral
		case isUpper(b):
			t[c] = capital
		case isLetter(b):
			t[c] = letter
		case b == '_' || b == '-':
			t[c] = mark
		case b == '@':
			t[c] = telling
		case bytes.IndexByte([]byte(".+/%~#&()$!?*=:"), b) >= 0:
			t[c] = other
		}
	}
	return t
}()

// minLetters is the length of the shortest secret without a digit, in bytes: a key of Amazon's.
const minLetters = 20

// fewCapitals reports whether a segment has fewer than [minBIC] capitals.
func fewCapitals(seg []byte) bool {
	n := 0
	for _, c := range seg {
		n += int(part[c] & capital / capital)
	}
	return n < minBIC
}

// joins marks the bytes beside a space that can join two groups.
func joins(c byte) bool {
	return isDigit(c) || isUpper(c) || c == '(' || c == ')' || c == '+' || c == '-'
}

// write takes more of the text; what it holds back begins at needed.
func (f *follower) write(ms []stream.Match, p []byte) []stream.Match {
	ms, i := f.busily(ms, p)
	synced := i // of p: what before has
	for i < len(p) {
		if part[p[i]] == 0 {
			i++
			continue
		}
		j, kinds := i+1, part[p[i]]
		for j < len(p) {
			k := part[p[j]]
			if k == 0 {
				break
			}
			kinds |= k
			j++
		}
		if j < len(p) && (kinds&(numeral|telling) == 0 && (kinds&capital == 0 && j-i < maxSegment || j-i < minLetters && fewCapitals(p[i:j])) || j-i < minSegment && !(j-i == minPostcode && kinds == numeral)) { // a word of prose, or too short
			c := p[j]
			if c == ' ' && !joins(p[j-1]) || c != ' ' && (kinds&(capital|mark|numeral) == 0 && !quote(c) || !parts[c] || !f.set.mayBegin(p[i:j], kinds&^(letter|capital|numeral) == 0)) {
				i = j + 1
				continue
			}
		}
		f.sync(p[synced:i])
		f.pos += i - synced
		var n int
		ms, n = f.part(ms, p[i:], j-i)
		i += n
		synced = i
	}
	f.sync(p[synced:])
	f.pos += len(p) - synced
	return ms
}

// part takes at least the first n bytes of p, which are of a segment and end it if there are more.
func (f *follower) part(ms []stream.Match, p []byte, n int) (matches []stream.Match, took int) {
	if n == len(p) || n >= maxSegment || p[n] == ' ' && joins(p[n-1]) { // it may go on
		f.seg = append(f.seg, p[0])
		ms, took = f.busily(ms, p[1:])
		return ms, took + 1
	}
	ms = f.look(ms, p[:n], p[n])
	ms, took = f.busily(ms, p[n:])
	return ms, took + n
}

// busily takes bytes one by one while a segment or a split secret is in progress.
func (f *follower) busily(ms []stream.Match, p []byte) (matches []stream.Match, took int) {
	for took < len(p) && (len(f.seg) > 0 || f.split.state != none) {
		var more bool
		if ms, more = f.step(ms, p[took]); more {
			took++
		}
	}
	return ms, took
}

// finish looks at what is held at the end of the text.
func (f *follower) finish(ms []stream.Match) []stream.Match {
	if len(f.seg) > 0 {
		ms = f.flush(ms, 0)
	}
	return f.whole(ms)
}

// step takes the next byte while a segment or a split secret is in progress, unless the byte ends the segment.
func (f *follower) step(ms []stream.Match, c byte) (matches []stream.Match, took bool) {
	n := len(f.seg)
	if n == 0 && part[c] == 0 {
		ms = f.passed(ms, c)
		f.sync([]byte{c})
		f.pos++
		return ms, true
	}
	if n == 0 {
		f.seg = append(f.seg, c)
		return ms, true
	}
	spaced := f.seg[n-1] == ' '
	switch {
	case n == maxSegment:
		return f.flush(ms, c), false
	case part[c] != 0 && (!spaced || joins(c)), c == ' ' && (!spaced && joins(f.seg[n-1]) || spaced && n > 1 && f.seg[n-2] != ' '): // one space, or two
		f.seg = append(f.seg, c)
		return ms, true
	}
	return f.flush(ms, c), false
}

// sync adds to the text before the segment what was passed.
func (f *follower) sync(p []byte) {
	if len(p) >= maxContext {
		f.before = append(f.before[:0], p[len(p)-maxContext:]...)
		return
	}
	if len(f.before)+len(p) > 8*maxContext {
		f.before = f.before[:copy(f.before, f.context())]
	}
	f.before = append(f.before, p...)
}

func (f *follower) context() []byte { return f.before[max(0, len(f.before)-maxContext):] }

// flush looks at the segment in progress and ends it before the byte next.
func (f *follower) flush(ms []stream.Match, next byte) []stream.Match {
	ms = f.look(ms, f.seg, next)
	f.seg = f.seg[:0]
	return ms
}

// look looks at a segment, which ends before the byte next, and passes it.
func (f *follower) look(ms []stream.Match, seg []byte, next byte) []stream.Match {
	first := len(ms)
	if len(seg) >= minPostcode {
		ms = f.set.segment(ms, seg, f.context(), f.pos)
	}
	if parts[next] || f.split.state != none {
		ms = f.ended(ms, first, seg, next)
	}
	f.pos += len(seg)
	f.sync(seg)
	return ms
}
