package exfil

// Most words of any text are no part of an address. They are passed over where they stand, without a copy.

// What a byte says of the word it is in.
const (
	endsWord   = 1 << iota
	ofAddress  // a slash, or a colon: some words with them are addresses
	readTwice  // a backslash, or "&": the word is read as Markdown and HTML do too
	ofBrackets // ends a word, and means something to brackets
	quotes     // ends a word, and may begin the value of an attribute
	white      // white space
)

// says has it for each byte.
var says = func() (t [256]uint8) {
	for i, end := range ends {
		if end {
			t[i] = endsWord
		}
	}
	t['/'], t[':'], t['\\'], t['&'] = ofAddress, ofAddress, readTwice, readTwice
	for _, c := range []byte("[](`<\n") {
		t[c] |= ofBrackets
	}
	t['"'] |= quotes
	t['\''] |= quotes
	for _, c := range []byte(" \t\r\n\f") {
		t[c] |= white
	}
	return t
}()

// skim passes the words at the beginning of p that nothing is to be said about, and what ends them, and returns their length. No word and no value is in progress.
func (f *follower) skim(p []byte) int {
	i, doubled := 0, 0 // behind the last white space that does not count
	for i < len(p) {
		kinds, j := uint8(0), i
		for j < len(p) && j-i < maxWord {
			k := says[p[j]]
			if kinds |= k; k&endsWord != 0 {
				break
			}
			j++
		}
		if j == len(p) || j-i >= maxWord || kinds&readTwice != 0 { // it may go on, or is read twice
			break
		}
		c := p[j]
		if w := p[i:j]; len(w) > 0 {
			last := w[len(w)-1]
			if kinds&ofAddress != 0 && mayAddress(w) || barely(w) >= 0 || c == '[' && (last == '@' || last == '!' && f.defined) {
				break
			}
			if f.passed == '<' && letter(w[0]) {
				f.tagged = true
			}
			f.brackets.newline, f.brackets.prev, f.passed = false, last, last
		}
		if kinds&quotes != 0 && f.tagged {
			i = j
			break
		}
		if kinds&ofBrackets != 0 {
			f.brackets.take(c)
			f.images = f.images || f.brackets.images
		} else {
			f.brackets.other(c)
		}
		if i = j + 1; kinds&white == 0 || says[f.passed]&white == 0 {
			f.passed = c
		} else {
			doubled = i
		}
	}
	if i > 0 {
		f.skimmed(p[:i], doubled)
	}
	return i
}

// mayAddress reports whether a word of which nothing is read twice may be an address, or a part of one with its scheme.
func mayAddress(w []byte) bool {
	for i := 1; i < len(w); i++ {
		if w[i] == '/' && w[i-1] == '/' || w[i] == ':' && letter(w[i-1]) && i+1 < len(w) {
			return true
		}
	}
	return false
}

// skimmed adds p to what was passed, white space as one byte: that in front of byte doubled is more than one.
func (f *follower) skimmed(p []byte, doubled int) {
	f.pos += len(p)
	if doubled <= len(p)-maxBefore || doubled == 0 {
		f.before = appendEnd(f.before, p)
		return
	}
	from := len(p)
	for n := 0; from > 0 && n < maxBefore; from-- {
		if from == 1 || says[p[from-1]]&says[p[from-2]]&white == 0 {
			n++
		}
	}
	f.before = appendEnd(f.before, nil)
	for _, c := range p[from:] {
		if n := len(f.before); says[c]&white == 0 || n == 0 || says[f.before[n-1]]&white == 0 {
			f.before = append(f.before, c)
		}
	}
}
