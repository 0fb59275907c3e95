package detect

import (
	"fmt"
	"slices"
	"strings"
)

// step says that a class is the k-th step of a rule.
type step struct {
	rule, k int
	slot    int
	last    bool
}

// ruleWord is a pattern of the automaton.
type ruleWord struct {
	class, length int32
	whole         bool // it must stand as a word
}

func compile(f RuleFile) (*Rules, error) {
	rules, classes := f.Rules, f.Classes
	r := &Rules{rules: rules, applies: make([][3]bool, len(rules)), first: make([]int, len(rules)), classes: make([][]int, len(rules)), number: f.Number, expires: f.Expires}
	names := make([]string, 0, len(classes))
	for name := range classes {
		names = append(names, name)
	}
	slices.Sort(names)
	index := make(map[string]int, len(names))
	var patterns []string
	var whole []bool
	for i, name := range names {
		index[name] = i
		seen := make(map[string]bool)
		for _, p := range classes[name] {
			var t Text
			t.Append([]byte(p), 0)
			if len(t.Norm) == 0 {
				return nil, fmt.Errorf("class %s has a word without letters", name)
			}
			if seen[string(t.Norm)] { // every byte of a text that ends a word would cost once for each
				continue
			}
			seen[string(t.Norm)] = true
			patterns = append(patterns, string(t.Norm))
			alone := !strings.HasPrefix(name, "=")
			whole = append(whole, alone)
			r.patterns = append(r.patterns, ruleWord{class: int32(i), length: int32(len(t.Norm)), whole: alone})
		}
	}
	r.steps = make([][]step, len(names))
	for i, rule := range rules {
		for _, w := range rule.Where {
			r.applies[i][trusts[w]] = true
		}
		r.first[i] = r.slots
		r.slots += len(rule.Steps)
		for k, name := range slices.Backward(rule.Steps) { // the last step first: a word is one step, not two
			c, ok := index[name]
			if !ok {
				return nil, fmt.Errorf("rule %s names no class %q", rule.ID, name)
			}
			r.steps[c] = append(r.steps[c], step{rule: i, k: k, slot: r.first[i] + k, last: k == len(rule.Steps)-1})
			r.classes[i] = append(r.classes[i], c)
		}
	}
	for trust := range r.asked {
		r.asked[trust] = make([]uint16, len(names))
		for c, steps := range r.steps {
			for _, st := range steps {
				if r.applies[st.rule][trust] {
					r.asked[trust][c]++
				}
			}
		}
	}
	r.rotated, r.reversed = -1, -1
	for i, rule := range rules {
		switch rule.ID {
		case ruleRotated:
			r.rotated = i
		case ruleReversed:
			r.reversed = i
		}
	}
	r.vocabulary = newVocabulary(patterns)
	var ok bool
	if r.auto, ok = newAutomaton(patterns, whole, false); !ok {
		return nil, fmt.Errorf("%d patterns need too many states", len(patterns))
	}
	r.pool.New = func() any {
		return &scratch{at: make([]int, r.slots), prev: make([]int, r.slots), fired: make([]bool, len(r.rules))}
	}
	return r, nil
}
