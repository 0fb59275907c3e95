package detect

import (
	"crypto/sha256"
	"encoding/json"
	"slices"
	"sync"
)

// Rules is the detector of known phrasings. It is immutable and safe for concurrent use.
type Rules struct {
	rules      []Rule
	applies    [][3]bool
	auto       *automaton
	patterns   []ruleWord  // by number of the pattern
	steps      [][]step    // by class
	classes    [][]int     // of each rule's steps
	asked      [3][]uint16 // by trust and class: how many steps of rules ask for it
	slots      int
	first      []int // slot of each rule's first step
	pool       sync.Pool
	rotated    int // rules that ask for a reading
	reversed   int
	vocabulary vocabulary
	number     uint64
	expires    string
	digest     [32]byte
}

// IDs returns the ids of all findings of this package with the built-in rules and model, sorted.
func IDs() []string {
	var f RuleFile
	if json.Unmarshal(builtinRules, &f) != nil { // a test compiles them; here their names are enough
		f.Rules = nil
	}
	return idsOf(f.Rules)
}

// IDs returns the ids of all findings of this package with these rules and the built-in model, sorted.
func (r *Rules) IDs() []string { return idsOf(r.rules) }

func idsOf(rules []Rule) []string {
	ids := []string{RuleTags, RuleZeroWidth, RuleVariation, RuleBidi, RuleCanary, RulePrompt, RuleModel}
	for _, rule := range rules {
		if rule.Severity > 0 {
			ids = append(ids, rule.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// WordRules returns the ids of the word patterns, in their order.
func (r *Rules) WordRules() []string {
	ids := make([]string, len(r.rules))
	for i, rule := range r.rules {
		ids[i] = rule.ID
	}
	return ids
}

// Digest identifies the built-in rules and the built-in model: a policy that relies on them binds it.
func Digest() [32]byte {
	return digestOf(sha256.Sum256(builtinRules), sha256.Sum256(builtinModel))
}

// DigestWith identifies rules and the built-in model.
func DigestWith(r *Rules) [32]byte { return digestOf(r.digest, sha256.Sum256(builtinModel)) }

func digestOf(parts ...[32]byte) [32]byte {
	h := sha256.New()
	for _, sum := range parts {
		h.Write(sum[:])
	}
	return [32]byte(h.Sum(nil))
}

var _ Detector = (*Rules)(nil)
