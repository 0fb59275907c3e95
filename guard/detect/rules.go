package detect

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// A Rule is one pattern of the built-in detector: classes of words that follow one another at no more than Gap bytes of
// normalised text. A class whose name begins with '=' matches anywhere, others only as whole words.
type Rule struct {
	ID       string
	Category string   // OWASP LLM 2025 id
	Steps    []string // names of classes
	Gap      int      // bytes between the end of one step and the start of the next
	Where    []Trust  // the levels of trust it applies to
}

// Rules is the built-in detector. It is immutable and safe for concurrent use.
type Rules struct {
	rules   []Rule
	applies [][3]bool
	auto    *automaton
	class   []int  // of each pattern
	whole   []bool // pattern must stand as a word
	steps   [][]step
	slots   int
	first   []int // slot of each rule's first step
	pool    sync.Pool
}

// step says that a class is the k-th step of a rule.
type step struct {
	rule, k int
	last    bool
}

// NewRules compiles the built-in rules.
func NewRules() (*Rules, error) { return compile(builtinRules(), builtinClasses()) }

func compile(rules []Rule, classes map[string][]string) (*Rules, error) {
	r := &Rules{rules: rules, applies: make([][3]bool, len(rules)), first: make([]int, len(rules))}
	names := make([]string, 0, len(classes))
	for name := range classes {
		names = append(names, name)
	}
	slices.Sort(names)
	index := make(map[string]int, len(names))
	var patterns []string
	for i, name := range names {
		index[name] = i
		for _, p := range classes[name] {
			patterns = append(patterns, p)
			r.class = append(r.class, i)
			r.whole = append(r.whole, !strings.HasPrefix(name, "="))
		}
	}
	r.steps = make([][]step, len(names))
	for i, rule := range rules {
		for _, w := range rule.Where {
			r.applies[i][w] = true
		}
		r.first[i] = r.slots
		r.slots += len(rule.Steps)
		for k, name := range slices.Backward(rule.Steps) { // the last step first: a word is one step, not two
			c, ok := index[name]
			if !ok {
				return nil, fmt.Errorf("detect: rule %s names no class %q", rule.ID, name)
			}
			r.steps[c] = append(r.steps[c], step{rule: i, k: k, last: k == len(rule.Steps)-1})
		}
	}
	var ok bool
	if r.auto, ok = newAutomaton(patterns, false); !ok {
		return nil, fmt.Errorf("detect: %d patterns need too many states", len(patterns))
	}
	r.pool.New = func() any {
		return &scratch{at: make([]int, r.slots), prev: make([]int, r.slots), fired: make([]bool, len(r.rules))}
	}
	return r, nil
}

