package sensitive_test

import (
	"slices"
	"strings"
	"testing"
)

// What answers put around a word, and a reader does not see or takes for punctuation, hides no example.
func TestMarkupHidesNothing(t *testing.T) {
	s := all(t)
	for kind, list := range examples {
		if kind == "secret.private-key" || kind == "secret.assigned" || kind == "secret.url-password" { // these go on
			continue
		}
		for _, e := range list {
			from, to := strings.Index(e, "{"), strings.Index(e, "}")
			want := e[from+1 : to]
			if from > 0 && e[from-1] != ' ' || to+1 < len(e) && e[to+1] != ' ' && e[to+1] != '.' { // within an address
				continue
			}
			for _, around := range []string{"_%_", "__%__", "___%___", "*%*", "**%**", "***%***", "`%`", "~~%~~", "==%==", "|%|", "<b>%</b>", "“%”", "«%»", "‘%’", "[%](x)", "- %\n", "• %", "1. %", "#%", "> %", "%…", "%—", "→%", "\\[%\\]", "$%$", "%!", "%?", "%;", "%:", "\"%\"", "'%',"} {
				text := e[:from] + strings.Replace(around, "%", want, 1) + e[to+1:]
				got := found(s, text)
				if !slices.ContainsFunc(got, func(m string) bool { return strings.HasPrefix(m, kind+"=") && strings.Contains(m, want) }) {
					t.Errorf("%s: %q: %q", kind, text, got)
				}
			}
		}
	}
}
