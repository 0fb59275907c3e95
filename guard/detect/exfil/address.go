package exfil

import (
	"bytes"
	"strings"
)

// judge says what is wrong with the address in a word behind a text, and where it begins.
func (f *follower) judge(w, before []byte) (rule string, from int) {
	if bytes.IndexByte(w, ':') >= 0 {
		if from, script := scheme(w); script {
			return RuleScheme, from
		}
	}
	if from := barely(w); from >= 0 {
		host, rest := cut(w[from:])
		if !f.hosts.allows(host) && carries(host, rest) {
			return RuleLink, from
		}
	}
	host, rest, from, ok := address(w, before)
	if !ok {
		return "", 0
	}
	name := host[strings.LastIndexByte(host, '@')+1:]
	if f.hosts.allows(name) {
		return "", 0
	}
	if f.loaded(before, w[:from]) {
		return RuleImage, from
	}
	if bare := slash(w[from]); bare && (!plain(name) || strings.IndexByte(name, '.') < 0) { // a comment, or an expression
		return "", 0
	}
	if user := host[:len(host)-len(name)]; carries(name, rest) || len(user) > longQuery && !(mail(w[from:]) && len(user) < longWords && words([]byte(user))) {
		return RuleLink, from
	}
	return "", 0
}

// scheme looks for schemes that run what they hold.
func scheme(w []byte) (from int, script bool) {
	for _, s := range [...]string{"javascript:", "vbscript:"} {
		if i := indexFold(w, s); i >= 0 && begins(w, i) && len(w) > i+len(s) {
			return i, true
		}
	}
	i := indexFold(w, "data:")
	if i < 0 || !begins(w, i) {
		return 0, false
	}
	kind := bytes.TrimLeft(w[i+len("data:"):], " ") // Fetch standard, "data: URL processor"
	for _, s := range [...]string{"text/html", "text/xml", "image/svg", "application/"} {
		if len(kind) >= len(s) && bytes.EqualFold(kind[:len(s)], []byte(s)) {
			return i, true
		}
	}
	return 0, false
}

// begins reports whether a scheme may begin at position i of a word: it is no part of a path or a longer name, and a letter in front of it is of an escape such as "\n".
func begins(w []byte, i int) bool {
	return i == 0 || !letter(w[i-1]) && w[i-1] != '/' && w[i-1] != '.' && w[i-1] != '-' && w[i-1] != '_' || i > 1 && w[i-2] == '\\' && escape(w[i-1])
}

// escape reports whether a letter behind a backslash stands for white space in JSON and programs.
func escape(c byte) bool { return c == 'n' || c == 'r' || c == 't' || c == 'b' || c == 'f' }

func indexFold(w []byte, s string) int {
	for i := 0; i+len(s) <= len(w); i++ {
		if w[i]|0x20 == s[0] && bytes.EqualFold(w[i:i+len(s)], []byte(s)) {
			return i
		}
	}
	return -1
}

// mail reports whether an address is that of a mailbox, which is its user.
func mail(w []byte) bool {
	return len(w) > len("mailto:") && bytes.EqualFold(w[:len("mailto:")], []byte("mailto:"))
}

// slash reports whether browsers read c as a slash.
func slash(c byte) bool { return c == '/' || c == '\\' }

// from returns where the address in a word begins, or -1.
func from(w, before []byte) int {
	if at := barely(w); at >= 0 {
		return at
	}
	if _, _, at, ok := address(w, before); ok {
		return at
	}
	return -1
}

// address cuts an address into its host, with the name of a user in front of it, and what follows. Without a scheme ("//host/") it counts where an
// address is expected.
func address(w, before []byte) (host string, rest []byte, from int, ok bool) {
	at := -1
	for i := 0; i+2 < len(w) && at < 0; i++ {
		switch {
		case w[i] == ':':
			for from = i; from > 0 && letter(w[from-1]); from-- {
			}
			if from > 0 && from+1 < i && w[from-1] == '\\' && escape(w[from]) {
				from++
			}
			if slash(w[i+1]) && slash(w[i+2]) && from < i {
				at = i + 3
			} else if alone(w[from:i]) {
				at = i + 1
			}
		case slash(w[i]) && slash(w[i+1]) && expected(w[:i], before):
			from, at = i, i+2
		}
	}
	if at < 0 {
		return "", nil, 0, false
	}
	for at < len(w) && slash(w[at]) { // "https:///host" is "https://host" to a browser
		at++
	}
	host, rest = cut(w[at:])
	return host, rest, from, host != "" && strings.IndexByte(host, ' ') < 0 // prose, or a comment
}

// alone reports whether a scheme needs no slashes behind it: browsers add them (WHATWG URL, "special authority ignore slashes state"), and mail has none.
func alone(scheme []byte) bool {
	for _, s := range [...]string{"http", "https", "ftp", "mailto"} {
		if len(scheme) == len(s) && bytes.EqualFold(scheme, []byte(s)) {
			return true
		}
	}
	return false
}

// expected reports whether an address without a scheme may stand behind a part of its word.
func expected(part, before []byte) bool {
	for len(part) > 0 && part[len(part)-1] <= ' ' { // browsers skip those in front of an address
		part = part[:len(part)-1]
	}
	if n := len(part); n > 0 {
		return bytes.IndexByte([]byte("=;,"), part[n-1]) >= 0
	}
	b := bytes.TrimRight(before, " \t\r\n\f")
	return len(b) > 0 && bytes.IndexByte([]byte("(\"'=<;,"), b[len(b)-1]) >= 0 || bytes.HasSuffix(b, []byte("]:"))
}

// cut cuts what follows the slashes into the host, with the name of a user in front of it, and the rest.
func cut(w []byte) (host string, rest []byte) {
	end := 0
	for end < len(w) && !slash(w[end]) && w[end] != '?' && w[end] != '#' {
		end++
	}
	name, user := w[:end], 0
	if i := bytes.LastIndexByte(name, '@'); i >= 0 {
		user = i + 1
	}
	if i := bytes.IndexByte(name[user:], ':'); i >= 0 && !bytes.HasPrefix(name[user:], []byte("[")) {
		name = name[:user+i]
	}
	return string(name), w[end:]
}

// barely returns where an address without a scheme begins that is made a link all the same (GitHub Flavored Markdown 6.9), or -1.
func barely(w []byte) int {
	from := 0
	for from < len(w) && (w[from] == '*' || w[from] == '_' || w[from] == '~') {
		from++
	}
	if len(w) < from+5 || !bytes.EqualFold(w[from:from+4], []byte("www.")) {
		return -1
	}
	return from
}
