package detect

import (
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// ErrRules means that a file of rules cannot be used: malformed, contradicted by its own examples, expired or older than
// required.
var ErrRules = errors.New("detect: unusable rules")

// RulesPayloadType is the DSSE payload type of a signed file of rules (docs/SPEC.md section 10).
const RulesPayloadType = "application/vnd.holdfast.detect-rules.v1"

// A Rule is one pattern: classes of words that follow one another at no more than Gap bytes of normalised text. A class whose
// name begins with '=' matches anywhere, others only as whole words.
type Rule struct {
	ID       string   `json:"id"`
	Category string   `json:"category"` // OWASP LLM 2025 id, for example "LLM01"
	ATLAS    string   `json:"atlas"`    // MITRE ATLAS technique, for example "AML.T0051.000"
	Severity int      `json:"severity"` // 0: a signal for the model alone, no finding; 1 to 3: low to high
	Steps    []string `json:"steps"`    // names of classes
	Gap      int      `json:"gap"`      // bytes between the end of one step and the start of the next
	Where    []string `json:"where"`    // whose texts it applies to: "outside", "user", "operator"
	Finds    []string `json:"finds,omitempty"`
	Passes   []string `json:"passes,omitempty"` // examples of both signs, which must hold when the file is loaded
}

// RuleFile is a version of the rules.
type RuleFile struct {
	Number  uint64              `json:"number"`            // of the release; a verifier may refuse lower ones
	Date    string              `json:"date"`              // day of the release, as 2006-01-02
	Expires string              `json:"expires,omitempty"` // last day of use; a signed file must have one
	Classes map[string][]string `json:"classes"`           // words by class, in any case, with or without accents
	Rules   []Rule              `json:"rules"`
}

// Bounds of a file of rules.
const (
	maxRuleFile = 4 << 20 // bytes: the built-in one has 40 thousand
	maxRules    = 64      // the number of bits of [Score.Rules]
	maxSteps    = 8
	maxGap      = 4096 // bytes: words further apart have nothing to do with one another
	maxWord     = 256  // bytes of one pattern

	// The built-in file has 1,359 words, and examples of 63 bytes, at most 9 of a rule. All examples are read whenever a policy takes
	// effect, and what an automaton takes grows with the words that end in other words.
	maxWords    = 1 << 14 // of all classes
	maxExamples = 256     // of one rule
	maxExample  = 4096    // bytes of one
)

//go:embed rules.json
var builtinRules []byte

// NewRules returns the rules that this version of the package was released with, those that make findings. They are compiled
// once.
func NewRules() (*Rules, error) { return findingRules() }

// NewSignals returns the same rules with the signals for the model among them.
func NewSignals() (*Rules, error) { return signalRules() }

// Constants that take time to work out.
var (
	findingRules = sync.OnceValues(func() (*Rules, error) { return parseRules(builtinRules, 1) })
	signalRules  = sync.OnceValues(func() (*Rules, error) { return parseRules(builtinRules, 0) })
)

// ParseRules reads and compiles a file of rules. Every rule of severity 1 to 3 must have examples of both signs, and they must
// hold. A file that others could have written must come through [OpenRules].
// Errors unwrap to [ErrRules].
func ParseRules(data []byte) (*Rules, error) { return parseRules(data, 0) }

// parseRules compiles the rules of at least the given severity.
func parseRules(data []byte, least int) (*Rules, error) {
	var f RuleFile
	if err := strictjson.Unmarshal(data, &f, strictjson.Limits{MaxBytes: maxRuleFile, MaxDepth: 6}); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRules, err)
	}
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRules, err)
	}
	f.Rules = slices.DeleteFunc(f.Rules, func(r Rule) bool { return r.Severity < least })
	maps.DeleteFunc(f.Classes, func(name string, _ []string) bool {
		return !slices.ContainsFunc(f.Rules, func(r Rule) bool { return slices.Contains(r.Steps, name) })
	})
	r, err := compile(f)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRules, err)
	}
	r.digest = sha256.Sum256(data)
	if err := r.examples(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRules, err)
	}
	return r, nil
}

