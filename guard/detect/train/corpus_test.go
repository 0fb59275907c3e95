package train

import (
	"strings"
	"testing"
	"unicode"

	"github.com/holdfast-ai/holdfast/guard/detect"
)

// kindsOf says which kinds rows of a corpus may have, by label.
var kindsOf = [2]map[string]bool{
	{"benign": true, "benign-hard": true},
	{"direct": true, "indirect": true, "jailbreak": true, "extraction": true},
}

// Rows of our own are whole: labelled, each of them once, and nothing in them that nobody sees.
func TestCorpus(t *testing.T) {
	rows, err := corpus()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) < 1000 {
		t.Errorf("only %d rows", len(rows))
	}
	seen := make(map[string]bool)
	for i, r := range rows {
		var norm detect.Text
		norm.Append([]byte(r.Text), 0)
		text := strings.Join(strings.Fields(string(norm.Norm)), " ")
		switch {
		case text == "" || seen[text]:
			t.Errorf("%s: row %d says nothing new", r.Source, i)
		case !kindsOf[r.Label][r.Kind]:
			t.Errorf("%s: row %d has label %d and kind %q", r.Source, i, r.Label, r.Kind)
		case r.Family == "" || r.Lang == "":
			t.Errorf("%s: row %d has no family or language", r.Source, i)
		case r.Payload != "" && (r.Label == 0 || len(r.Span) != 2 || string([]rune(r.Text)[r.Span[0]:r.Span[1]]) != r.Payload):
			t.Errorf("%s: row %d has a payload that is not in it", r.Source, i)
		case strings.ContainsFunc(r.Text, invisible):
			t.Errorf("%s: row %d holds what nobody sees", r.Source, i)
		}
		seen[text] = true
	}
}

// invisible reports what is neither seen nor needed to write a language: joiners shape letters of Persian and of Indic scripts and join emoji.
func invisible(r rune) bool {
	switch r {
	case '\n', '\t', '\u200c', '\u200d', '\ufe0f':
		return false
	}
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar
}

// Nothing of the corpus is taken from the rows of others: no row shares more than half of its runs of five words with one of them.
func TestCorpusIsOurs(t *testing.T) {
	shingles := func(s string) map[string]bool {
		words := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.In(r, unicode.L, unicode.M, unicode.N) })
		out := make(map[string]bool)
		for i := range len(words) - 4 {
			out[strings.Join(words[i:i+5], " ")] = true
		}
		return out
	}
	known := make(map[string]bool)
	for _, r := range sharedRows(t) {
		for s := range shingles(r.Text) {
			known[s] = true
		}
	}
	rows, err := corpus()
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range rows {
		own, n := shingles(r.Text), 0
		for s := range own {
			if known[s] {
				n++
			}
		}
		if 2*n > len(own) {
			t.Errorf("%s: row %d shares %d of %d runs of words with rows of others", r.Source, i, n, len(own))
		}
	}
}
