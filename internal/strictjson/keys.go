package strictjson

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// smallObject is the number of keys up to which a linear search is used; past it a map keeps the cost of hostile
// objects linear.
const smallObject = 16

// keySet holds the folded keys of the objects that are open, innermost last. Two keys are the same where encoding/json
// could take one for the other: equal after unescaping and simple case folding (so "ſ" is "s").
type keySet struct {
	buf  []byte // folded keys, back to back
	ends []int  // end of each key in buf
	maps []frame
}

type frame struct {
	at   int // index into ends where the object starts
	seen map[string]struct{}
}

func (k *keySet) open() int {
	k.maps = append(k.maps, frame{at: len(k.ends)})
	return len(k.maps) - 1
}

func (k *keySet) start(i int) int {
	if i == 0 {
		return 0
	}
	return k.ends[i-1]
}

func (k *keySet) close(mark int) {
	at := k.maps[mark].at
	k.buf = k.buf[:k.start(at)]
	k.ends = k.ends[:at]
	k.maps = k.maps[:mark]
}

func (k *keySet) add(mark int, raw []byte, most int) error {
	f := &k.maps[mark]
	n := len(k.ends) - f.at
	if n >= most {
		return ErrSize
	}
	from := k.start(len(k.ends))
	k.buf = appendFolded(k.buf[:from], raw)
	key := k.buf[from:]
	switch {
	case f.seen != nil:
		if _, dup := f.seen[string(key)]; dup {
			return ErrDuplicate
		}
		f.seen[string(key)] = struct{}{}
	default:
		for i := f.at; i < len(k.ends); i++ {
			if bytes.Equal(k.buf[k.start(i):k.ends[i]], key) {
				return ErrDuplicate
			}
		}
	}
	k.ends = append(k.ends, len(k.buf))
	if f.seen == nil && n+1 == smallObject {
		f.seen = make(map[string]struct{}, 4*smallObject)
		for i := f.at; i < len(k.ends); i++ {
			f.seen[string(k.buf[k.start(i):k.ends[i]])] = struct{}{}
		}
	}
	return nil
}

// appendFolded appends the unescaped, case-folded form of a quoted string that has been scanned already.
func appendFolded(dst, quoted []byte) []byte {
	s := quoted[1 : len(quoted)-1]
	for i := 0; i < len(s); {
		c := s[i]
		if c != '\\' && c < utf8.RuneSelf {
			if 'a' <= c && c <= 'z' {
				c -= 'a' - 'A'
			}
			dst = append(dst, c)
			i++
			continue
		}
		r, n := runeAt(s, i)
		dst = utf8.AppendRune(dst, foldRune(r))
		i += n
	}
	return dst
}

// AppendUnquoted appends the value of a quoted string that [Walk] has passed to a visitor.
func AppendUnquoted(dst, quoted []byte) []byte {
	s := quoted[1 : len(quoted)-1]
	for i := 0; i < len(s); {
		if c := s[i]; c != '\\' {
			j := bytes.IndexByte(s[i:], '\\')
			if j < 0 {
				return append(dst, s[i:]...)
			}
			dst = append(dst, s[i:i+j]...)
			i += j
			continue
		}
		r, n := runeAt(s, i)
		dst = utf8.AppendRune(dst, r)
		i += n
	}
	return dst
}

// runeAt decodes the rune or escape at s[i]; s has been scanned, so the sequence is whole.
func runeAt(s []byte, i int) (rune, int) {
	if s[i] != '\\' {
		return utf8.DecodeRune(s[i:])
	}
	switch c := s[i+1]; c {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		hi, _ := hex4(s, i+2)
		if hi < 0xd800 || hi > 0xdfff {
			return hi, 6
		}
		lo, _ := hex4(s, i+8)
		return (hi-0xd800)<<10 | (lo - 0xdc00) + 0x10000, 12
	default:
		return rune(c), 2
	}
}

// foldRune returns the smallest rune that is equal to r under simple case folding.
func foldRune(r rune) rune {
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	return least
}

// AppendQuoted appends text as a quoted string. Invalid UTF-8 becomes U+FFFD, and what some readers of streams take for the end
// of a line (U+0085, U+2028 and U+2029 besides the control characters) is escaped.
func AppendQuoted(dst, text []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
			i++
		case c == '\n':
			dst = append(dst, '\\', 'n')
			i++
		case c < 0x20 || c == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			i++
		case c < utf8.RuneSelf:
			dst = append(dst, c)
			i++
		default:
			r, n := utf8.DecodeRune(text[i:])
			if i += n; r == 0x85 || r == 0x2028 || r == 0x2029 {
				dst = append(dst, '\\', 'u', hex[r>>12], hex[r>>8&15], hex[r>>4&15], hex[r&15])
				continue
			}
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}
