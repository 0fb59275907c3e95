package stream

import "bytes"

// A Lines cuts a stream of JSON documents, one for each line, into its lines. Lines may end in LF or CR LF, and pieces may
// be cut anywhere; empty lines are dropped.
type Lines struct {
	max  int
	line []byte
}

// NewLines returns a reader that refuses lines of more than max bytes.
func NewLines(max int) *Lines { return &Lines{max: max} }

// Write reads p and calls event with each line that it completes. The line is valid during the call only.
// Errors: [ErrSize], and those of event, which stop the reader.
func (s *Lines) Write(p []byte, event func(data []byte) error) error {
	for len(p) > 0 {
		n := bytes.IndexByte(p, '\n')
		more := p
		if n >= 0 {
			more = p[:n]
		}
		if len(s.line)+len(more) > s.max {
			return ErrSize
		}
		line := more
		if n < 0 || len(s.line) > 0 {
			s.line = append(s.line, more...)
			line = s.line
		}
		if n < 0 {
			return nil
		}
		p = p[n+1:]
		if line = bytes.TrimSuffix(line, []byte("\r")); len(line) > 0 {
			if err := event(line); err != nil {
				return err
			}
		}
		s.line = s.line[:0]
	}
	return nil
}

// Finish calls event with the last line, which need not end in LF.
func (s *Lines) Finish(event func(data []byte) error) error {
	line := s.line
	s.line = nil
	if len(bytes.TrimSpace(line)) == 0 {
		return nil
	}
	return event(line)
}
