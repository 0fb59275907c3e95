package sensitive

import "bytes"

const (
	maxLabel  = 64 // bytes between the dashes of a line
	minDashes = 3  // of five: some editors make one of several
	allDashes = 5
)

// A keyLine recognises the first and the last line of a key: "-----BEGIN RSA PRIVATE KEY-----".
type keyLine struct {
	start  int // of the dashes, which are five at most
	dashes int // in front; 0 where there is no line in progress
	label  []byte
	behind int // dashes
}

// lineKind is what a byte completes.
type lineKind uint8

const (
	otherLine lineKind = iota // nothing, or a line of something else
	beginLine
	endLine
)

// take takes a byte at a position of the text.
func (l *keyLine) take(c byte, pos int) lineKind {
	switch {
	case c == '-' && len(l.label) == 0:
		if l.dashes++; l.dashes == 1 {
			l.start = pos
		} else if l.dashes > allDashes {
			l.start = pos - allDashes + 1
		}
	case c == '-':
		if l.behind++; l.behind == allDashes {
			return l.complete()
		}
	case l.dashes == 0:
	case l.behind == 0 && l.dashes >= minDashes && len(l.label) < maxLabel && (c == ' ' || isUpper(c) || isDigit(c)):
		l.label = append(l.label, c)
	case l.behind >= minDashes:
		return l.complete()
	default:
		l.complete()
	}
	return otherLine
}

// complete ends the line in progress and tells what it is.
func (l *keyLine) complete() (kind lineKind) {
	label := bytes.TrimSpace(l.label)
	if l.behind >= minDashes {
		switch private := bytes.HasSuffix(label, []byte("PRIVATE KEY")) || bytes.HasSuffix(label, []byte("PRIVATE KEY BLOCK")); {
		case private && bytes.HasPrefix(label, []byte("BEGIN ")):
			kind = beginLine
		case bytes.HasPrefix(label, []byte("END ")):
			kind = endLine
		}
	}
	l.dashes, l.behind, l.label = 0, 0, l.label[:0]
	return kind
}
