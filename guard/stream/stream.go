// Package stream reads server-sent events that arrive in pieces of any size, and holds events back while their text may
// still turn out to be the start of something that must not be sent.
//
// Events are released whole and in order. What a [Scanner] reports is replaced in them; all else is unchanged. So for every
// way of cutting a stream into events and writes the released texts are the same, and never contain a match.
package stream

import (
	"bytes"
	"errors"
)

var (
	// ErrSize means that an event, or what is held back, is larger than its limit.
	ErrSize = errors.New("stream: event too large")
	// ErrEnded means that a text went on after its end.
	ErrEnded = errors.New("stream: text after its end")
)

// A Parser cuts a stream of server-sent events (HTML standard, section 9.2.6) into the data of its events. Lines may end
// in LF, CR LF or CR, and pieces may be cut anywhere. Comments and fields other than data are dropped: nothing that was
// not looked at passes.
type Parser struct {
	max   int
	line  []byte // of the line in progress
	data  []byte // of the event in progress, lines joined by LF
	has   bool   // the event has a data line
	cr    bool   // the last byte was CR: a LF that follows belongs to it
	first bool   // no byte was read yet: a byte order mark may come
}

// NewParser returns a parser that refuses events of more than max bytes.
func NewParser(max int) *Parser { return &Parser{max: max, first: true} }

// Write reads p and calls event with the data of each event that it completes. The data is valid during the call only.
// Errors: [ErrSize], and those of event, which stop the parser.
func (s *Parser) Write(p []byte, event func(data []byte) error) error {
	lf := -1 // the next LF of p, len(p) for none; behind it where it must be looked for again, once for each
	for len(p) > 0 {
		if s.cr {
			s.cr = false
			if p[0] == '\n' {
				p, lf = p[1:], -1
				continue
			}
		}
		if lf < 0 {
			if lf = bytes.IndexByte(p, '\n'); lf < 0 {
				lf = len(p)
			}
		}
		n := bytes.IndexByte(p[:lf], '\r')
		if n < 0 {
			n = lf
		}
		if n == len(p) {
			return s.grow(p)
		}
		if err := s.grow(p[:n]); err != nil {
			return err
		}
		s.cr = p[n] == '\r'
		p, lf = p[n+1:], lf-n-1
		if err := s.endLine(event); err != nil {
			return err
		}
	}
	return nil
}

// Pending reports whether an event has begun that no blank line ended. By the standard it is not dispatched.
func (s *Parser) Pending() bool { return s.has || len(s.line) > 0 }

func (s *Parser) grow(p []byte) error {
	if len(s.line)+len(s.data)+len(p) > s.max {
		return ErrSize
	}
	s.line = append(s.line, p...)
	return nil
}

func (s *Parser) endLine(event func([]byte) error) error {
	line := s.line
	s.line = s.line[:0]
	if s.first {
		s.first = false
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	}
	if len(line) == 0 {
		if !s.has {
			return nil
		}
		data := s.data
		s.data, s.has = s.data[:0], false
		return event(data)
	}
	name, value, _ := bytes.Cut(line, []byte(":"))
	if string(name) != "data" {
		return nil
	}
	value = bytes.TrimPrefix(value, []byte(" "))
	if s.has {
		s.data = append(s.data, '\n')
	}
	s.data = append(s.data, value...)
	s.has = true
	return nil
}

// AppendEvent appends an event with the given data.
func AppendEvent(dst, data []byte) []byte {
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		dst = append(dst, "data: "...)
		dst = append(dst, line...)
		dst = append(dst, '\n')
	}
	return append(dst, '\n')
}
