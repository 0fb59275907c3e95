package exfil

import "bytes"

// maxValue bounds what is remembered of one value, in bytes: the host of an address, and more of what follows than carries data.
const maxValue = 256

// A value is the address in progress, which bytes that end words need not end: "https://evil.example/?d=one,two" are two words, and in an attribute of HTML
// an address goes on over spaces, and over ends of lines, which browsers take out of it.
type value struct {
	kind   kind
	text   []byte // from where the address begins, or the attribute
	rule   string // what was found of it, which holds of the rest too
	before []byte // the end of the text in front of it
	depth  int    // parentheses that are open in a destination
}

// A kind says what ends a value.
type kind uint8

const (
	none        kind = iota
	bare             // white space, and what no renderer takes for a part of an address in a text
	destination      // of Markdown, behind "(": white space, and ")" unless one was opened
	angled           // the same behind "<": ">" and the end of the line
	single           // an attribute of HTML, or a string: its quote
	double
	unquoted // an attribute of HTML, or an address of a text behind "<": white space and ">"
	cited    // behind a quotation mark: white space and quotation marks
)

// kindOf tells where an address stands from what is in front of it.
func kindOf(before, part []byte) kind {
	if n := len(part); n > 0 {
		if part[n-1] == '=' {
			return unquoted
		}
		return bare
	}
	b := bytes.TrimRight(before, " \t\r\n\f")
	if len(b) == 0 {
		return bare
	}
	switch b[len(b)-1] {
	case '(':
		return destination
	case '<':
		if b = bytes.TrimRight(b[:len(b)-1], " \t\r\n\f"); bytes.HasSuffix(b, []byte("](")) || bytes.HasSuffix(b, []byte("]:")) {
			return angled
		}
		return unquoted
	case '=':
		return unquoted
	case '"', '\'', '`':
		return cited
	}
	return bare
}

// end says that no value is in progress.
func (v *value) end() { v.kind, v.text, v.rule = none, v.text[:0], "" }

// take takes a byte that ended a word, behind what was passed, in which a tag may have begun.
func (v *value) take(c byte, before []byte, tagged bool) {
	if quote := quoted(c); quote != none {
		if v.kind == quote {
			v.end()
			return
		}
		if v.kind != single && v.kind != double && tagged && named(before) {
			v.end()
			v.kind, v.before = quote, append(append(v.before[:0], before[max(0, len(before)-maxBefore+1):]...), c)
			return
		}
	}
	line := c == '\t' || c == '\n' || c == '\r'
	switch v.kind {
	case none:
		return
	case single, double:
		if line || c == ' ' && len(v.text) == 0 {
			return
		}
	case angled:
		if line || c == '>' {
			v.end()
			return
		}
	case destination:
		switch c {
		case '(':
			v.depth++
		case ')':
			v.depth--
		}
		if space(c) || v.depth < 0 {
			v.end()
			return
		}
	case bare:
		if space(c) || c == '<' || c == '"' {
			v.end()
			return
		}
	case unquoted:
		if space(c) || c == '>' {
			v.end()
			return
		}
	case cited:
		if space(c) || c == '"' || c == '\'' || c == '`' {
			v.end()
			return
		}
	}
	if v.rule == "" && len(v.text) < maxValue {
		v.text = append(v.text, c)
	}
}

// named reports whether an attribute of HTML and its "=" stand at the end of a text: in programs a string may be `"="`.
func named(before []byte) bool {
	b := bytes.TrimRight(before, " \t\r\n\f")
	if b, ok := bytes.CutSuffix(b, []byte("=")); ok {
		b = bytes.TrimRight(b, " \t\r\n\f")
		return len(b) > 0 && letter(b[len(b)-1])
	}
	return false
}

func quoted(c byte) kind {
	switch c {
	case '\'':
		return single
	case '"':
		return double
	}
	return none
}

// goesOn reports whether a word is more of the value, and is looked at. An address of its own is none, but in an attribute.
func (v *value) goesOn(w []byte) bool {
	if v.kind == none || len(v.text) == 0 || len(v.text) >= maxValue {
		return false
	}
	if v.kind == single || v.kind == double {
		return true
	}
	_, _, _, ok := address(w, nil)
	return !ok
}

// add adds a word, as far as there is room, and returns the value.
func (v *value) add(w []byte) []byte {
	v.text = append(v.text, w[:min(len(w), maxValue-len(v.text))]...)
	return v.text
}

// begin begins with the address in a word, if it has one.
func (v *value) begin(w, before []byte) {
	attribute := v.kind == single || v.kind == double
	if attribute && len(v.text) == 0 {
		v.add(w)
		return
	}
	from := from(w, before)
	if from < 0 || attribute {
		return
	}
	v.end()
	v.kind, v.depth = kindOf(before, w[:from]), 0
	v.before = append(append(v.before[:0], before[max(0, len(before)-maxBefore):]...), w[:from]...)
	v.add(w[from:])
}
