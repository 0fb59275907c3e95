package pickle

import (
	"bufio"
	"encoding/binary"
	"io"
	"math"
	"strings"
)

// advance counts n bytes that were read as one. A loader that buffers frames drops what is left of one when a read goes past
// its end (CPython, Modules/_pickle.c, _Unpickler_ReadImpl and _Unpickler_Readline), and others do not: to them it is another
// program. No writer makes such frames.
func (w *walker) advance(n int64) {
	if w.at < w.frame && w.at+n > w.frame {
		w.ambiguous = true
		w.fail()
	}
	w.at += n
}

// startFrame reads the opcode FRAME, which must not lie in another frame.
func (w *walker) startFrame() {
	n := w.uint(8)
	if w.at < w.frame {
		w.ambiguous = true
		w.fail()
	}
	if n > math.MaxInt64 {
		w.fail()
		return
	}
	w.frame = w.at + int64(min(n, uint64(math.MaxInt64-w.at))) // loaders take one that ends behind the file
}

// bytes reads n bytes and returns them where they are few enough to keep.
func (w *walker) bytes(n uint64) (string, bool) {
	if n <= MaxText {
		k, err := io.ReadFull(w.r, w.scratch[:n])
		w.advance(int64(k))
		if err != nil {
			w.fail()
			return "", false
		}
		return string(w.scratch[:n]), true
	}
	if n > 1<<62 {
		w.fail()
		return "", false
	}
	k, err := io.CopyN(io.Discard, w.r, int64(n))
	w.advance(k)
	if err != nil {
		w.fail()
	}
	return "", false
}

func (w *walker) uint(size int) uint64 {
	var b [8]byte
	k, err := io.ReadFull(w.r, b[:size])
	w.advance(int64(k))
	if err != nil {
		w.fail()
	}
	return binary.LittleEndian.Uint64(b[:])
}

// line reads text up to a newline, as the text protocols use it. Of a line that is too long to keep only the beginning is
// returned. One that the file ends in fails, and loaders have read it all the same.
func (w *walker) line() (text string, whole bool) {
	var out []byte
	read := int64(0)
	for {
		part, err := w.r.ReadSlice('\n')
		read += int64(len(part))
		if len(out) <= MaxText {
			out = append(out, part...)
		}
		if err == nil {
			break
		}
		if err != bufio.ErrBufferFull {
			w.advance(read)
			w.fail()
			out = out[:max(0, len(out)-1)] // loaders take off the last byte, a newline or not
			return string(out), len(out) <= MaxText
		}
	}
	w.advance(read)
	s := strings.TrimRight(string(out), "\r\n")
	return s, len(s) <= MaxText
}

// Loaders read numbers with the functions of their language, which take more than what writers write: blanks around them, a
// sign, underscores, other bases, and in C anything after a NUL. What one of them might take is a number here.

// trimmed is a line without what loaders pass over.
func trimmed(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	s = strings.Trim(s, " \t\v\f\r")
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	return s
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// integral reports whether s may be the number of an INT or LONG. To C nothing before a NUL is one: 0.
func integral(s string) bool {
	if strings.HasPrefix(s, "\x00") {
		return true
	}
	s = trimmed(s)
	return s != "" && digit(s[0]) && strings.Trim(s, "0123456789abcdefABCDEFxXoO_lL") == ""
}

// floating reports whether s may be the number of a FLOAT.
func floating(s string) bool {
	switch s = strings.ToLower(trimmed(s)); s {
	case "":
		return false
	case "inf", "infinity", "nan":
		return true
	}
	return (digit(s[0]) || s[0] == '.') && strings.Trim(s, "0123456789.e+-_") == ""
}

// slot reads a place in the memo, written in digits.
func (w *walker) slot() uint64 {
	s, ok := w.line()
	s = trimmed(s)
	if !ok || s == "" || !digit(s[0]) {
		w.fail()
		return 0
	}
	var n uint64
	for _, c := range []byte(s) {
		switch {
		case c == '_':
		case !digit(c), n > 1<<58:
			w.fail()
			return 0
		default:
			n = 10*n + uint64(c-'0')
		}
	}
	return n
}

// quoted returns what lies between the quotes of a STRING. Older loaders pass over blanks behind them.
func quoted(line string) (string, bool) {
	line = strings.TrimRightFunc(line, func(r rune) bool { return r <= ' ' })
	if len(line) < 2 || line[0] != line[len(line)-1] || line[0] != '\'' && line[0] != '"' {
		return "", false
	}
	return line[1 : len(line)-1], true
}
