package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-ai/holdfast/guard/api"
	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/limit"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
	"github.com/holdfast-ai/holdfast/internal/transcript"
)

// ErrPolicy means that a policy cannot be used.
var ErrPolicy = errors.New("guard: unusable policy")

// Kind says how the requests of a route are read: the API, and one of its operations.
type Kind = api.Kind

// Kinds of routes.
const (
	KindChat        = api.OpenAIChat
	KindCompletions = api.OpenAICompletions
	KindResponses   = api.OpenAIResponses
	KindEmbeddings  = api.OpenAIEmbeddings
	KindMessages    = api.AnthropicMessages
	KindOllamaChat  = api.OllamaChat
	KindGenerate    = api.OllamaGenerate
	KindEmbed       = api.OllamaEmbed
	KindInfer       = api.KServeInfer
	KindPass        = Kind("pass") // no request body; the answer is passed on without a look, and counted as skipped
)

// A Route lets one method on one path through to the upstream. Everything else is refused. A segment of the path that is
// "*" stands for one name: letters, digits, ".", "_", "-" and ":". A request with a query ("?beta=true", "?api-version=…") is none of any
// route's: take it off before the guard, where clients send one.
type Route struct {
	Method string `json:"method" validate:"required,oneof=GET HEAD POST"`
	Path   string `json:"path" validate:"required,startswith=/,max=256,printascii,excludesall=%?#"` // as in URL.Path
	Kind   Kind   `json:"kind" validate:"required,oneof=openai.chat openai.completions openai.responses openai.embeddings anthropic.messages ollama.chat ollama.generate ollama.embed kserve.infer pass"`
}

// Routes returns the routes that the official clients of an API use for a kind; none for [KindPass].
func Routes(k Kind) []Route {
	var paths []string
	switch k {
	case KindChat:
		paths = []string{"/v1/chat/completions"}
	case KindCompletions:
		paths = []string{"/v1/completions"}
	case KindResponses:
		paths = []string{"/v1/responses"}
	case KindEmbeddings:
		paths = []string{"/v1/embeddings"}
	case KindMessages:
		paths = []string{"/v1/messages"}
	case KindOllamaChat:
		paths = []string{"/api/chat"}
	case KindGenerate:
		paths = []string{"/api/generate"}
	case KindEmbed:
		paths = []string{"/api/embed"}
	case KindInfer:
		paths = []string{"/v2/models/*/infer", "/v2/models/*/versions/*/infer"}
	}
	var out []Route
	for _, p := range paths {
		out = append(out, Route{"POST", p, k})
	}
	return out
}

// Mode says what a finding of a rule does. The zero value blocks.
type Mode string

// Modes.
const (
	ModeBlock   Mode = "block"
	ModeMonitor Mode = "monitor" // report the finding, change nothing
	ModeOff     Mode = "off"     // drop the finding
	ModeRedact  Mode = "redact"  // replace the text that was found, and let the rest through
	ModeRestore Mode = "restore" // in requests: replace it by a placeholder, which the answer's text, but for addresses in it, is mapped back from; answers redact
)

