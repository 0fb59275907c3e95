package exfil

import (
	"bytes"
	"html"
	"strconv"
	"unicode/utf8"

	"github.com/holdfast-ai/holdfast/guard/stream"
)

const (
	// maxWord bounds a word in bytes; the rest of a longer one is a word of its own.
	maxWord = 4096
	// maxBefore is how far before an address its use is looked for, in bytes: attributes of a tag may stand between.
	maxBefore = 256
)

// follower cuts a text into words, in which addresses stand.
type follower struct {
	hosts    *Hosts
	pos      int // of the word in progress
	word     []byte
	v6       bool   // the word has an address of IPv6 that is not closed
	before   []byte // the last of what was passed, white space as one byte
	passed   byte   // the last of it
	brackets brackets
	tagged   bool // a tag of HTML began
	images   bool // "![" stood in the text, so that definitions are of images perhaps
	defined  bool // a definition was passed of which that was not known
	value    value
}

// ends has the bytes that end words.
var ends = func() (t [256]bool) {
	for _, c := range []byte(" \t\r\n\f\"'<>`()[]{}|,") {
		t[c] = true
	}
	return t
}()

// Write implements [stream.Scanner]. The error is nil.
func (f *follower) Write(ms []stream.Match, p []byte) (matches []stream.Match, held int, err error) {
	for len(p) > 0 {
		if len(f.word) == 0 && f.value.kind == none {
			if p = p[f.skim(p):]; len(p) == 0 {
				break
			}
		}
		n, most := 0, min(len(p), maxWord-len(f.word))
		for n < most && !ends[p[n]] {
			n++
		}
		f.word = append(f.word, p[:n]...)
		p = p[n:]
		if len(p) == 0 {
			break
		}
		if f.literal(p[0]) {
			f.word = append(f.word, p[0])
			p = p[1:]
			continue
		}
		ms = f.flush(ms, p[0])
		if ends[p[0]] {
			f.value.take(p[0], f.before, f.tagged)
			f.brackets.take(p[0])
			f.images = f.images || f.brackets.images
			f.pass(p[:1])
			p = p[1:]
		}
	}
	return ms, len(f.word), nil
}

// literal reports whether c is a bracket around an address of IPv6, which ends no word.
func (f *follower) literal(c byte) bool {
	n := len(f.word)
	switch {
	case n < 2 || n >= maxWord:
	case c == '[' && (f.word[n-1] == '@' || slash(f.word[n-1]) && slash(f.word[n-2])):
		f.v6 = true
		return true
	case c == ']' && f.v6:
		f.v6 = false
		return true
	}
	return false
}

// Finish implements [stream.Scanner]. The error is nil.
func (f *follower) Finish(ms []stream.Match) ([]stream.Match, error) { return f.flush(ms, 0), nil }

func (f *follower) pass(p []byte) {
	f.pos += len(p)
	if space(p[0]) && space(f.passed) { // as much as an attacker likes
		return
	}
	f.passed = p[len(p)-1]
	f.before = appendEnd(f.before, p)
}

// appendEnd appends p to what was passed, of which the last maxBefore bytes are kept at least.
func appendEnd(before, p []byte) []byte {
	if len(p) > maxBefore {
		p = p[len(p)-maxBefore:]
	}
	if len(before)+len(p) > 4*maxBefore {
		before = before[:copy(before, before[len(before)-maxBefore:])]
	}
	return append(before, p...)
}

// flush looks at the word and ends it before the byte next: by itself, and as what goes on with the address in front of it.
func (f *follower) flush(ms []stream.Match, next byte) []stream.Match {
	if len(f.word) == 0 {
		return ms
	}
	plain := undone(f.word)
	rule, from := f.read(f.word, plain, f.before)
	switch {
	case rule != "":
		f.value.end() // what follows is part of no address any more
	case f.value.rule != "":
		rule = f.value.rule
	case f.value.goesOn(f.word):
		w := f.value.add(f.word)
		rule, _ = f.read(w, undone(w), f.value.before)
		f.value.rule = rule
	}
	if rule == "" {
		f.value.begin(f.word, f.before)
		if from = f.opens(plain, next); from >= 0 {
			rule = RuleImage
		}
	}
	if rule != "" {
		ms = append(ms, stream.Match{Rule: rule, Category: Category, Start: f.pos + from, End: f.pos + len(f.word)})
	}
	f.mark(plain)
	f.pass(f.word)
	f.word, f.v6 = f.word[:0], false
	return ms
}

// opens returns where in the word, which is read as plain, an image begins that may be of a definition which was passed, or -1.
func (f *follower) opens(plain []byte, next byte) int {
	switch n := len(f.word) - 1; {
	case !f.defined:
	case f.word[n] == '!' && next == '[':
		return n
	case bytes.Contains(plain, []byte("![")) || next == '[' && bytes.HasSuffix(plain, []byte("!")) || f.passed == '!' && bytes.HasPrefix(plain, []byte("[")):
		return 0
	}
	return -1
}

// mark notes what the word, which is read as plain, says of those behind it.
func (f *follower) mark(plain []byte) {
	f.tagged = f.tagged || f.passed == '<' && letter(f.word[0])
	if plain == nil {
		f.brackets.take(f.word[len(f.word)-1])
	}
	for i, c := range plain {
		f.brackets.take(c)
		f.tagged = f.tagged || c == '<' && i+1 < len(plain) && letter(plain[i+1])
	}
	f.images = f.images || f.brackets.images
}

// read judges an address as it stands and, if nothing is wrong with that, as Markdown and HTML read it: where it begins is then not known.
func (f *follower) read(w, plain, before []byte) (rule string, from int) {
	if rule, from = f.judge(w, before); rule != "" {
		return rule, from
	}
	if plain != nil {
		rule, _ = f.judge(plain, before)
	}
	return rule, 0
}

// undone returns a word as Markdown, HTML and JSON read it, backslashes in front of punctuation (CommonMark 2.4), character references and "\uXXXX" undone, or nil
// where it is read as it stands. Tabs and ends of lines, which browsers take out of addresses (WHATWG URL 4.4), are taken out.
func undone(w []byte) []byte {
	if bytes.IndexByte(w, '\\') < 0 && bytes.IndexByte(w, '&') < 0 {
		return nil
	}
	out := make([]byte, 0, len(w))
	for i := 0; i < len(w); i++ {
		if w[i] == '\\' && i+1 < len(w) && punctuation(w[i+1]) && w[i+1] != '\\' {
			continue
		}
		if w[i] == '\\' && i+5 < len(w) && w[i+1] == 'u' {
			if r, err := strconv.ParseUint(string(w[i+2:i+6]), 16, 16); err == nil {
				out = utf8.AppendRune(out, rune(r))
				i += 5
				continue
			}
		}
		out = append(out, w[i])
	}
	out = []byte(html.UnescapeString(string(out)))
	n := 0
	for _, c := range out {
		if c != '\t' && c != '\n' && c != '\r' {
			out[n] = c
			n++
		}
	}
	return out[:n]
}

func punctuation(c byte) bool {
	return c > ' ' && c < 0x7f && !letter(c) && (c < '0' || c > '9')
}

func space(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' }

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
