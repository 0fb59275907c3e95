package sensitive

import (
	"bytes"
	"strings"

	"github.com/holdfast-ai/holdfast/guard/stream"
)

const (
	// maxPieces bounds into how many pieces a secret may be split: with maxSegment and maxGap it bounds what is held back,
	// and what looking at all of it after each piece costs.
	maxPieces = 64
	// maxGap bounds what stands between two pieces, in bytes: an operator, a line end, indentation.
	maxGap = 64
)

// A split is a secret with a prefix that goes on behind a line end, or in the next string of an expression that a program
// puts together. The prefix stands whole in the first piece, or that is two of its bytes at least in a string of its own. Only pieces that are no finding by themselves are joined, and what is found is
// one run of the text: all pieces with what joins them.
type split struct {
	state  gap
	joined []byte // the pieces
	start  int    // of the text: of the first piece
	end    int    // of the text: where the secret ends that was recognised last
	rule   string // of it; empty if there is none
	dead   uint64 // a bit for each secret of the first two bytes that the pieces are not the beginning of
	pieces int
	gap    int  // bytes since the last piece
	last   byte // of the gap
	full   bool // the first piece is a secret by itself
	listed bool // the pieces are of a list
}

// gap says what stands behind the last piece.
type gap uint8

const (
	none    gap = iota // nothing is split
	ended              // nothing yet
	escaped            // a backslash
	line               // a line end, and what quotes or indents the next line: a piece may begin
	between            // the end of a string
	opened             // the beginning of the next string: a piece must begin
	closed             // the end of an expression in a string ("ghp_${"a"}b"): a piece may begin
)

// parts marks the bytes that may follow a piece when there is another.
var parts = [256]bool{'\n': true, '\r': true, '"': true, '\'': true, '`': true, '\\': true, '{': true, '}': true}

// operators are bytes that programs put strings together with, beside those of passed. With "," they are those of a list, which is joined where nothing in it is a secret by itself.
const operators = "+.&$~ "

// concat is the call of a function that does.
const concat = ".concat("

// passed takes a byte between segments while something is split.
func (f *follower) passed(ms []stream.Match, c byte) []stream.Match {
	p := &f.split
	quoted, lineEnd := quote(c), c == '\n' || c == '\r'
	switch was := p.state; {
	case p.gap == maxGap:
		return f.whole(ms)
	case (was == ended || was == escaped) && lineEnd:
		p.state = line
	case (was == ended || was == escaped) && quoted:
		p.state = between
	case was == ended && c == '\\':
		p.state = escaped
	case was == line && (c == ' ' || c == '\t' || c == '>' || c == '|' || c == '\n' && p.last == '\r'):
	case (was == ended || was == closed) && c == '{': // of an expression in a string
		p.state = between
	case (was == between || was == closed) && quoted:
		p.state = opened
	case was == between && c == '}':
		p.state = closed
	case was == between && c == ',' && p.rule == "" && !p.full:
		p.listed = true
	case was == between && (lineEnd || c == ' ' || c == '\t' || c == '\\' || c == '>' || c == '|' || c == '<' || c == '^' || c == '{'):
	default:
		return f.whole(ms)
	}
	p.gap++
	p.last = c
	return ms
}

// ended takes a segment that has the matches ms[first:], and the byte behind it. It is called for those before a byte of parts, and for
// all while something is split.
func (f *follower) ended(ms []stream.Match, first int, seg []byte, next byte) []stream.Match {
	p := &f.split
	if (p.state == between && p.gap+len(seg) <= maxGap && (len(bytes.Trim(seg, operators)) == 0 || quote(next) && (len(seg) <= 2 && len(bytes.Trim(seg, "bfruBFRUL")) == 0 || string(seg) == concat))) ||
		p.state == closed && (string(seg) == "$" || string(seg) == "#") && next == '{' { // an operator, or the kind of a string
		p.gap += len(seg)
		p.last = seg[len(seg)-1]
		return ms
	}
	if p.state != none {
		if p.state != line && p.state != opened && p.state != closed || len(ms) > first || p.pieces == maxPieces {
			ms = f.whole(ms)
		} else {
			ms = f.piece(ms, seg, next)
		}
	}
	if p.state == none && parts[next] {
		f.opens(ms[first:], seg, next)
	}
	return ms
}

// opens begins a split secret if the segment, which has the matches ms, ends in the beginning of one.
func (f *follower) opens(ms []stream.Match, seg []byte, next byte) {
	kinds := uint8(0)
	for _, c := range seg {
		kinds |= part[c]
	}
	if kinds&(capital|mark|numeral) == 0 && !quote(next) { // a word, which write passes over
		return
	}
	tail := bytes.TrimRight(seg, " ")
	if next == '{' {
		tail = bytes.TrimRight(tail, "$#")
	}
	if (quote(next) || next == '{') && f.set.opening(tail) {
		f.begin(tail, f.pos)
		return
	}
	i, t := f.set.beginning(tail)
	if n := len(tail) - 1; i < 0 && n > 0 && tail[n] == '-' && (next == '\n' || next == '\r') { // of the line, not of the secret
		tail = tail[:n]
		i, t = f.set.beginning(tail)
	}
	if i < 0 {
		return
	}
	full := false
	for _, m := range ms {
		if m.End >= f.pos+len(tail) && len(tail)-i-len(t.prefix) >= t.min {
			if full = true; !quote(next) {
				return // it is whole, and what comes is another line
			}
		}
	}
	f.begin(tail[i:], f.pos+i)
	f.split.full = full
}

