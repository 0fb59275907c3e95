// Package promguard counts what a guard decides, for Prometheus:
//
//	m := promguard.New()
//	registry.MustRegister(m)
//	g, err := guard.New(policy, guard.WithHooks(m.Hooks()))
//
// It is a module of its own: go get github.com/holdfast-ai/holdfast/guard/promguard.
//
// Labels have few values: kinds of routes, codes, rules and modes. No caller, model or text is one. Categories and codes are
// what detectors and hooks of the server's own make them: of each, 64 are labels, those of package guard for certain and the first
// others, and the rest are "other".
// docs/observability has a dashboard and alerts over these metrics.
package promguard

import (
	"context"
	"encoding/hex"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/holdfast-ai/holdfast/guard"
)

// Metrics is a [prometheus.Collector]. It is safe for concurrent use.
type Metrics struct {
	decisions, findings, tokens *prometheus.CounterVec
	missed, redacted, skipped   *prometheus.CounterVec
	elapsed, checking           *prometheus.HistogramVec
	policy                      *prometheus.GaugeVec

	mu         sync.Mutex
	current    [2]string // digest and version that policy shows
	categories map[string]bool
	codes      map[string]bool
}

var _ prometheus.Collector = (*Metrics)(nil)

// New returns metrics that count from zero.
func New() *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, buckets []float64) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, []string{"kind"})
	}
	return &Metrics{
		categories: own("LLM01", "LLM02", "LLM03", "LLM04", "LLM05", "LLM06", "LLM07", "LLM08", "LLM09", "LLM10"),
		codes: own("", "aborted", guard.CodeRoute, guard.CodeMedia, guard.CodeTooLarge, guard.CodeInvalid, guard.CodeContent, guard.CodeInputTokens,
			guard.CodeLimit, guard.CodeInternal, guard.CodeUnavailable, guard.CodeTimeout, guard.CodeUpstream),
		decisions: counter("holdfast_guard_decisions_total", "Requests, by kind of route, action and code of the rejection.", "kind", "action", "code"),
		findings:  counter("holdfast_guard_findings_total", "Findings of rules that the policy does not drop, up to 16 of a rule and mode in one request and its answer.", "rule", "category", "mode"),
		tokens:    counter("holdfast_guard_tokens_total", "Tokens of requests and answers (reported or, if that is more, estimated).", "kind", "direction"),
		missed:    counter("holdfast_guard_missed_checks_total", "Checks that could not be done and were let pass by the policy.", "kind"),
		redacted:  counter("holdfast_guard_redacted_total", "Requests whose text or answer was changed.", "kind"),
		skipped:   counter("holdfast_guard_skipped_total", "Requests that passed without a look, or with a check missed.", "kind"),
		elapsed:   histogram("holdfast_guard_request_seconds", "Time from request to end of answer, the upstream's work included.", prometheus.ExponentialBuckets(0.005, 2, 14)),
		checking:  histogram("holdfast_guard_check_seconds", "Time to check the body of a request.", prometheus.ExponentialBuckets(5e-6, 2, 16)),
		policy:    prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "holdfast_guard_policy_info", Help: "1 for the policy that was last seen."}, []string{"digest", "version"}),
	}
}

func (m *Metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.decisions, m.findings, m.tokens, m.missed, m.redacted, m.skipped, m.elapsed, m.checking, m.policy}
}

// Describe implements [prometheus.Collector].
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.all() {
		c.Describe(ch)
	}
}

// Collect implements [prometheus.Collector].
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	for _, c := range m.all() {
		c.Collect(ch)
	}
}

// Hooks returns the functions that count; see [guard.WithHooks] and [guard.JoinHooks].
func (m *Metrics) Hooks() guard.Hooks {
	return guard.Hooks{
		Decision: m.decision,
		Finding: func(_ context.Context, f guard.Finding, mode guard.Mode) {
			m.findings.WithLabelValues(f.Rule, m.few(m.categories, f.Category), string(mode)).Inc()
		},
		Reload: func(r guard.Reload) error {
			m.show(r.After, r.Version)
			return nil
		},
	}
}

func (m *Metrics) decision(_ context.Context, d guard.Decision) {
	kind := string(d.Kind)
	m.decisions.WithLabelValues(kind, d.Action.String(), m.few(m.codes, d.Code)).Inc()
	m.tokens.WithLabelValues(kind, "input").Add(float64(max(d.Input, 0)))
	m.tokens.WithLabelValues(kind, "output").Add(float64(max(d.Output, 0)))
	m.missed.WithLabelValues(kind).Add(float64(d.Missed))
	m.redacted.WithLabelValues(kind).Add(one(d.Redacted)) // and so that the series exists before it is needed
	m.skipped.WithLabelValues(kind).Add(one(d.Skipped))
	m.elapsed.WithLabelValues(kind).Observe(d.Elapsed.Seconds())
	if d.BodyBytes > 0 {
		m.checking.WithLabelValues(kind).Observe(d.Checking.Seconds())
	}
	m.show(d.Policy, d.Version)
}

// maxValues bounds the values of a label that others choose: each is a time series for ever.
const maxValues = 64

// own are the values that alerts ask for: a flood of others must not hide them.
func own(values ...string) map[string]bool {
	known := make(map[string]bool)
	for _, v := range values {
		known[v] = true
	}
	return known
}

// few is the value of a label.
func (m *Metrics) few(known map[string]bool, value string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !known[value] {
		if len(known) >= maxValues || !utf8.ValidString(value) { // which a label cannot be
			return "other"
		}
		known[value] = true
	}
	return value
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// show makes the policy the one that the gauge has, unless a newer one was seen already.
func (m *Metrics) show(digest [32]byte, version uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := [2]string{hex.EncodeToString(digest[:]), strconv.FormatUint(version, 10)}
	if now == m.current {
		return
	}
	if last, err := strconv.ParseUint(m.current[1], 10, 64); err == nil && last > version {
		return
	}
	m.policy.Reset()
	m.policy.WithLabelValues(now[0], now[1]).Set(1)
	m.current = now
}
