package detect

import "unicode/utf8"

// Rules that are not word patterns, and word patterns that ask for a reading.
const (
	RuleTags      = "invisible.tags"      // tag characters that spell text, outside flags
	RuleZeroWidth = "invisible.zerowidth" // a run of zero-width characters long enough to carry a payload
	RuleVariation = "invisible.variation" // a run of variation selectors long enough to carry a payload
	RuleBidi      = "invisible.bidi"      // directional overrides, dense enough to show other text than is sent
	RuleCanary    = "leak.canary"         // a canary in an answer
	ruleRotated   = "obfuscation.rot13"
	ruleReversed  = "obfuscation.reversed"
	RulePrompt    = "leak.system-prompt" // a run of words of a system prompt in an answer
)

// CategoryLeak is the OWASP LLM 2025 id of leak findings: system prompt leakage.
const CategoryLeak = "LLM07"

// Lengths from which invisible characters are a payload. Emoji and Indic or Arabic text need one selector or joiner at a
// time; text pasted from editors has short runs of zero-width spaces; Arabic and Hebrew pages use pairs of isolates.
const (
	payloadZeroWidth = 8
	payloadVariation = 3
	payloadBidi      = 16
)

func evidence(s *scratch, findings []Finding) []Finding {
	e := s.text.Evidence
	last := s.ends[len(s.ends)-1].index
	for _, x := range [...]struct {
		rule     string
		n, least int
	}{
		{RuleTags, e.Tags, 1},
		{RuleZeroWidth, e.ZeroWidth, payloadZeroWidth},
		{RuleVariation, e.Variation, payloadVariation},
		{RuleBidi, e.Bidi, payloadBidi},
	} {
		if x.n >= x.least {
			findings = append(findings, Finding{Rule: x.rule, Category: "LLM01", Span: last})
		}
	}
	return findings
}

// align moves the ends of findings in spans, whose first has index base, to whole characters, outwards: what a policy takes out leaves UTF-8.
func align(findings []Finding, spans []Span, base int) {
	for i := range findings {
		f := &findings[i]
		f.Start, f.End = whole(spans[f.Span-base].Text, f.Start, f.End)
	}
}

// whole returns the range of the characters that a range touches.
func whole(text []byte, start, end int) (int, int) {
	for start > 0 && start < len(text) && !utf8.RuneStart(text[start]) {
		start--
	}
	for end > 0 && end < len(text) && !utf8.RuneStart(text[end]) {
		end++
	}
	return start, end
}