// begin begins with the first piece, which stands at start.
func (f *follower) begin(piece []byte, start int) {
	f.split = split{state: ended, joined: append(f.split.joined[:0], piece...), start: start, pieces: 1}
	f.split.dead, _ = f.set.dead(piece, 0, 0)
}

// piece adds the segment behind a gap.
func (f *follower) piece(ms []stream.Match, seg []byte, next byte) []stream.Match {
	p := &f.split
	seg = bytes.TrimRight(seg, " ")
	if next == '{' {
		seg = bytes.TrimRight(seg, "$#")
	}
	if k := bytes.IndexByte(seg, ' '); k >= 0 {
		seg, next = seg[:k], ' '
	}
	had := len(p.joined)
	if had+len(seg) > maxSegment {
		return f.whole(ms)
	}
	p.joined = append(p.joined, seg...)
	found := false
	for k, t := range f.set.starting(p.joined) {
		if p.dead>>k&1 != 0 {
			continue
		}
		last := run{len(t.prefix), had} // whose characters are of the class
		if end := t.match(p.joined, 0, &last); end > had && random(p.joined[len(t.prefix):end]) && (!p.listed || digital(p.joined[len(t.prefix):end])) {
			p.rule, p.end, found = t.id, f.pos+end-had, true
			break
		}
	}
	lineEnd := next == '\n' || next == '\r'
	if !parts[next] || found && lineEnd {
		return f.whole(ms)
	}
	if i, t := f.set.beginning(seg); !found && i == 0 && !bytes.HasPrefix(p.joined, []byte(t.prefix)) {
		return f.whole(ms) // another one
	}
	dead, live := f.set.dead(p.joined, had, p.dead)
	if n := len(p.joined) - 1; lineEnd && p.joined[n] == '-' && !live {
		p.joined = p.joined[:n]
		dead, live = f.set.dead(p.joined, had, p.dead)
	}
	if !live {
		return f.whole(ms)
	}
	p.dead = dead
	p.state, p.gap = ended, 0
	p.pieces++
	return ms
}

// digital reports whether a twelfth of a text is digits, of random ones a sixth: lists of words have fewer.
func digital(b []byte) bool {
	n := 0
	for _, c := range b {
		if isDigit(c) {
			n++
		}
	}
	return 12*n >= len(b)
}

// whole ends what is split, and reports it if it is a secret.
func (f *follower) whole(ms []stream.Match) []stream.Match {
	p := &f.split
	if p.rule != "" {
		ms = append(ms, stream.Match{Rule: p.rule, Category: Category, Start: p.start, End: p.end})
	}
	*p = split{joined: p.joined[:0]}
	return ms
}

// needed returns where the text begins in which there may be matches yet.
func (f *follower) needed() int {
	if f.split.state != none {
		return f.split.start
	}
	return f.pos
}

// begins reports whether two bytes may be the first ones of a secret.
func (s *Set) begins(b []byte) bool { return len(b) > 1 && s.pairs[b[0]]>>(b[1]&63)&1 != 0 }

// mayBegin reports whether two bytes of a segment may be the first ones of a secret: for a word, those in front.
func (s *Set) mayBegin(seg []byte, word bool) bool {
	if word {
		return s.begins(seg)
	}
	for i := range seg {
		if s.begins(seg[i:]) {
			return true
		}
	}
	return false
}

// quote reports whether c begins and ends strings.
func quote(c byte) bool { return c == '"' || c == '\'' || c == '`' }

// opening reports whether a text is the beginning of a prefix, of two bytes at least.
func (s *Set) opening(b []byte) bool {
	for _, t := range s.starting(b) {
		if len(b) < len(t.prefix) && strings.HasPrefix(t.prefix, string(b)) {
			return true
		}
	}
	return false
}

// dead returns the secrets that a text is not the beginning of, and whether there are others. Those of its first bytes, up to had, are known.
func (s *Set) dead(b []byte, had int, known uint64) (dead uint64, live bool) {
	dead = known
	for k, t := range s.starting(b) {
		if dead>>k&1 != 0 {
			continue
		}
		n := len(t.prefix)
		if may := len(b) < n && strings.HasPrefix(t.prefix, string(b)) ||
			len(b) >= n && (had >= n || bytes.HasPrefix(b, []byte(t.prefix))) && len(b)-n <= max(t.min, t.max) && t.class.tail(b[min(max(had, n), len(b)):]) == 0; may {
			live = true
		} else {
			dead |= 1 << k
		}
	}
	return dead, live
}

// beginning returns where a secret begins that goes on to the end of a segment at least, or -1.
func (s *Set) beginning(seg []byte) (int, *token) {
	var tails [classes]int // where the run of each class begins at the end, and 1
	for i := range seg {
		if !s.begins(seg[i:]) || i > 0 && (isAlnum(seg[i-1]) || seg[i-1] == '_' || seg[i-1] == '-' && i > 1 && isAlnum(seg[i-2])) {
			continue
		}
		for _, t := range s.starting(seg[i:]) {
			from := i + len(t.prefix)
			if !bytes.HasPrefix(seg[i:], []byte(t.prefix)) || len(seg)-from > max(t.min, t.max) {
				continue
			}
			tail := &tails[t.class]
			if *tail == 0 {
				*tail = t.class.tail(seg) + 1
			}
			if *tail <= from+1 {
				return i, t
			}
		}
	}
	return -1, nil
}

// tail returns where the run of the class begins in which a text ends.
func (k class) tail(b []byte) int {
	i := len(b)
	for i > 0 && k.has(b[i-1]) {
		i--
	}
	return i
}