// OpenRules reads a signed file of rules. verify checks the envelope, of [RulesPayloadType], and returns its payload; least is
// the lowest number that is accepted, and now the time that expiry is judged by.
// Errors unwrap to [ErrRules].
func OpenRules(envelope []byte, verify func(payloadType string, envelope []byte) ([]byte, error), least uint64, now time.Time) (*Rules, error) {
	if verify == nil {
		return nil, fmt.Errorf("%w: nothing verifies them", ErrRules)
	}
	data, err := verify(RulesPayloadType, envelope)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRules, err)
	}
	r, err := ParseRules(data)
	if err != nil {
		return nil, err
	}
	if err := current(r.number, least, r.expires, now); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRules, err)
	}
	return r, nil
}

var trusts = map[string]Trust{"outside": TrustNone, "user": TrustUser, "operator": TrustOperator}

// check looks at the form of a file.
func (f *RuleFile) check() error {
	if len(f.Rules) == 0 || len(f.Rules) > maxRules {
		return fmt.Errorf("%d rules", len(f.Rules))
	}
	seen := make(map[string]bool)
	for _, r := range f.Rules {
		switch {
		case r.ID == "" || seen[r.ID] || reserved(r.ID):
			return fmt.Errorf("rule %q has no id of its own", r.ID)
		case len(r.Steps) == 0 || len(r.Steps) > maxSteps, r.Gap < 0 || r.Gap > maxGap, r.Severity < 0 || r.Severity > 3:
			return fmt.Errorf("rule %s: steps, gap or severity", r.ID)
		case !strings.HasPrefix(r.Category, "LLM") || !strings.HasPrefix(r.ATLAS, "AML.T"):
			return fmt.Errorf("rule %s: category", r.ID)
		case r.Severity > 0 && (len(r.Finds) == 0 || len(r.Passes) == 0):
			return fmt.Errorf("rule %s has no examples of both signs", r.ID)
		case len(r.Where) == 0 || slices.ContainsFunc(r.Where, func(w string) bool { _, ok := trusts[w]; return !ok }):
			return fmt.Errorf("rule %s applies nowhere", r.ID)
		case len(r.Finds)+len(r.Passes) > maxExamples || slices.ContainsFunc(slices.Concat(r.Finds, r.Passes), func(x string) bool { return len(x) > maxExample }):
			return fmt.Errorf("rule %s has too many examples, or too long ones", r.ID)
		}
		seen[r.ID] = true
	}
	all := 0
	for name, words := range f.Classes {
		if all += len(words); all > maxWords {
			return fmt.Errorf("more than %d words", maxWords)
		}
		for _, w := range words {
			if w == "" || len(w) > maxWord {
				return fmt.Errorf("class %s: a word of %d bytes", name, len(w))
			}
		}
	}
	return nil
}

// reserved reports whether findings of an id come from elsewhere: a pattern of that name would share its mode.
func reserved(id string) bool { return slices.Contains(idsOf(nil), id) }

// examples checks that every rule finds what it says and passes what it says.
func (r *Rules) examples() error {
	s := r.pool.New().(*scratch)
	for i, rule := range r.rules {
		trust := trusts[rule.Where[0]]
		for _, text := range rule.Finds {
			if !r.fires(s, i, text, trust) {
				return fmt.Errorf("rule %s misses its own example", rule.ID)
			}
		}
		for _, text := range rule.Passes {
			if r.fires(s, i, text, trust) {
				return fmt.Errorf("rule %s fires on what it should pass", rule.ID)
			}
		}
	}
	return nil
}

func (r *Rules) fires(s *scratch, rule int, text string, trust Trust) bool {
	r.scan(s, []Span{{Trust: trust, Text: []byte(text)}}, 0, nil)
	return s.fired[rule]
}

// Digest identifies the file that the rules were compiled from.
func (r *Rules) Digest() [32]byte { return r.digest }

// Number is the number of the file, which rises with each release (docs/SPEC.md section 10).
func (r *Rules) Number() uint64 { return r.number }

// RulesNumber is the number of the built-in rules, which rises with each release (docs/SPEC.md section 10).
func RulesNumber() uint64 {
	var f RuleFile
	if json.Unmarshal(builtinRules, &f) != nil { // a test compiles them
		return 0
	}
	return f.Number
}

// All returns the rules in their order. The caller must not change them.
func (r *Rules) All() []Rule { return r.rules }
