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
	hosts  *Hosts
	pos    int // of the word in progress
	word   []byte
	v6     bool   // the word has an address of IPv6 that is not closed
	before []byte // the last of what was passed, white space as one byte
	passed byte   // the last of it
	// Where in Markdown the last image began ("!["), and the last two destinations ("](").
	image       int
	destination [2]int
	value       value
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
		ms = f.flush(ms)
		if ends[p[0]] {
			f.value.take(p[0], f.before)
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
func (f *follower) Finish(ms []stream.Match) ([]stream.Match, error) { return f.flush(ms), nil }

func (f *follower) pass(p []byte) {
	switch {
	case p[0] == '[' && f.passed == '!':
		f.image = f.pos
	case p[0] == '(' && f.passed == ']':
		f.destination = [2]int{f.pos, f.destination[0]}
	}
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

// flush looks at the word and ends it: by itself, and as what goes on with the address in front of it.
func (f *follower) flush(ms []stream.Match) []stream.Match {
	if len(f.word) == 0 {
		return ms
	}
	rule, from := f.read(f.word, f.before)
	switch {
	case rule != "":
		f.value.end() // what follows is part of no address any more
	case f.value.rule != "":
		rule = f.value.rule
	case f.value.goesOn(f.word):
		rule, _ = f.read(f.value.add(f.word), f.value.before)
		f.value.rule = rule
	}
	if rule == "" {
		f.value.begin(f.word, f.before)
	} else {
		ms = append(ms, stream.Match{Rule: rule, Category: Category, Start: f.pos + from, End: f.pos + len(f.word)})
	}
	f.pass(f.word)
	f.word, f.v6 = f.word[:0], false
	return ms
}

// read judges an address as it stands and, if nothing is wrong with that, as Markdown and HTML read it: where it begins is then not known.
func (f *follower) read(w, before []byte) (rule string, from int) {
	if rule, from = f.judge(w, before); rule != "" {
		return rule, from
	}
	if read := undone(w); read != nil {
		rule, _ = f.judge(read, before)
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
