// Package guard stands between a Go inference server and its callers. It looks at what goes in (framing, schema, budgets,
// prompt injection, and with options identifiers and tensors) and at what comes out (canaries, system prompts, and with options
// identifiers, secrets and addresses that carry data away), while tokens stream:
//
//	g, err := guard.New(guard.DefaultPolicy())
//	srv.Handler = g.Handler(engine)
//
// [DefaultPolicy] is for callers who may write system messages, such as the operator's own applications; where end users call, begin with
// [UntrustedPolicy]. In front of another server, engine is a reverse proxy, and [ServerRoutes] names what is let through:
//
//	policy := guard.UntrustedPolicy()
//	policy.Routes = guard.ServerRoutes(guard.ServerVLLM)
//	policy.Canary = []string{canary} // a random string that stands in the system prompt
//	g, err := guard.New(policy, guard.WithLogger(slog.Default()))
//	srv.Handler = g.Handler(httputil.NewSingleHostReverseProxy(upstream))
//
// That proxy passes the caller's Host header, credentials and X-Forwarded-For on; where the upstream looks at them, see examples/proxy.
//
// A request is read once, by a strict parser; every text a backend may read is checked; then the original bytes go on.
// Whatever the policy does not name is refused, and whatever fails inside the guard is refused too: there is no way
// through that was not decided. The engine below HTTP is [Transaction], for servers of other protocols.
//
// # Threat model
//
// The caller is hostile; the upstream handler is trusted to run, but its answers may carry what a hostile caller talked
// it into. Rules over words do not catch every injection (see package detect). Of canaries the usual spellings and codes are
// recognised (see [detect.Leak]), of system prompts only the words: what a model translates or encodes in its own way gets out. Authentication belongs before the guard: see [WithCaller].
package guard

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/holdfast-ai/holdfast/guard/api"
	"github.com/holdfast-ai/holdfast/guard/limit"
	"github.com/holdfast-ai/holdfast/guard/stream"
	"github.com/holdfast-ai/holdfast/guard/tensor"
)

// A Guard enforces one policy at a time. It is safe for concurrent use. [New] makes one: the handler of a zero or nil Guard answers 500.
type Guard struct {
	options
	policy atomic.Pointer[pinned]
	reload sync.Mutex
	gate   *limit.Gate
	secret [32]byte // keys the hash of callers
	check  *api.Validator
	pool   sync.Pool // *state
}

// options are what [New] was given beside the policy.
type options struct {
	hooks     Hooks
	claims    func(Reload) error
	log       *slog.Logger
	tokens    func([]byte) int
	caller    func(*Request) string
	store     limit.Store
	detectors []Detector
	scanners  []added
	hashKey   *[32]byte
	ids       []string
	decoders  map[string]func(io.Reader) (io.ReadCloser, error)
	words     func(ids []int64) []byte
	approve   func(context.Context, ToolCall) error
	tensors   func(context.Context, []api.Tensor) error
	specs     *tensor.Specs
	verify    func(payloadType string, envelope []byte) ([]byte, error)
	language  func([]byte) string
}

// added is a scanner of [WithScanner].
type added struct {
	start func() stream.Scanner
	ids   []string
}

// An Option sets how a guard behaves. What it decides is the policy's.
type Option func(*options)

// WithLogger sends decisions and findings to l: ids, counts and sizes, never content. Default: discard.
func WithLogger(l *slog.Logger) Option { return func(o *options) { o.log = l } }

// WithHooks sets functions that are called as decisions are made. Default: none.
func WithHooks(h Hooks) Option { return func(o *options) { o.hooks = h } }

// WithClaims calls claim with each new policy after [Hooks.Reload], as the last thing before requests see it: where others rely on what is
// claimed of the policy, nothing is claimed that an error of a hook keeps back. An error keeps the old policy. Default: none.
func WithClaims(claim func(Reload) error) Option { return func(o *options) { o.claims = claim } }

