package main

import (
	"cmp"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/holdfast-ai/holdfast/guard/detect/train"
)

// shingleWords is the length of a shingle: long enough that two texts share one only if one quotes the other or both come
// of one template.
const shingleWords = 5

// A shingler hashes the runs of words of texts.
type shingler struct{ seed maphash.Seed }

func newShingler() shingler { return shingler{maphash.MakeSeed()} }

// shingles returns the distinct runs of five words of a text, in lower case and without punctuation. A text of fewer words
// has one: all of it. Scripts that are written without spaces count characters as words.
func (s shingler) shingles(text string) map[uint64]bool {
	var words []string
	for _, f := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.In(r, unicode.L, unicode.M, unicode.N) }) {
		start := 0
		for i, r := range f {
			if unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai) {
				if start < i {
					words = append(words, f[start:i])
				}
				start = i + len(string(r))
				words = append(words, f[i:start])
			}
		}
		if start < len(f) {
			words = append(words, f[start:])
		}
	}
	out := make(map[uint64]bool)
	if len(words) == 0 {
		return out
	}
	for i := 0; i == 0 || i+shingleWords <= len(words); i++ {
		out[maphash.String(s.seed, strings.Join(words[i:min(i+shingleWords, len(words))], " "))] = true
	}
	return out
}

// An overlap says how much of an evaluation source a set of training rows holds already.
type overlap struct {
	Source string
	Rows   int
	Shared float64 // share of the source's distinct shingles that some training row has
	Half   int     // rows more than half of whose shingles training rows have
}

// overlaps compares evaluation rows, by source, with the training rows that use admits for that source.
func overlaps(evaluation, training []train.Row, use func(evaluated string, r *train.Row) bool) []overlap {
	s := newShingler()
	in := make([]map[uint64]bool, len(training))
	for i := range training {
		in[i] = s.shingles(training[i].Text)
	}
	bySource := make(map[string][]train.Row)
	for _, r := range evaluation {
		bySource[r.Source] = append(bySource[r.Source], r)
	}
	var out []overlap
	for _, source := range slices.SortedFunc(maps.Keys(bySource), cmp.Compare[string]) {
		known := make(map[uint64]bool)
		for i := range training {
			if use(source, &training[i]) {
				maps.Copy(known, in[i])
			}
		}
		o, distinct := overlap{Source: source}, make(map[uint64]bool)
		for _, r := range bySource[source] {
			o.Rows++
			own, n := s.shingles(r.Text), 0
			for k := range own {
				if known[k] {
					n++
				}
			}
			if 2*n > len(own) {
				o.Half++
			}
			maps.Copy(distinct, own)
		}
		n := 0
		for k := range distinct {
			if known[k] {
				n++
			}
		}
		o.Shared = float64(n) / float64(max(len(distinct), 1))
		out = append(out, o)
	}
	return out
}
