package strictjson

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Kind says what a value is.
type Kind byte

// The kinds of JSON values.
const (
	Null   Kind = 'n'
	Bool   Kind = 'b'
	Number Kind = '0'
	String Kind = '"'
	Array  Kind = '['
	Object Kind = '{'
)

// A Visitor receives the values of a text in order. Offsets are in bytes; raw slices alias the text.
//
// Enter is called at the start of an array or object and Leave at its end; Key before each member's value, with the
// quoted key; Value for each null, bool, number or string with its raw text. An error stops the walk and is returned as is.
type Visitor interface {
	Enter(k Kind, off int) error
	Leave(k Kind, off int) error
	Key(raw []byte, off int) error
	Value(k Kind, raw []byte, off int) error
}

// Walk scans data as [Check] does and calls v, if not nil, for every value. On an error v may have seen a prefix of the
// text: what it collected must be thrown away.
func Walk(data []byte, l Limits, v Visitor) error { return new(Walker).Walk(data, l, v) }

// A Walker is memory for one walk after the other, so that those of ordinary texts allocate nothing. The zero value is ready;
// it must not be copied.
type Walker struct {
	s      scanner
	buf    [256]byte // room for the keys of ordinary texts
	ends   [24]int
	frames [8]frame
}

// Walk is the function [Walk]. It must not be called again by v.
func (w *Walker) Walk(data []byte, l Limits, v Visitor) error {
	w.s = scanner{data: data, lim: l.withDefaults(), v: v, keys: keySet{w.buf[:0], w.ends[:0], w.frames[:0]}}
	err := w.s.walk()
	w.s = scanner{}
	clear(w.buf[:]) // keys are content, and so are the maps of the frames
	clear(w.frames[:])
	return err
}

func (s *scanner) walk() error {
	if len(s.data) > s.lim.MaxBytes {
		return s.fail(s.lim.MaxBytes, ErrSize)
	}
	s.space()
	if err := s.value(0); err != nil {
		return err
	}
	s.space()
	if s.i != len(s.data) {
		return s.fail(s.i, ErrTrailing)
	}
	return nil
}

type scanner struct {
	data []byte
	i    int
	lim  Limits
	v    Visitor
	keys keySet
}

func (s *scanner) fail(off int, err error) error { return &SyntaxError{Offset: off, Err: err} }