func or[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// Policy says what goes in and what comes out. The zero value refuses every request.
type Policy struct {
	// Routes are the requests that may reach the upstream.
	Routes []Route `json:"routes" validate:"max=256,dive"`
	// Limits bound cost. The zero value is the defaults.
	Limits Limits `json:"limits"`
	// Budgets are held beside Limits: all must agree. They count per key, tenant and route, and keep their counts over reloads.
	// Tokens and cost are reserved first: a budget below what a request reserves, which is Limits.MaxOutputTokens where it does not
	// ask for less, refuses it however long it waits.
	Budgets []limit.Rule `json:"budgets,omitempty" validate:"max=64,dive"`
	// Prices are those of models by name, "*" those of all others. Where a budget counts cost, a model without one is refused.
	// "*" may not be lower than another: servers know a model by more than one name ("large", "LARGE", "large:latest").
	Prices map[string]limit.Price `json:"prices,omitempty" validate:"max=1024,dive"`
	// Rules sets the mode of rules by id: those of [detect.IDs], or of the rule file, and those declared with [WithDetector]. A rule that is
	// not listed blocks, but for [detect.RuleModel], which is off.
	Rules map[string]Mode `json:"rules,omitempty" validate:"max=1024,dive,oneof=off monitor redact restore block"`
	// Output sets other modes for answers; a rule that is not listed has the mode it has in Rules.
	Output map[string]Mode `json:"output_rules,omitempty" validate:"max=1024,dive,oneof=off monitor redact block"`
	// Detection says with which rules, and how strictly, texts are judged. The zero value is what this version came with.
	Detection Detection `json:"detection,omitzero"`
	// Structure bounds what a request may ask for beside text. The zero value is the defaults.
	Structure Structure `json:"structure"`
	// Sensitive are the kinds of identifiers and secrets that requests and answers are searched for: [sensitive.Kinds]. Default: none. What is found blocks,
	// unless Rules or Output give the kind another mode.
	Sensitive []string `json:"sensitive,omitempty" validate:"max=256,dive,min=1,max=64"`
	// Links are the hosts that images and links with data in answers may have, as [exfil.New] takes them. Null, the default, does not look at
	// addresses; an empty list allows no host. What is found blocks, unless Rules or Output give one of [exfil.IDs] another mode.
	Links []string `json:"links,omitzero" validate:"max=1024,dive,min=1,max=256"`
	// Tools lists the tools that a model may call, and that a request may define. Null, the default, allows all; an empty
	// list allows none. With a list, or with [WithApproval], calls of other things than functions (shell, computer, search) are refused.
	Tools []ToolRule `json:"tools" validate:"max=256,dive"`
	// Media says which images a request may carry. Null, the default, refuses images, audio and files.
	Media *MediaRules `json:"media,omitempty"`
	// InsecureInputFailOpen lets a request through where a detector says that it cannot do its work ([ErrUnavailable]).
	// It is counted as skipped. All other faults refuse.
	InsecureInputFailOpen bool `json:"insecure_input_fail_open,omitempty"`
	// InsecureOutputFailOpen is the same for the scanners of answers.
	InsecureOutputFailOpen bool `json:"insecure_output_fail_open,omitempty"`
	// InsecureRestoreInAddresses lets what [ModeRestore] took out of a request come back within addresses of the answer (https://…, //…, mailto:…), where it
	// goes to whoever the address belongs to. Else placeholders stay there as they are.
	InsecureRestoreInAddresses bool `json:"insecure_restore_in_addresses,omitempty"`
	// Models are the names of models that a request may ask for, each exactly. Null, the default, allows all: what a backend takes for the
	// name of a model may be one of another machine, or a file of adapters. Where the path has the name, routes say it.
	Models []string `json:"models,omitzero" validate:"max=1024,dive,min=1,max=256"`
	// TrustSystemRole says that system and developer messages are the operator's own words, as where applications of
	// the operator call the API: then rules on injected instructions do not judge them. Where end users call it, it must be false, and they
	// are read as the user's: [UntrustedPolicy]. [Policy.Warnings] and the log tell of it.
	TrustSystemRole bool `json:"trust_system_role"`
	// Canary holds strings that no answer may contain, ASCII case ignored; 8 bytes at least. Put a fresh one into each
	// deployment's system prompt.
	Canary []string `json:"canary,omitempty" validate:"max=64,dive,min=8,max=1024"`
	// SystemPrompts holds texts of which no answer may repeat 8 words or 64 letters in a row, or 16 characters of a language without spaces, nor much of it in shorter parts, see [detect.Leak]; 4 words at least, or 8
	// characters of such a language.
	SystemPrompts []string `json:"system_prompts,omitempty" validate:"max=64,dive,min=1"`
}

// DefaultPolicy serves OpenAI chat completions, the list of models and a health check, with every rule blocking but the
// one on text direction, which right-to-left pages meet by chance.
//
// Callers are trusted with the system role: it is for servers whose callers are the operator's own applications. Where end users reach the
// API, use [UntrustedPolicy].
func DefaultPolicy() Policy {
	return Policy{
		Routes: []Route{
			{"POST", "/v1/chat/completions", KindChat},
			{"GET", "/v1/models", KindPass},
			{"GET", "/healthz", KindPass},
		},
		Limits:          Limits{}.withDefaults(),
		Structure:       Structure{}.withDefaults(),
		Rules:           map[string]Mode{detect.RuleBidi: ModeMonitor},
		TrustSystemRole: true,
	}
}

// modes are all there are; answers know no [ModeRestore].
var modes = [...]Mode{ModeBlock, ModeMonitor, ModeOff, ModeRedact, ModeRestore}

// ParsePolicy reads a policy from JSON. Unknown, misspelt and duplicate keys are refused, and modes that there are not; [New] checks all else.
// Errors unwrap to [ErrPolicy].
func ParsePolicy(data []byte) (Policy, error) {
	var p Policy
	if err := strictjson.Unmarshal(data, &p, strictjson.Limits{MaxBytes: 4 << 20, MaxDepth: 12}); err != nil {
		return Policy{}, fmt.Errorf("%w: %w", ErrPolicy, err)
	}
	for id, m := range p.Rules {
		if !slices.Contains(modes[:], m) {
			return Policy{}, fmt.Errorf("%w: rules: %s has the mode %q", ErrPolicy, id, string(m))
		}
	}
	for id, m := range p.Output {
		if m == ModeRestore || !slices.Contains(modes[:], m) {
			return Policy{}, fmt.Errorf("%w: output_rules: %s has the mode %q", ErrPolicy, id, string(m))
		}
	}
	return p, nil
}

// check returns the policy with defaults filled in, as it takes effect. It shares nothing that requests are judged by with p: a policy
// that is changed later is no reload.
func (p Policy) check(v *api.Validator, known []string) (Policy, error) {
	p.Limits = p.Limits.withDefaults()
	p.Structure = p.Structure.withDefaults()
	if err := v.Struct(&p); err != nil {
		return p, fmt.Errorf("%w: %w", ErrPolicy, err)
	}
	p.Routes, p.Models = slices.Clone(p.Routes), slices.Clone(p.Models)
	slices.Sort(p.Models) // a set
	p.Budgets, p.Prices = slices.Clone(p.Budgets), maps.Clone(p.Prices)
	p.Rules, p.Output = maps.Clone(p.Rules), maps.Clone(p.Output)
	p.Tools = slices.Clone(p.Tools)
	for i := range p.Tools {
		t := &p.Tools[i]
		t.Arguments, t.Required = maps.Clone(t.Arguments), slices.Clone(t.Required)
	}
	if p.Media != nil {
		m := *p.Media
		m.Hosts = slices.Clone(m.Hosts)
		p.Media = &m
	}
	seen := make(map[string]bool)
	for _, r := range p.Routes {
		name := r.Method + " " + r.Path
		switch {
		case seen[name]:
			return p, fmt.Errorf("%w: two routes for %s", ErrPolicy, name)
		case (r.Kind == KindPass) == (r.Method == "POST"):
			return p, fmt.Errorf("%w: %s cannot be %s", ErrPolicy, name, r.Kind)
		case !clean(r.Path):
			return p, fmt.Errorf("%w: path %q is not clean", ErrPolicy, r.Path)
		}
		seen[name] = true
	}
	if rest, ok := p.Prices["*"]; ok {
		for name, price := range p.Prices {
			if price.Prompt > rest.Prompt || price.Completion > rest.Completion {
				return p, fmt.Errorf("%w: the price of %q is above that of all others", ErrPolicy, name)
			}
		}
	}
	for _, rules := range [...]map[string]Mode{p.Rules, p.Output} {
		for id := range rules {
			if !slices.Contains(known, id) {
				return p, fmt.Errorf("%w: no rule has the id %q", ErrPolicy, id)
			}
		}
	}
	return p, nil
}

// clean reports whether p has one spelling for a router: no empty, "." or ".." segments.
func clean(p string) bool {
	if p == "/" {
		return true
	}
	first := true
	for seg := range strings.SplitSeq(p, "/") {
		if !first && (seg == "" || seg == "." || seg == "..") {
			return false
		}
		first = false
	}
	return strings.HasPrefix(p, "/")
}

// digest identifies an effective policy and the rules and model it relies on. Canaries and system prompts are secrets of
// a deployment and enter as counts alone: a digest is public, and a short text could be searched for.
func (p Policy) digest(rules [32]byte) ([32]byte, error) {
	p.Detection.RuleFile = "" // one file of rules has many envelopes
	canaries, prompts := uint64(len(p.Canary)), uint64(len(p.SystemPrompts))
	p.Canary, p.SystemPrompts = nil, nil
	slices.SortFunc(p.Routes, func(a, b Route) int {
		return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method)
	})
	p.Rules, p.Output = maps.Clone(p.Rules), maps.Clone(p.Output)
	maps.DeleteFunc(p.Output, func(id string, m Mode) bool { return m == or(p.Rules[id], unlisted(id)) })
	maps.DeleteFunc(p.Rules, func(id string, m Mode) bool { return m == unlisted(id) })
	b, err := json.Marshal(p)
	if err != nil {
		return [32]byte{}, fmt.Errorf("guard: internal error: %w", err)
	}
	return transcript.New("holdfast/guard-policy/v1").Bytes(b).Bytes(rules[:]).Uint64(canaries).Uint64(prompts).SHA256(), nil
}
