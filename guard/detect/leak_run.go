package detect

import (
	"bytes"
	"unicode/utf8"

	"github.com/holdfast-ai/holdfast/guard/stream"
)

// A letterRun follows the letters of one text.
type letterRun struct {
	recent lettersRoll
	char   [utf8.UTFMax]byte // in progress
	size   uint8
	escape uint8 // 1 behind a backslash, and one more for each character behind it
	leaks  bool
	value  rune // of the escape so far
	// The run in progress.
	at           int32 // of the index, behind its last letter; 0 for none
	weight, need int32
	from, end    int32 // of the text, which is far shorter: where the hold begins, and behind the last letter
	begin, parts int32 // where the run began in the index, and what parts are a leak
	// The parts so far.
	total int32
	seen  [4]uint64 // a bit for each place of the index, modulo 256 steps: a phrase that is said again is no other part
}

// asciiLetters has the letters of ASCII in lower case, and zeros.
var asciiLetters = func() (t [0x80]byte) {
	for c := byte('a'); c <= 'z'; c++ {
		t[c], t[c&^0x20] = c, c
	}
	return t
}()

// take takes a byte of the text, which ends at position end. Escapes as JSON and programs have them are undone.
func (s *letterRun) take(l *lettersIndex, ms []stream.Match, c byte, end int) []stream.Match {
	if s.at > 0 && end-int(s.end) > lettersGap {
		ms = s.breaks(ms)
	}
	if c < 0x80 {
		s.size = 0
		if s.escape > 0 || c == '\\' {
			r, done := s.escaped(c)
			if !done {
				return ms
			}
			if r >= 0x80 {
				return s.letter(l, ms, r, end)
			}
			c = byte(r)
		}
		b := asciiLetters[c]
		if b == 0 {
			return ms
		}
		s.recent.roll(b)
		if s.at == 0 && !l.may(s.recent.hash) { // most of any text
			return ms
		}
		one := [1]byte{b}
		return s.next(l, ms, one[:], weigh('a'), end)
	}
	s.escape = 0
	if c >= 0xc0 {
		s.size = 0
	} else if s.size == 0 {
		return ms
	}
	s.char[s.size] = c
	s.size++
	if !utf8.FullRune(s.char[:s.size]) {
		return ms
	}
	r, n := utf8.DecodeRune(s.char[:s.size])
	if s.size = 0; n == 1 {
		return ms
	}
	return s.letter(l, ms, r, end)
}

// escaped takes a byte of an escape and returns the character, or 0 for one that is no letter.
func (s *letterRun) escaped(c byte) (r rune, done bool) {
	switch {
	case c == '\\':
		s.escape, s.value = 1, 0
		return 0, false
	case s.escape == 1 && c == 'u':
		s.escape = 2
		return 0, false
	case s.escape == 1 && (c == 'n' || c == 'r' || c == 't'):
		s.escape = 0
		return 0, true
	case s.escape > 1 && digit(c) < 16:
		s.value = s.value<<4 | rune(digit(c))
		if s.escape++; s.escape < 6 {
			return 0, false
		}
		s.escape = 0
		return s.value, true
	}
	s.escape = 0
	return rune(c), true
}

// letter takes a character that ends at position end of the text.
func (s *letterRun) letter(l *lettersIndex, ms []stream.Match, r rune, end int) []stream.Match {
	var ok bool
	if r < rune(len(l.small)) {
		r = l.small[r]
		ok = r != 0
	} else {
		r, ok = letterOf(r)
	}
	if !ok {
		return ms
	}
	var b [utf8.UTFMax]byte
	n := utf8.EncodeRune(b[:], r)
	for _, c := range b[:n] {
		s.recent.roll(c)
	}
	return s.next(l, ms, b[:n], weigh(r), end)
}

// next goes on with the run, or begins one, with a letter of the given weight that has been added to recent.
func (s *letterRun) next(l *lettersIndex, ms []stream.Match, b []byte, weight int32, end int) []stream.Match {
	if s.at > 0 && bytes.HasPrefix(l.text[s.at:], b) {
		s.at += int32(len(b))
		s.weight += weight
	} else {
		ms = s.breaks(ms)
		if !l.may(s.recent.hash) {
			return ms
		}
		x, ok := l.seeds[s.recent.hash]
		if !ok || !s.recent.is(l.text[x.at-seedBytes:x.at]) {
			return ms
		}
		s.at, s.weight, s.need, s.from, s.begin, s.parts = x.at, x.weight, x.need, int32(end), x.at, x.parts
	}
	s.end = int32(end)
	if first := !s.leaks; s.weight >= s.need {
		if s.leaks = true; first || l.text[s.at] == 0 || end-int(s.from) >= lettersGap {
			ms = s.report(ms)
		}
	}
	return ms
}

// report reports what was held of a leak.
func (s *letterRun) report(ms []stream.Match) []stream.Match {
	if s.leaks && s.end > s.from {
		ms = append(ms, stream.Match{Rule: RulePrompt, Category: CategoryLeak, Start: int(s.from), End: int(s.end)})
		s.from = s.end
	}
	return ms
}

// breaks ends the run.
func (s *letterRun) breaks(ms []stream.Match) []stream.Match {
	if step := uint8(s.begin / partStep); s.at > 0 && s.weight >= partWeight && s.seen[step/64]>>(step%64)&1 == 0 {
		s.seen[step/64] |= 1 << (step % 64)
		s.total += s.weight
		s.leaks = s.leaks || s.total >= s.parts
	}
	ms = s.report(ms)
	s.at, s.weight, s.leaks = 0, 0, false
	return ms
}

// held returns how many bytes before position pos may belong to a leak.
func (s *letterRun) held(pos int) int {
	if s.at == 0 {
		return 0
	}
	return pos - int(s.from)
}
