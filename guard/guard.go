// Package guard stands between a Go inference server and its callers. It looks at what goes in (framing, schema, budgets,
// prompt injection) and at what comes out (canaries, system prompts), while tokens stream:
//
//	g, err := guard.New(guard.DefaultPolicy())
//	srv.Handler = g.Handler(engine)
//
// A request is read once, by a strict parser; every text a backend may read is checked; then the original bytes go on.
// Whatever the policy does not name is refused, and whatever fails inside the guard is refused too: there is no way
// through that was not decided. The engine below HTTP is [Transaction], for servers of other protocols.
//
// # Threat model
//
// The caller is hostile; the upstream handler is trusted to run, but its answers may carry what a hostile caller talked
// it into. Rules over words do not catch every injection (see package detect), and a leak that the model translates or
// encodes is not recognised. Authentication belongs before the guard: see [WithCaller].
package guard

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/holdfast-ai/holdfast/guard/api"
	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/limit"
)

// A Guard enforces one policy. It is safe for concurrent use.
type Guard struct {
	policy *pinned
	hooks  Hooks
	log    *slog.Logger
	tokens func([]byte) int
	caller func(*Request) string
	store  limit.Store
	gate   *limit.Gate
	secret [32]byte // keys the hash of callers
	check  *api.Validator
	pool   sync.Pool // *state
}

// pinned is one version of the policy, compiled. A transaction keeps the version it began with.
type pinned struct {
	Policy
	digest    [32]byte
	detectors []Detector
	block     *detect.Leak    // of the leak rules that block
	watch     *detect.Leak    // of those that are monitored
	routes    map[string]Kind // "METHOD path"
	ids       map[string]bool // of rules that may be reported
}

// An Option sets how a guard behaves. What it decides is the policy's.
type Option func(*options)

type options struct {
	g         Guard
	detectors []Detector
	ids       []string
}

// WithLogger sends decisions and findings to l: ids, counts and sizes, never content. Default: discard.
func WithLogger(l *slog.Logger) Option { return func(o *options) { o.g.log = l } }

// WithHooks sets functions that are called as decisions are made. Default: none.
func WithHooks(h Hooks) Option { return func(o *options) { o.g.hooks = h } }

// WithTokenizer counts the tokens of a text with count, which must be safe for concurrent use and keep nothing. Default:
// an estimate of one token for each 4 bytes, rounded up.
func WithTokenizer(count func(text []byte) int) Option {
	return func(o *options) { o.g.tokens = count }
}

// WithCaller tells whose budgets a request is charged to, for example by the key that authenticated it; an empty name is
// refused. Default: the host of the remote address, since any other name in a request is the caller's own claim until
// something has checked it. Names are hashed before they are kept.
func WithCaller(name func(*Request) string) Option { return func(o *options) { o.g.caller = name } }

// WithStore keeps token budgets in s. Default: in memory.
func WithStore(s limit.Store) Option { return func(o *options) { o.g.store = s } }

// WithDetector adds a detector behind the built-in rules. ids are the rules it may report: the policy can set their
// modes, and a finding of any other rule is a fault.
func WithDetector(d Detector, ids ...string) Option {
	return func(o *options) {
		o.detectors = append(o.detectors, d)
		o.ids = append(o.ids, ids...)
	}
}

// New compiles p. The zero policy gives a guard that refuses everything. Errors unwrap to [ErrPolicy].
func New(p Policy, opts ...Option) (*Guard, error) {
	o := options{g: Guard{check: api.NewValidator()}}
	for _, opt := range opts {
		opt(&o)
	}
	g := &o.g
	pol, err := g.compile(p, &o)
	if err != nil {
		return nil, err
	}
	g.policy = pol
	g.gate = limit.NewGate(pol.Limits.Concurrent, pol.Limits.KeyConcurrent)
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	if g.tokens == nil {
		g.tokens = estimate
	}
	if g.caller == nil {
		g.caller = remoteHost
	}
	if g.store == nil {
		g.store = limit.NewMemory(nil)
	}
	if _, err := rand.Read(g.secret[:]); err != nil {
		return nil, err
	}
	g.pool.New = func() any { return new(state) }
	return g, nil
}

func (g *Guard) compile(p Policy, o *options) (*pinned, error) {
	p, err := p.check(g.check, o.ids)
	if err != nil {
		return nil, err
	}
	digest, err := p.digest()
	if err != nil {
		return nil, err
	}
	rules, err := detect.NewRules()
	if err != nil {
		return nil, fmt.Errorf("guard: internal error: %w", err)
	}
	v := &pinned{Policy: p, digest: digest, routes: make(map[string]Kind), ids: make(map[string]bool), detectors: []Detector{rules}}
	for _, id := range append(detect.IDs(), o.ids...) {
		v.ids[id] = true
	}
	if v.block, err = v.leaks(ModeBlock); err != nil {
		return nil, err
	}
	if v.watch, err = v.leaks(ModeMonitor); err != nil {
		return nil, err
	}
	for _, d := range o.detectors {
		if d == nil {
			return nil, fmt.Errorf("%w: a detector is nil", ErrPolicy)
		}
		v.detectors = append(v.detectors, d)
	}
	for _, r := range p.Routes {
		v.routes[r.Method+" "+r.Path] = r.Kind
	}
	return v, nil
}

// leaks compiles the leak rules that have the given mode, which may be none.
func (p *pinned) leaks(m Mode) (*detect.Leak, error) {
	if _, err := detect.NewLeak(p.Canary, p.SystemPrompts); err != nil { // whatever their mode
		return nil, fmt.Errorf("%w: %w", ErrPolicy, err)
	}
	var canaries, prompts []string
	if p.mode(detect.RuleCanary) == m {
		canaries = p.Canary
	}
	if p.mode(detect.RulePrompt) == m {
		prompts = p.SystemPrompts
	}
	l, err := detect.NewLeak(canaries, prompts)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPolicy, err)
	}
	return l, nil
}

// PolicyDigest identifies the effective policy and the built-in rules (docs/SPEC.md section 5, `guard_policy`). The texts
// of canaries and system prompts are not part of it.
func (g *Guard) PolicyDigest() [32]byte { return g.policy.digest }

// mode returns what the policy does about a rule.
func (p *pinned) mode(rule string) Mode { return or(p.Rules[rule], ModeBlock) }

func estimate(text []byte) int { return (len(text) + 3) / 4 }

var errDetector = errors.New("guard: detector failed")

// inspect runs all detectors.
func (p *pinned) inspect(ctx context.Context, v View, findings []Finding) ([]Finding, error) {
	for i, d := range p.detectors {
		var err error
		if findings, err = d.Detect(ctx, v, findings); err != nil {
			return findings, fmt.Errorf("%w: number %d: %w", errDetector, i, err)
		}
	}
	return findings, nil
}
