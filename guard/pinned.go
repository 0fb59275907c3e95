package guard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-ai/holdfast/guard/api"
	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/limit"
)

// pinned is one version of the policy, compiled. A transaction keeps the version it began with.
type pinned struct {
	Policy
	digest    [32]byte
	version   uint64 // 1, 2, … in the order of reloads
	detectors []Detector
	hold      *detect.Leak // of the leak rules that block or redact; nil where there is nothing to look for
	watch     *detect.Leak // of those that are monitored; nil too
	routes    map[string]Kind
	patterns  []Route // with "*"
	dialects  map[Kind]api.Dialect
	ids       map[string]bool // of rules that may be reported
	output    map[string]Mode // modes for answers
	tools     map[string]*ToolRule
	judging   *judging
	scanners  []added // the policy's and those of [WithScanner]
	holds     []bool  // of scanners: some rule of theirs blocks or redacts
	limiter   *limit.Limiter
}

// Reload changes the policy. Requests that begin afterwards are judged by p; those at work keep the policy they began with,
// but their answers end when they are older than p allows ([Limits.AnswerSeconds]). Where the hook [Hooks.Reload] fails,
// or p cannot be used, nothing changes. Errors unwrap to [ErrPolicy] or are those of the hook.
func (g *Guard) Reload(p Policy) error {
	g.reload.Lock()
	defer g.reload.Unlock()
	next, err := g.compile(p)
	if err != nil {
		return err
	}
	last := g.policy.Load()
	next.version = last.version + 1
	for _, agrees := range []func(Reload) error{g.hooks.Reload, g.claims} {
		if agrees == nil {
			continue
		}
		if err := agrees(Reload{Before: last.digest, After: next.digest, Version: next.version}); err != nil {
			return fmt.Errorf("guard: reload: %w", err)
		}
	}
	g.policy.Store(next)
	g.gate.Resize(next.Limits.Concurrent, next.Limits.KeyConcurrent)
	g.warn(next.Policy, next.version)
	return nil
}

func (g *Guard) compile(p Policy) (*pinned, error) {
	if err := g.check.Struct(&p.Detection); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPolicy, err)
	}
	j, err := g.judging(&p)
	if err != nil {
		return nil, err
	}
	extra, err := p.optional()
	if err != nil {
		return nil, err
	}
	known := slices.Concat(j.ids, extra.ids, g.ids)
	if p, err = p.check(g.check, known); err != nil {
		return nil, err
	}
	digest, err := p.digest(j.digest)
	if err != nil {
		return nil, err
	}
	texts, err := j.detector(or(p.Rules[detect.RuleModel], or(j.profile, unlisted(detect.RuleModel))) != ModeOff)
	if err != nil {
		return nil, fmt.Errorf("guard: internal error: %w", err)
	}
	v := &pinned{
		Policy: p, digest: digest, version: 1, judging: j,
		detectors: append([]Detector{texts}, extra.detectors...), scanners: append(extra.scanners, g.scanners...),
		routes: make(map[string]Kind), dialects: make(map[Kind]api.Dialect), ids: make(map[string]bool), output: make(map[string]Mode),
	}
	for _, id := range known {
		v.ids[id] = true
		if v.output[id] = or(p.Output[id], v.mode(id)); v.output[id] == ModeRestore {
			v.output[id] = ModeRedact
		}
	}
	if v.limiter, err = g.budgets(p.Budgets); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPolicy, err)
	}
	if v.hold, err = v.leaks(ModeBlock, ModeRedact); err != nil {
		return nil, err
	}
	if v.watch, err = v.leaks(ModeMonitor); err != nil {
		return nil, err
	}
	for _, d := range g.detectors {
		if d == nil {
			return nil, fmt.Errorf("%w: a detector is nil", ErrPolicy)
		}
		v.detectors = append(v.detectors, d)
	}
	for _, a := range v.scanners {
		if a.start == nil {
			return nil, fmt.Errorf("%w: a scanner is nil", ErrPolicy)
		}
		v.holds = append(v.holds, slices.ContainsFunc(a.ids, func(id string) bool {
			return v.output[id] == ModeBlock || v.output[id] == ModeRedact
		}))
	}
	if p.Tools != nil {
		v.tools = make(map[string]*ToolRule)
		for i := range p.Tools {
			v.tools[p.Tools[i].Name] = &p.Tools[i]
		}
	}
	for _, r := range p.Routes {
		if strings.Contains(r.Path, "*") {
			v.patterns = append(v.patterns, r)
		} else {
			v.routes[r.Method+" "+r.Path] = r.Kind
		}
		if d, ok := api.New(r.Kind); ok {
			v.dialects[r.Kind] = d
		} else if r.Kind != KindPass {
			return nil, fmt.Errorf("%w: kind %q", ErrPolicy, r.Kind)
		}
	}
	return v, nil
}

