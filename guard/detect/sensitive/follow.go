package sensitive

import (
	"bytes"

	"github.com/holdfast-ai/holdfast/guard/stream"
)

const (
	// maxSegment bounds a segment in bytes: longer than any identifier, and than tokens of signed claims mostly are.
	maxSegment = 4096
	// maxPEM bounds a private key: one of 16,384 bits has 12.7 kB.
	maxPEM = 16384
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
	pem    bool   // the segment is a private key
}

// What a byte of a segment is good for.
const (
	other   = 1 << iota // part of a segment, and nothing else
	numeral             // digit
	capital
	telling // '@', '=' or ':'
)

// part has the bytes of segments.
var part = func() (t [256]uint8) {
	for c := range 0x80 {
		switch b := byte(c); {
		case isDigit(b):
			t[c] = numeral
		case isUpper(b):
			t[c] = capital
		case isLetter(b) || bytes.IndexByte([]byte("_-.+/%~#&()$!?*"), b) >= 0:
			t[c] = other
		case b == '@' || b == '=' || b == ':':
			t[c] = telling
		}
	}
	return t
}()

// joins marks the bytes beside a space that can join two groups.
func joins(c byte) bool {
	return isDigit(c) || isUpper(c) || c == '(' || c == ')' || c == '+' || c == '-'
}

// write takes more of the text; what it holds back is seg.
func (f *follower) write(ms []stream.Match, p []byte) []stream.Match {
	synced := 0 // of p: what before has
	for i := 0; i < len(p); {
		if len(f.seg) > 0 {
			var took bool
			if ms, took = f.step(ms, p[i]); took {
				i++
			}
			synced = i
			continue
		}
		if part[p[i]] == 0 {
			i++
			f.pos++
			continue
		}
		j, kinds := i, uint8(0)
		for j < len(p) && part[p[j]] != 0 {
			kinds |= part[p[j]]
			j++
		}
		switch {
		case j == len(p), j-i >= maxSegment, p[j] == ' ' && joins(p[j-1]): // it may go on
			f.sync(p[synced:i])
			f.seg = append(f.seg, p[i])
			i++
			synced = i
			continue
		case kinds&(numeral|telling) == 0 && (kinds&capital == 0 || j-i < minToken/2): // a word of prose
		case j-i >= minSegment:
			f.sync(p[synced:i])
			synced = i
			ms = f.set.segment(ms, p[i:j], f.context(), f.pos)
		}
		f.pos += j - i
		i = j
	}
	if len(f.seg) == 0 {
		f.sync(p[synced:])
	}
	return ms
}

// finish looks at what is held at the end of the text.
func (f *follower) finish(ms []stream.Match) []stream.Match {
	if f.pem {
		return f.end(ms)
	}
	return f.flush(ms)
}

// step takes the next byte while a segment is in progress, unless the byte ends it.
func (f *follower) step(ms []stream.Match, c byte) (matches []stream.Match, took bool) {
	if f.pem {
		return f.key(ms, c), true
	}
	n := len(f.seg)
	spaced := f.seg[n-1] == ' '
	switch {
	case n == maxSegment:
		return f.flush(ms), false
	case part[c] != 0 && (!spaced || joins(c)), c == ' ' && !spaced && joins(f.seg[n-1]):
		f.seg = append(f.seg, c)
		return ms, true
	case part[c] == 0 && f.begins():
		f.pem = true
		f.seg = append(f.seg, c)
		return ms, true
	}
	return f.flush(ms), false
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

// flush looks at the segment and ends it.
func (f *follower) flush(ms []stream.Match) []stream.Match {
	if len(f.seg) >= minSegment {
		ms = f.set.segment(ms, f.seg, f.context(), f.pos)
	}
	f.pos += len(f.seg)
	f.sync(f.seg)
	f.seg = f.seg[:0]
	return ms
}

var (
	pemBegin = []byte("-----BEGIN ")
	pemEnd   = []byte("-----END ")
	pemKey   = [][]byte{[]byte("PRIVATE KEY-----"), []byte("PRIVATE KEY BLOCK-----")}
)

// begins reports whether the segment is the first line of a private key.
func (f *follower) begins() bool {
	if !f.set.on[pemID] || !bytes.Contains(f.seg, pemBegin) {
		return false
	}
	s := bytes.TrimRight(f.seg, " ")
	return bytes.HasSuffix(s, pemKey[0]) || bytes.HasSuffix(s, pemKey[1])
}

// key takes a byte of a private key, up to the end of its last line.
func (f *follower) key(ms []stream.Match, c byte) []stream.Match {
	f.seg = append(f.seg, c)
	if len(f.seg) < maxPEM {
		if c != '-' || !bytes.HasSuffix(f.seg, []byte("-----")) {
			return ms
		}
		line := f.seg[max(0, len(f.seg)-64):]
		if i := bytes.LastIndex(line, pemEnd); i < 0 || len(line) < i+len(pemEnd)+5 {
			return ms
		}
	}
	return f.end(ms)
}

// end reports a private key, whole or cut off.
func (f *follower) end(ms []stream.Match) []stream.Match {
	from := bytes.Index(f.seg, pemBegin)
	ms = append(ms, stream.Match{Rule: pemID, Category: Category, Start: f.pos + from, End: f.pos + len(f.seg)})
	f.pem = false
	f.pos += len(f.seg)
	f.sync(f.seg)
	f.seg = f.seg[:0]
	return ms
}
