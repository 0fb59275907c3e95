package detect

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/holdfast-ai/holdfast/guard/stream"
)

// A model that may not say a canary is asked to spell it: with spaces, in JSON's escapes, backwards, in base64. The letters and digits of a
// text, escapes undone and everything between them skipped, are held against those of each such spelling.
const (
	spelledLetters = 32 // of a spelling; more of a longer one add nothing
	spelledGap     = 16 // bytes that are skipped between two letters: five invisible characters
	spelledFree    = 4  // letters that are sent before a run is held back, as prose begins like anything
	longestEscape  = 10 // bytes, "&#1114111;"
)

// spellings returns the letters of a canary as it can be written down, in a code of a code too if twice, those that are too short to tell left out.
func spellings(canary string, twice bool) []string {
	forms := codesOf(canary)
	if twice {
		for _, f := range append(forms[:len(forms):len(forms)], strings.ToUpper(hex.EncodeToString([]byte(canary)))) {
			forms = append(forms, codesOf(f)...)
		}
	}
	forms = append(forms, canary)
	seen := make(map[string]bool)
	out := forms[:0]
	for _, f := range forms {
		letters := make([]byte, 0, spelledLetters)
		for i := 0; i < len(f) && len(letters) < spelledLetters; i++ {
			if isLetter(f[i]) {
				letters = append(letters, f[i])
			}
		}
		if folded := strings.ToLower(string(letters)); len(letters) >= minCanary && !seen[folded] {
			seen[folded] = true
			out = append(out, string(letters))
		}
	}
	return out
}

// codesOf returns a text backwards, in ROT13, in hexadecimal, and in base64 wherever it stands in what is encoded.
func codesOf(text string) []string {
	back := []byte(text)
	slices.Reverse(back)
	forms := []string{string(back), strings.Map(rot13, text), hex.EncodeToString([]byte(text))}
	for shift := range 3 {
		code := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), text...))
		forms = append(forms, code[(8*shift+5)/6:8*(shift+len(text))/6])
	}
	return forms
}

func rot13(r rune) rune {
	switch {
	case 'a' <= r|0x20 && r|0x20 <= 'm':
		return r + 13
	case 'n' <= r|0x20 && r|0x20 <= 'z':
		return r - 13
	}
	return r
}

func isLetter(c byte) bool { return c < 0x80 && isWord(c) }

// spelledAutomaton is that of all spellings.
type spelledAutomaton struct {
	*automaton
	idle [256]bool // bytes that begin neither a spelling nor an escape: most of them, and nothing need be done about one between spellings
}

// newSpelled returns the automaton, or nil where no canary has letters enough. Codes of codes are left out where they are too many for it.
func newSpelled(canaries []string) (*spelledAutomaton, bool) {
	a, ok := newSpellings(canaries, true)
	if !ok {
		a, ok = newSpellings(canaries, false)
	}
	return a, ok
}

func newSpellings(canaries []string, twice bool) (*spelledAutomaton, bool) {
	var forms []string
	for _, c := range canaries {
		forms = append(forms, spellings(c, twice)...)
	}
	if len(forms) == 0 {
		return nil, true
	}
	a, ok := newAutomaton(forms, nil, true)
	if !ok {
		return nil, false
	}
	l := &spelledAutomaton{automaton: a}
	for c := range l.idle {
		l.idle[c] = !beginsEscape(byte(c)) && (!isLetter(byte(c)) || a.step(0, byte(c)) == 0)
	}
	return l, true
}

func beginsEscape(c byte) bool { return c == '\\' || c == '%' || c == '&' || c == 0xef }

// spelledState follows the letters of a text.
type spelledState struct {
	node    state
	n       int                   // letters seen
	at      [spelledLetters]int32 // where each of the last began
	gap     int                   // bytes since the last
	pending int                   // bytes of what may be an escape
	escape  [longestEscape]byte
}

// skips says that a byte need not be taken.
func (s *spelledState) skips(a *spelledAutomaton, c byte) bool {
	return s.node == 0 && s.pending == 0 && a.idle[c]
}