// IDs returns the ids of all built-in rules, of the evidence rules and of the leak rules, sorted.
func IDs() []string {
	ids := []string{RuleTags, RuleZeroWidth, RuleVariation, RuleBidi, RuleCanary, RulePrompt}
	for _, r := range builtinRules() {
		ids = append(ids, r.ID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// WordRules returns the ids of the word patterns, in their order.
func (r *Rules) WordRules() []string {
	ids := make([]string, len(r.rules))
	for i, rule := range r.rules {
		ids[i] = rule.ID
	}
	return ids
}

// Digest identifies the built-in rules: a policy that relies on them binds it.
func Digest() [32]byte {
	classes := builtinClasses()
	names := make([]string, 0, len(classes))
	for n := range classes {
		names = append(names, n)
	}
	slices.Sort(names)
	h := sha256.New()
	for _, n := range names {
		fmt.Fprintf(h, "%q %q\n", n, classes[n])
	}
	for _, r := range builtinRules() {
		fmt.Fprintf(h, "%q %q %q %d %d\n", r.ID, r.Category, r.Steps, r.Gap, r.Where)
	}
	return [32]byte(h.Sum(nil))
}

// scratch is the state of one scan; it holds text and is cleared before it is pooled.
type scratch struct {
	text  Text
	at    []int // end of the latest match of each rule's steps so far, +1; 0 = none
	prev  []int // end of the latest match before that one: its word may belong to the next step ("your hidden instructions")
	fired []bool
	ends  []spanEnd
}

type spanEnd struct{ index, norm int }

// maxScratch is the largest buffer that is kept for the next scan, in bytes.
const maxScratch = 1 << 18

var _ Detector = (*Rules)(nil)

// Detect scans every span. Neighbouring spans of the same role and trust are read as one text, with and without space
// between them, since backends join them either way. It reports each rule once for each such text.
func (r *Rules) Detect(_ context.Context, v View, findings []Finding) ([]Finding, error) {
	s := r.pool.Get().(*scratch)
	for i := 0; i < len(v.Spans); {
		j := i + 1
		for j < len(v.Spans) && v.Spans[j].Role == v.Spans[i].Role && v.Spans[j].Trust == v.Spans[i].Trust {
			j++
		}
		findings = r.scan(s, v.Spans[i:j], i, findings)
		i = j
	}
	if cap(s.text.Norm) <= maxScratch {
		r.pool.Put(s)
	}
	return findings, nil
}

// scan reads spans, whose first has index base in the view.
func (r *Rules) scan(s *scratch, spans []Span, base int, findings []Finding) []Finding {
	clear(s.fired)
	s.join(spans, base, true)
	findings = r.words(s, spans[0].Trust, evidence(s, findings))
	if len(spans) > 1 {
		s.join(spans, base, false)
		findings = r.words(s, spans[0].Trust, findings)
	}
	return findings
}

// join normalises spans to one text.
func (s *scratch) join(spans []Span, base int, spaced bool) {
	s.text.Reset()
	s.ends = s.ends[:0]
	for i, sp := range spans {
		s.text.Append(sp.Text, 0)
		if spaced {
			s.text.space()
		}
		s.ends = append(s.ends, spanEnd{base + i, len(s.text.Norm)})
	}
}

// words looks for the rules that did not fire yet.
func (r *Rules) words(s *scratch, trust Trust, findings []Finding) []Finding {
	clear(s.at)
	clear(s.prev)
	trust = min(trust, TrustOperator)
	norm, a, at := s.text.Norm, r.auto, state(0)
	for i, c := range norm {
		if at = a.step(at, c); at.ends() {
			findings = r.match(s, a.outs[a.number(at)], trust, i+1, findings)
		}
	}
	clear(norm)
	return findings
}

// match takes the patterns that end before end.
func (r *Rules) match(s *scratch, patterns []int32, trust Trust, end int, findings []Finding) []Finding {
	for _, p := range patterns {
		start := end - int(r.auto.length[p])
		if r.whole[p] && !standsAlone(s.text.Norm, start, end) {
			continue
		}
		for _, st := range r.steps[r.class[p]] {
			if r.applies[st.rule][trust] && !s.fired[st.rule] && r.advance(s, st, start, end) {
				s.fired[st.rule] = true
				findings = append(findings, r.finding(s, st.rule, start, end))
			}
		}
	}
	return findings
}

// advance moves a rule on and reports whether it is complete.
func (r *Rules) advance(s *scratch, st step, start, end int) bool {
	slot := r.first[st.rule] + st.k
	if st.k > 0 {
		before := s.at[slot-1] - 1
		if start < before {
			before = s.prev[slot-1] - 1
		}
		if before < 0 || start < before || start-before > r.rules[st.rule].Gap {
			return false
		}
	}
	if s.at[slot] != end+1 {
		s.prev[slot], s.at[slot] = s.at[slot], end+1
	}
	return st.last
}

func (r *Rules) finding(s *scratch, rule, start, end int) Finding {
	f := Finding{Rule: r.rules[rule].ID, Category: r.rules[rule].Category}
	f.Span, f.Start, f.End = s.locate(start, end)
	return f
}

// locate maps a range of the normalised text to the span where it ends.
func (s *scratch) locate(start, end int) (span, from, to int) {
	k := 0
	for k < len(s.ends)-1 && s.ends[k].norm < end {
		k++
	}
	if k > 0 && start < s.ends[k-1].norm {
		return s.ends[k].index, 0, s.text.Original(end-1) + 1
	}
	return s.ends[k].index, s.text.Original(start), s.text.Original(end-1) + 1
}

// standsAlone reports whether norm[start:end] is no part of a longer word. Next to ASCII only ASCII goes on with a word:
// accents and look-alikes are folded by now, and what else stands there is a quotation mark, an emoji or another script.
func standsAlone(norm []byte, start, end int) bool {
	if start > 0 {
		if c := norm[start-1]; c < utf8.RuneSelf && word[c] {
			return false
		} else if c >= utf8.RuneSelf && norm[start] >= utf8.RuneSelf {
			if r, _ := utf8.DecodeLastRune(norm[:start]); inWord(r) {
				return false
			}
		}
	}
	if end < len(norm) {
		if c := norm[end]; c < utf8.RuneSelf && word[c] {
			return false
		} else if c >= utf8.RuneSelf && norm[end-1] >= utf8.RuneSelf {
			if r, _ := utf8.DecodeRune(norm[end:]); inWord(r) {
				return false
			}
		}
	}
	return true
}

func inWord(r rune) bool { return unicode.In(r, unicode.L, unicode.M, unicode.N) }