func (s *scanner) space() {
	for s.i < len(s.data) {
		switch s.data[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

func (s *scanner) peek() byte {
	if s.i < len(s.data) {
		return s.data[s.i]
	}
	return 0
}

func (s *scanner) value(depth int) error {
	start := s.i
	switch c := s.peek(); {
	case c == '{':
		return s.object(depth + 1)
	case c == '[':
		return s.array(depth + 1)
	case c == '"':
		if err := s.str(); err != nil {
			return err
		}
		return s.emit(String, start)
	case c == '-' || c >= '0' && c <= '9':
		if err := s.number(); err != nil {
			return err
		}
		return s.emit(Number, start)
	case c == 't':
		return s.literal("true", Bool)
	case c == 'f':
		return s.literal("false", Bool)
	case c == 'n':
		return s.literal("null", Null)
	}
	return s.fail(s.i, ErrSyntax)
}

func (s *scanner) emit(k Kind, start int) error {
	if s.v == nil {
		return nil
	}
	return s.v.Value(k, s.data[start:s.i], start)
}

func (s *scanner) literal(word string, k Kind) error {
	if len(s.data)-s.i < len(word) || string(s.data[s.i:s.i+len(word)]) != word {
		return s.fail(s.i, ErrSyntax)
	}
	start := s.i
	s.i += len(word)
	return s.emit(k, start)
}

func (s *scanner) enter(k Kind, depth int) error {
	if depth > s.lim.MaxDepth {
		return s.fail(s.i, ErrDepth)
	}
	s.i++
	if s.v != nil {
		return s.v.Enter(k, s.i-1)
	}
	return nil
}

func (s *scanner) leave(k Kind) error {
	s.i++
	if s.v != nil {
		return s.v.Leave(k, s.i-1)
	}
	return nil
}

func (s *scanner) array(depth int) error {
	if err := s.enter(Array, depth); err != nil {
		return err
	}
	s.space()
	if s.peek() == ']' {
		return s.leave(Array)
	}
	for n := 1; ; n++ {
		s.space()
		if s.lim.MaxItems > 0 && n > s.lim.MaxItems {
			return s.fail(s.i, ErrSize)
		}
		if err := s.value(depth); err != nil {
			return err
		}
		s.space()
		switch s.peek() {
		case ',':
			s.i++
		case ']':
			return s.leave(Array)
		default:
			return s.fail(s.i, ErrSyntax)
		}
	}
}

func (s *scanner) object(depth int) error {
	if err := s.enter(Object, depth); err != nil {
		return err
	}
	mark := s.keys.open()
	defer s.keys.close(mark)
	s.space()
	if s.peek() == '}' {
		return s.leave(Object)
	}
	for {
		s.space()
		start := s.i
		if s.peek() != '"' {
			return s.fail(s.i, ErrSyntax)
		}
		if err := s.str(); err != nil {
			return err
		}
		if err := s.keys.add(mark, s.data[start:s.i], s.lim.MaxKeys); err != nil {
			return s.fail(start, err)
		}
		if s.v != nil {
			if err := s.v.Key(s.data[start:s.i], start); err != nil {
				return err
			}
		}
		s.space()
		if s.peek() != ':' {
			return s.fail(s.i, ErrSyntax)
		}
		s.i++
		s.space()
		if err := s.value(depth); err != nil {
			return err
		}
		s.space()
		switch s.peek() {
		case ',':
			s.i++
		case '}':
			return s.leave(Object)
		default:
			return s.fail(s.i, ErrSyntax)
		}
	}
}

func digits(d []byte, i int) int {
	for i < len(d) && d[i] >= '0' && d[i] <= '9' {
		i++
	}
	return i
}

func (s *scanner) number() error {
	d, i := s.data, s.i
	if d[i] == '-' {
		i++
	}
	j := digits(d, i)
	if j == i || d[i] == '0' && j > i+1 { // RFC 8259 section 6: no leading zeros
		return s.fail(s.i, ErrSyntax)
	}
	if j < len(d) && d[j] == '.' {
		k := digits(d, j+1)
		if k == j+1 {
			return s.fail(s.i, ErrSyntax)
		}
		j = k
	}
	if j < len(d) && (d[j] == 'e' || d[j] == 'E') {
		k := j + 1
		if k < len(d) && (d[k] == '+' || d[k] == '-') {
			k++
		}
		j = digits(d, k)
		if j == k {
			return s.fail(s.i, ErrSyntax)
		}
	}
	s.i = j
	return nil
}

const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

// plainRun returns how many bytes from d[i] on stand for themselves inside a string and are ASCII, eight at a time. The
// lowest byte that is marked is one that is not plain: a borrow can only mark bytes above one that is.
func plainRun(d []byte, i int) int {
	from := i
	for len(d)-i >= 8 {
		w := binary.LittleEndian.Uint64(d[i:])
		if m := ((w - 0x20*ones) | (w ^ '"'*ones - ones) | (w ^ '\\'*ones - ones) | w) & tops; m != 0 {
			return i + bits.TrailingZeros64(m)/8 - from
		}
		i += 8
	}
	for i < len(d) && d[i] >= 0x20 && d[i] < utf8.RuneSelf && d[i] != '"' && d[i] != '\\' {
		i++
	}
	return i - from
}

func (s *scanner) str() error {
	d := s.data
	i := s.i + 1
	for {
		i += plainRun(d, i)
		if i == len(d) {
			return s.fail(i, ErrSyntax)
		}
		switch c := d[i]; {
		case c == '"':
			s.i = i + 1
			return nil
		case c == '\\':
			n, err := escape(d, i)
			if err != nil {
				return s.fail(i, err)
			}
			i += n
		case c < 0x20:
			return s.fail(i, ErrSyntax)
		default:
			r, n := utf8.DecodeRune(d[i:])
			if r == utf8.RuneError && n == 1 {
				return s.fail(i, ErrUTF8)
			}
			i += n
		}
	}
}

// escape returns the length of the escape sequence at d[i], a backslash. A surrogate is accepted only as a pair.
func escape(d []byte, i int) (int, error) {
	if i+1 >= len(d) {
		return 0, ErrSyntax
	}
	switch d[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, nil
	case 'u':
		r, ok := hex4(d, i+2)
		switch {
		case !ok:
			return 0, ErrSyntax
		case r < 0xd800 || r > 0xdfff:
			return 6, nil
		case r > 0xdbff: // a low surrogate first
			return 0, ErrUTF8
		}
		if i+7 >= len(d) || d[i+6] != '\\' || d[i+7] != 'u' {
			return 0, ErrUTF8
		}
		if lo, ok := hex4(d, i+8); !ok || lo < 0xdc00 || lo > 0xdfff {
			return 0, ErrUTF8
		}
		return 12, nil
	}
	return 0, ErrSyntax
}

func hex4(d []byte, i int) (rune, bool) {
	if i+4 > len(d) {
		return 0, false
	}
	var r rune
	for _, c := range d[i : i+4] {
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
