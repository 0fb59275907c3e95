// Package sensitive recognises personal and health identifiers, and secrets, in requests and in answers: about 140
// kinds of identifiers and 85 of secrets, with their check digits where they have any, each by a hand-written scanner over one pass. There is no regular
// expression and no list of names: names of people are left to a detector of your own (guard.WithDetector).
//
//	s, err := sensitive.New() // all kinds
//	g, err := guard.New(policy, guard.WithDetector(s, s.IDs()...), guard.WithScanner(s.Start, s.IDs()...))
//
// and the policy says for each kind whether it is monitored, redacted, restored (taken out of the request and put back into the
// answer) or blocked. Identifiers whose check is weak count in
// the form in which people write them, or after a word that names them; so a nine-digit order number is not taken for a
// social security number, nor a number whose thousands are set off by spaces or dots for one of those that are written so: these need a word. Spaces and hyphens that do not break, digits of other scripts and invisible characters do not hide one,
// nor do escapes that readers undo: of JSON and programs, of Markdown, character references of HTML, and of addresses.
//
// Secrets with a prefix of their own (ghp_…, AKIA…) are found too where a line end, with what quotes or indents the next line, a hyphen or a backslash splits them, and
// where a program joins strings: "ghp_ab" + "cd", also with "\", ".", "..", "&", "||", "<>", "~", "^" or nothing between them, .concat("cd"), expressions in strings
// (`ghp_${"ab"}cd`), and lists (["ghp_", "abcd"].join("")) as long as nothing in them is a secret by itself. Values of variables, in strings or added one statement after another, are not followed. The finding, and so what is redacted, is one run of
// the text: all pieces and what joins them. The prefix must stand whole in the first piece, which has a capital, a digit, "_" or "-", unless that is a string with a part of it ("gh" + "p_…"), and there are at most 64 pieces. A piece that is a whole secret by itself ends
// with its line.
//
// A private key in armour is found from its first line to its last, however it is cut into lines, strings, groups or letters, up to words of prose: a first line that is only mentioned is none, and within
// 4 KiB behind it lines of base64 are a key still.
//
// A value may stand behind its name in Markdown ("**Password:** `…`"), in the next cell of a table, and on the next line. A value that is assigned to a telling name ends with its quote, and without quotes at a space, comma, semicolon or bracket: what stands behind that is not found.
//
// Plates of vehicles, postcodes and numbers of companies that have no check digit count behind a word for them alone; of the towns of Germany those with an umlaut are not read.
//
// Known ways past: what is written in base64 or hexadecimal, backwards, in letters of other scripts that look alike, in escapes of escapes, in octal ones, or with a letter or digit right beside a number; a secret in two halves
// with words, marks of comments ("# ", "// ", "- ") or cells of a table between them; a value whose name stands further off ("the password for the database is …").
// What is written out in words or cut by markup is not recognised, nor are other identifiers and values that are assigned to a name, where the end of a line cuts them.
package sensitive

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"

	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/stream"
)

// Category is the OWASP LLM 2025 id of all findings: sensitive information disclosure.
const Category = "LLM02"

// ErrKind means that a kind does not exist.
var ErrKind = errors.New("sensitive: unknown kind")

// A Set recognises some kinds. It is immutable and safe for concurrent use.
type Set struct {
	on       map[string]bool
	byLength [maxID + 1][]*rule
	secrets  [256][]*token // by the first two bytes, see pair
	pairs    [256]uint64   // by first byte: the second ones, modulo 64, one bit each
}

var _ detect.Detector = (*Set)(nil)

// Kinds lists all kinds, sorted: "pii.…", "phi.…" (of health) and "secret.…".
func Kinds() []string {
	seen := map[string]bool{}
	for _, id := range special {
		seen[id] = true
	}
	for i := range rules {
		seen[rules[i].id] = true
	}
	for i := range tokens {
		seen[tokens[i].id] = true
	}
	out := make([]string, 0, len(seen))
	for id := range seen {
		out = append(out, id)
	}
	sort.Strings(out)
	return out
}

// New returns a set of the given kinds, or of all. Errors: [ErrKind].
func New(kinds ...string) (*Set, error) {
	all := Kinds()
	if len(kinds) == 0 {
		kinds = all
	}
	s := &Set{on: make(map[string]bool, len(kinds))}
	for _, k := range kinds {
		if !slices.Contains(all, k) {
			return nil, fmt.Errorf("%w %q", ErrKind, k)
		}
		s.on[k] = true
	}
	for i := range rules {
		if r := &rules[i]; s.on[r.id] {
			s.byLength[len(r.shape)] = append(s.byLength[len(r.shape)], r)
		}
	}
	for i := range tokens {
		if t := &tokens[i]; s.on[t.id] {
			k := pair(t.prefix[0], t.prefix[1])
			s.secrets[k] = append(s.secrets[k], t)
			s.pairs[t.prefix[0]] |= 1 << (t.prefix[1] & 63)
		}
	}
	return s, nil
}

// IDs lists the kinds of the set, sorted: the ids of its findings.
func (s *Set) IDs() []string {
	out := make([]string, 0, len(s.on))
	for id := range s.on {
		out = append(out, id)
	}
	sort.Strings(out)
	return out
}

// Detect implements [detect.Detector] for all texts but the operator's own.
func (s *Set) Detect(_ context.Context, v detect.View, findings []detect.Finding) ([]detect.Finding, error) {
	var ms []stream.Match
	for i, span := range v.Spans {
		if span.Trust == detect.TrustOperator {
			continue
		}
		ms = s.Find(ms[:0], span.Text)
		for _, m := range ms {
			findings = append(findings, detect.Finding{Rule: m.Rule, Category: m.Category, Span: i, Start: m.Start, End: m.End})
		}
	}
	return findings, nil
}

// Find appends the matches in a text that is complete.
func (s *Set) Find(ms []stream.Match, text []byte) []stream.Match {
	f := typeset{plain: follower{set: s}}
	ms, _, _ = f.Write(ms, text)
	ms, _ = f.Finish(ms)
	return ms
}

// Start returns a scanner of one text that grows; see [stream.Scanner]. It holds back the word in progress, groups of digits
// and capitals with their single spaces, private keys up to 16 KiB, and what
// may be the first pieces of a secret: prose is a word late, no more.
func (s *Set) Start() stream.Scanner { return &typeset{plain: follower{set: s}} }
