package sensitive

import "bytes"

// A keyToken is a run of characters of base64, or a row of such runs.
type keyToken struct {
	start, end, n        int
	lower, upper, digits int
	changes              int  // of kind, from one letter or digit to the next
	kind                 byte // of the last
	leads                byte // the first character
	varied               bool // not all are that one
	after                byte // the byte in front of it
	inner                bool // a letter stands behind a digit, or a capital behind another kind
}

// take takes a character at a position of the text.
func (t *keyToken) take(c byte, pos int) {
	if t.n == 0 {
		t.start, t.leads = pos, c
	}
	kind := byte(0)
	switch {
	case isDigit(c):
		kind = '9'
		t.digits++
	case isUpper(c):
		kind = 'A'
		t.upper++
	case isLetter(c):
		kind = 'a'
		t.lower++
	}
	if kind != 0 {
		if t.kind != 0 && t.kind != kind {
			t.changes++
			t.inner = t.inner || kind == 'A' || t.kind == '9'
		}
		t.kind = kind
	}
	t.varied = t.varied || c != t.leads
	t.n++
	t.end = pos + 1
}

// add adds a token behind this one.
func (t *keyToken) add(next keyToken) {
	if t.n == 0 {
		*t = next
		return
	}
	t.n, t.end = t.n+next.n, next.end
	t.lower, t.upper, t.digits, t.changes = t.lower+next.lower, t.upper+next.upper, t.digits+next.digits, t.changes+next.changes+1
}

// word reports whether the token is a word of prose: small letters, perhaps behind a capital, with two digits behind them ("base64"), or a few capitals.
func (t *keyToken) word() bool {
	const longest, capitals = 28, 12 // letters
	letters := t.lower + t.upper
	switch {
	case t.inner || !t.varied && t.n > 2 || t.n != letters+t.digits || t.n > longest || t.digits > 2 || t.digits > 0 && letters < 3:
		return false
	case t.n == 1:
		return bytes.IndexByte([]byte("aAI"), t.leads) >= 0
	case t.lower == 0:
		return t.upper <= capitals && t.upper > 0
	}
	return t.upper <= 1
}

// random reports whether the token is of a key rather than of prose or a program: two of three characters of base64 are of another kind than the one in front of them, of
// "ParsePKCS1PrivateKey" every third.
func (t *keyToken) random() bool {
	if t.lower == 0 || t.upper == 0 {
		return false
	}
	return t.n >= minRun && 20*t.changes >= 9*t.n || t.n >= longToken && 4*t.changes >= t.n
}