// budgets goes on with what the last policy counted.
func (g *Guard) budgets(rules []limit.Rule) (*limit.Limiter, error) {
	if last := g.policy.Load(); last != nil {
		return last.limiter.With(rules)
	}
	return limit.NewLimiter(rules, g.store)
}

// leaks compiles the leak rules that have one of the given modes for answers. It returns nil where they look for nothing.
func (p *pinned) leaks(modes ...Mode) (*detect.Leak, error) {
	if _, err := detect.NewLeak(p.Canary, p.SystemPrompts); err != nil { // whatever their mode
		return nil, fmt.Errorf("%w: %w", ErrPolicy, err)
	}
	var canaries, prompts []string
	for _, m := range modes {
		if p.output[detect.RuleCanary] == m {
			canaries = p.Canary
		}
		if p.output[detect.RulePrompt] == m {
			prompts = p.SystemPrompts
		}
	}
	if len(canaries)+len(prompts) == 0 {
		return nil, nil
	}
	l, err := detect.NewLeak(canaries, prompts)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPolicy, err)
	}
	return l, nil
}

// route finds the kind of a request by the path as the upstream's router reads it, and the path of the policy's route, which
// is that of a pattern where one matches: names of models are the caller's choice.
func (p *pinned) route(method, path string) (kind Kind, route string, ok bool) {
	if k, ok := p.routes[method+" "+path]; ok {
		return k, path, true
	}
	for _, r := range p.patterns {
		if r.Method == method && matches(r.Path, path) {
			return r.Kind, r.Path, true
		}
	}
	return "", "", false
}

// matches compares a path with a pattern segment by segment.
func matches(pattern, path string) bool {
	for {
		want, patternRest, more := strings.Cut(pattern, "/")
		got, pathRest, also := strings.Cut(path, "/")
		if want != got && (want != "*" || !isName(got)) || more != also {
			return false
		}
		if !more {
			return true
		}
		pattern, path = patternRest, pathRest
	}
}

// isName reports whether a segment is a name that every router reads alike.
func isName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !('a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-' || c == ':') {
			return false
		}
	}
	return s != "" && s != "." && s != ".."
}

// mode returns what the policy does about a rule in requests.
func (p *pinned) mode(rule string) Mode {
	if rule == detect.RuleModel && p.judging.profile != "" {
		return p.judging.profile
	}
	return or(p.Rules[rule], unlisted(rule))
}

// unlisted returns the mode of a rule that a policy does not list. The model gives odds, where the other rules point at words: it
// is used where a policy says so.
func unlisted(rule string) Mode {
	if rule == detect.RuleModel {
		return ModeOff
	}
	return ModeBlock
}

var errDetector = errors.New("guard: detector failed")

// inspect runs all detectors. It returns how many could not do their work, where the policy lets that pass.
func (p *pinned) inspect(ctx context.Context, kind Kind, v View, findings []Finding) (out []Finding, missed int, err error) {
	for i, d := range p.detectors {
		if i == 0 && p.judging.thresholds != nil {
			findings = p.judging.calibrated(kind, v, findings)
			continue
		}
		n := len(findings)
		found, err := d.Detect(ctx, v, findings)
		switch {
		case err == nil:
			findings = found
		case p.InsecureInputFailOpen && errors.Is(err, ErrUnavailable):
			findings = findings[:n]
			missed++
		case errors.Is(err, ErrUnavailable):
			return findings[:n], missed, fmt.Errorf("number %d: %w", i, err)
		default:
			return findings[:n], missed, fmt.Errorf("%w: number %d: %w", errDetector, i, err)
		}
	}
	return findings, missed, nil
}
