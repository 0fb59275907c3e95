package guard

import (
	"fmt"
	"log/slog"
)

// judge applies the policy's modes to the findings from index from on.
func (t *Transaction) judge(from int, mode func(rule string) Mode) *Rejection {
	var rej *Rejection
	kept := t.st.findings[:from]
	for _, f := range t.st.findings[from:] {
		if !t.pol.ids[f.Rule] {
			return internal(fmt.Errorf("%w: it reports a rule that was not declared", errDetector))
		}
		mode := mode(f.Rule)
		if mode == ModeOff {
			continue
		}
		if mode == ModeBlock && rej == nil {
			rej = blocked(f.Rule)
		}
		kept = append(kept, f)
		t.report(f, mode)
	}
	t.st.findings = kept
	return rej
}

// maxReports is how many findings of one rule in one mode hooks and log are told of in one transaction. Who writes thousands of
// addresses into a request would write as many lines into the log; and with one bound for all, they could hide what matters: another
// rule, or the one finding for which the answer is refused behind those that the request is only watched for.
const maxReports = 16

// reported is what findings are counted by.
type reported struct {
	rule string
	mode Mode
}

// report tells hooks and log of a finding.
func (t *Transaction) report(f Finding, mode Mode) {
	if t.sum.Findings++; t.told == nil {
		t.told = make(map[reported]int)
	}
	like := reported{f.Rule, mode}
	if t.told[like]++; t.told[like] > maxReports {
		return
	}
	if t.g.hooks.Finding != nil {
		t.g.hooks.Finding(t.ctx, f, mode)
	}
	if t.g.log.Enabled(t.ctx, slog.LevelInfo) {
		t.g.log.LogAttrs(t.ctx, slog.LevelInfo, "guard finding", slog.String("rule", f.Rule),
			slog.String("category", f.Category), slog.String("mode", string(mode)), slog.Int("span", f.Span))
	}
}