// WithTokenizer counts the tokens of a text with count, which must be safe for concurrent use and keep nothing. Default:
// an estimate of one token for each 4 bytes, rounded up.
func WithTokenizer(count func(text []byte) int) Option {
	return func(o *options) { o.tokens = count }
}

// WithCaller tells whose budgets a request is charged to, for example by the key that authenticated it; an empty name is
// refused. Default: who package caller has authenticated, else the remote address, of which [Limits.IPv6Prefix] says how much
// counts, since any other name in a request is the caller's own claim until something has checked it. Names are hashed before
// they are kept. Behind a proxy every request has the proxy's address: authenticate, or give a function.
func WithCaller(name func(*Request) string) Option { return func(o *options) { o.caller = name } }

// WithHashKey hashes the names of callers under key, of 32 random bytes, so that [Decision.KeyHash] is the same in every
// process that has it. Default: a key of this process.
func WithHashKey(key [32]byte) Option { return func(o *options) { o.hashKey = &key } }

// WithStore keeps token budgets in s. Default: in memory.
func WithStore(s limit.Store) Option { return func(o *options) { o.store = s } }

// WithDetector adds a detector behind the built-in rules. ids are the rules it may report: the policy can set their
// modes, and a finding of any other rule is a fault.
func WithDetector(d Detector, ids ...string) Option {
	return func(o *options) {
		o.detectors = append(o.detectors, d)
		o.ids = append(o.ids, ids...)
	}
}

// WithScanner adds a scanner of answers: start is called for each text. ids are the rules it may report.
func WithScanner(start func() stream.Scanner, ids ...string) Option {
	return func(o *options) {
		o.scanners = append(o.scanners, added{start, ids})
		o.ids = append(o.ids, ids...)
	}
}

// WithDetokenizer turns prompts of token ids into the text that the rules read. Default: such prompts are refused.
func WithDetokenizer(text func(ids []int64) []byte) Option {
	return func(o *options) { o.words = text }
}

// WithApproval asks approve about every tool call of an answer before the caller gets it, with its whole arguments. An
// error refuses the answer; one that is [ErrUnavailable] is the server's fault. Default: the policy alone decides.
func WithApproval(approve func(context.Context, ToolCall) error) Option {
	return func(o *options) { o.approve = approve }
}

// WithTensors checks the values of tensors, of requests and of answers, beyond what their shapes say. An error that is an
// [api.ErrRequest] refuses, any other is a fault.
func WithTensors(check func(context.Context, []api.Tensor) error) Option {
	return func(o *options) { o.tensors = check }
}

// New compiles p. The zero policy gives a guard that refuses everything. Errors unwrap to [ErrPolicy].
func New(p Policy, opts ...Option) (*Guard, error) {
	g := &Guard{check: api.NewValidator()}
	for _, opt := range opts {
		opt(&g.options)
	}
	if g.store == nil {
		g.store = limit.NewMemory(nil)
	}
	pol, err := g.compile(p)
	if err != nil {
		return nil, err
	}
	g.policy.Store(pol)
	g.gate = limit.NewGate(pol.Limits.Concurrent, pol.Limits.KeyConcurrent)
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	if g.tokens == nil {
		g.tokens = estimate
	}
	if g.hashKey != nil {
		g.secret = *g.hashKey
	} else if _, err := rand.Read(g.secret[:]); err != nil {
		return nil, err
	}
	g.pool.New = func() any { return new(state) }
	g.warn(pol.Policy, pol.version)
	return g, nil
}

// PolicyDigest identifies the effective policy and the built-in rules (docs/SPEC.md section 5, `guard_policy`). The texts
// of canaries and system prompts are not part of it.
func (g *Guard) PolicyDigest() [32]byte { return g.policy.Load().digest }

// RulesNumber is the number of the rules that requests are judged by, which a key server may demand to be at least something
// (docs/SPEC.md section 7).
func (g *Guard) RulesNumber() uint64 { return g.policy.Load().judging.number }

func estimate(text []byte) int { return (len(text) + 3) / 4 }
