package strictjson

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