// take takes the byte at position at and appends the spelling that it completes.
func (s *spelledState) take(a *spelledAutomaton, ms []stream.Match, c byte, at int) []stream.Match {
	if s.pending == 0 {
		if beginsEscape(c) {
			s.escape[0], s.pending = c, 1
			return ms
		}
		return s.letter(a, ms, c, at, at+1)
	}
	s.escape[s.pending] = c
	s.pending++
	value, verdict := unescape(s.escape[:s.pending])
	switch {
	case verdict == escaped:
		start := at + 1 - s.pending
		s.pending = 0
		return s.letter(a, ms, value, start, at+1)
	case verdict == noEscape || s.pending == longestEscape:
		return s.flush(a, ms, at+1)
	}
	return ms
}

// flush takes what looked like an escape, and ends before end, for what it is.
func (s *spelledState) flush(a *spelledAutomaton, ms []stream.Match, end int) []stream.Match {
	raw, n := s.escape, s.pending
	s.pending = 0
	for i, c := range raw[:n] {
		at := end - n + i
		if i == 0 {
			ms = s.letter(a, ms, 0, at, at+1)
			continue
		}
		ms = s.take(a, ms, c, at)
	}
	return ms
}

// letter takes a character, written from start to end.
func (s *spelledState) letter(a *spelledAutomaton, ms []stream.Match, c byte, start, end int) []stream.Match {
	if !isLetter(c) {
		if s.gap += end - start; s.gap > spelledGap {
			s.node = 0
		}
		return ms
	}
	s.gap = 0
	s.node = a.step(s.node, c)
	s.at[s.n%spelledLetters] = int32(start) // answers are far shorter than that
	s.n++
	if !s.node.ends() {
		return ms
	}
	return append(ms, stream.Match{Rule: RuleCanary, Category: CategoryLeak, Start: s.from(a.longest(s.node)), End: end})
}

// from returns where the hold of the last n letters begins.
func (s *spelledState) from(n int) int { return int(s.at[(s.n-n+spelledFree)%spelledLetters]) }

// held returns how many bytes before position pos may belong to a spelling.
func (s *spelledState) held(a *spelledAutomaton, pos int) int {
	n := a.prefix(s.node)
	if n+s.pending < spelledFree {
		return 0
	}
	if n > spelledFree {
		return pos - s.from(n)
	}
	if s.pending > 0 && n == spelledFree {
		return s.pending
	}
	for i, c := range s.escape[:s.pending] { // as it is, if it is no escape
		if isLetter(c) {
			if n++; n > spelledFree {
				return s.pending - i
			}
		}
	}
	return 0
}

type verdict uint8

const (
	unfinished verdict = iota
	escaped
	noEscape
)

// unescape undoes an escape of JSON and programs, of addresses or of HTML, or a letter of full width. What it stands for is 0 where that is no ASCII character.
func unescape(b []byte) (byte, verdict) {
	if len(b) < 2 {
		return 0, unfinished
	}
	switch b[0] {
	case '\\':
		switch b[1] {
		case 'n', 'r', 't', 'b', 'f':
			return 0, escaped
		case 'u':
			return digits(b[2:], 16, 4)
		case 'x':
			return digits(b[2:], 16, 2)
		}
	case '%':
		return digits(b[1:], 16, 2)
	case '&':
		switch {
		case b[1] != '#':
		case len(b) > 2 && b[2]|0x20 == 'x':
			return entity(b[3:], 16)
		default:
			return entity(b[2:], 10)
		}
	case 0xef: // U+FF01 to U+FF5E stand for "!" to "~"
		switch {
		case b[1] != 0xbc && b[1] != 0xbd:
		case len(b) < 3:
			return 0, unfinished
		case b[2]&0xc0 == 0x80:
			if c := int(b[1]&1)<<6 + int(b[2]&0x3f) + 0x20; c > 0x20 && c < 0x7f {
				return byte(c), escaped
			}
		}
	}
	return 0, noEscape
}

// digits reads a number of exactly n digits.
func digits(b []byte, base, n int) (byte, verdict) {
	value := 0
	for _, c := range b {
		d := digit(c)
		if d >= base {
			return 0, noEscape
		}
		value = value*base + d
	}
	switch {
	case len(b) < n:
		return 0, unfinished
	case value > 0x7f:
		value = 0
	}
	return byte(value), escaped
}

// entity reads a number that a semicolon ends.
func entity(b []byte, base int) (byte, verdict) {
	n := len(b)
	if n > 1 && b[n-1] == ';' {
		return digits(b[:n-1], base, n-1)
	}
	if _, v := digits(b, base, n+1); v == noEscape {
		return 0, noEscape
	}
	return 0, unfinished
}

func digit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return 99
}
