package safetensors

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// scanner reads the header's JSON. The grammar is small, names may differ only in case (which strict readers of
// configuration refuse), and numbers must be plain integers, so the header has a scanner of its own.
type scanner struct {
	b    []byte
	i    int
	base int64 // offset of b in the file
}

func (s *scanner) fail(r Rule, reason string, args ...any) error {
	return &FormatError{Rule: r, Offset: s.base + int64(s.i), Reason: fmt.Sprintf(reason, args...)}
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

func (s *scanner) peek() byte {
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

func (s *scanner) token(c byte) error {
	s.space()
	if s.peek() != c {
		return s.fail(RuleJSON, "want %q", c)
	}
	s.i++
	return nil
}

// list reads `open item, item close` and calls item with the cursor at each item.
func (s *scanner) list(open, closing byte, item func() error) error {
	if err := s.token(open); err != nil {
		return err
	}
	if s.space(); s.peek() == closing {
		s.i++
		return nil
	}
	for {
		s.space()
		if err := item(); err != nil {
			return err
		}
		s.space()
		switch s.peek() {
		case ',':
			s.i++
		case closing:
			s.i++
			return nil
		default:
			return s.fail(RuleJSON, "want ',' or %q", closing)
		}
	}
}

// members reads an object and calls value for each key with the cursor at its value.
func (s *scanner) members(value func(key string) error) error {
	return s.list('{', '}', func() error {
		if s.peek() != '"' {
			return s.fail(RuleJSON, "want a key")
		}
		key, err := s.text()
		if err != nil {
			return err
		}
		if err := s.token(':'); err != nil {
			return err
		}
		s.space()
		return value(key)
	})
}

// want checks the first byte of a value, so that a value of another kind is named as such.
func (s *scanner) want(c byte, r Rule, what string) error {
	if s.peek() == c {
		return nil
	}
	switch p := s.peek(); {
	case p == '{', p == '[', p == '"', p == '-', p >= '0' && p <= '9', s.literal("true"), s.literal("false"), s.literal("null"):
		return s.fail(r, "%s", what)
	}
	return s.fail(RuleJSON, "not a JSON value")
}

func (s *scanner) literal(w string) bool {
	return len(s.b)-s.i >= len(w) && string(s.b[s.i:s.i+len(w)]) == w
}

// integer reads a plain non-negative integer below 2^64. 2.0, 1e3, -0 and the like are refused: readers disagree on them.
func (s *scanner) integer() (uint64, error) {
	if c := s.peek(); c == '+' || c == 'N' || c == 'I' || c == '/' {
		return 0, s.fail(RuleJSON, "not a JSON value")
	}
	start := s.i
	var n uint64
	for s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9' {
		d := uint64(s.b[s.i] - '0')
		if n > (1<<64-1-d)/10 {
			return 0, s.fail(RuleEntry, "number above 64 bits")
		}
		n = n*10 + d
		s.i++
	}
	if s.i-start > 1 && s.b[start] == '0' {
		return 0, s.fail(RuleJSON, "leading zero")
	}
	switch c := s.peek(); {
	case s.i == start, c == '.', c == 'e', c == 'E':
		return 0, s.fail(RuleEntry, "not a plain non-negative integer")
	}
	return n, nil
}

// text reads a string. Escapes are resolved, since a name may be written in two ways; lone surrogates are refused.
func (s *scanner) text() (string, error) {
	start := s.i + 1
	s.i++
	for s.i < len(s.b) && s.b[s.i] != '"' && s.b[s.i] != '\\' {
		if s.b[s.i] < 0x20 {
			return "", s.fail(RuleJSON, "control character in a string")
		}
		s.i++
	}
	if s.peek() == '"' { // no escapes: the usual case
		s.i++
		return string(s.b[start : s.i-1]), nil
	}
	out := append([]byte(nil), s.b[start:min(s.i, len(s.b))]...)
	for s.i < len(s.b) {
		switch c := s.b[s.i]; {
		case c == '"':
			s.i++
			return string(out), nil
		case c < 0x20:
			return "", s.fail(RuleJSON, "control character in a string")
		case c != '\\':
			out = append(out, c)
			s.i++
		default:
			r, n, err := s.escape()
			if err != nil {
				return "", err
			}
			out = utf8.AppendRune(out, r)
			s.i += n
		}
	}
	return "", s.fail(RuleJSON, "string without end")
}

func (s *scanner) escape() (r rune, n int, err error) {
	if s.i+1 >= len(s.b) {
		return 0, 0, s.fail(RuleJSON, "escape without end")
	}
	switch c := s.b[s.i+1]; c {
	case '"', '\\', '/':
		return rune(c), 2, nil
	case 'b':
		return '\b', 2, nil
	case 'f':
		return '\f', 2, nil
	case 'n':
		return '\n', 2, nil
	case 'r':
		return '\r', 2, nil
	case 't':
		return '\t', 2, nil
	case 'u':
		hi, ok := s.hex4(s.i + 2)
		if !ok {
			return 0, 0, s.fail(RuleJSON, "bad \\u escape")
		}
		if !utf16.IsSurrogate(hi) {
			return hi, 6, nil
		}
		if s.i+7 < len(s.b) && s.b[s.i+6] == '\\' && s.b[s.i+7] == 'u' {
			if lo, ok := s.hex4(s.i + 8); ok {
				if r := utf16.DecodeRune(hi, lo); r != utf8.RuneError {
					return r, 12, nil
				}
			}
		}
		return 0, 0, s.fail(RuleName, "lone surrogate")
	}
	return 0, 0, s.fail(RuleJSON, "unknown escape")
}

func (s *scanner) hex4(i int) (rune, bool) {
	if i+4 > len(s.b) {
		return 0, false
	}
	var r rune
	for _, c := range s.b[i : i+4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
