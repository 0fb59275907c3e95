// Package otelguard tells OpenTelemetry what a guard decides, by the semantic conventions for generative AI:
//
//	hooks, err := otelguard.New(otelguard.Config{Meter: meterProvider})
//	g, err := guard.New(policy, guard.WithHooks(hooks))
//
// It is a module of its own: go get github.com/holdfast-ai/holdfast/guard/otelguard.
//
// The span in the request's context, if there is one that records, gets attributes of the decision and an event for each
// finding; two histograms count tokens and time. No text of a request or answer, and no caller, is an attribute.
package otelguard

import (
	"context"
	"encoding/hex"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"

	"github.com/holdfast-ai/holdfast/guard"
)

// Config says where measurements go.
type Config struct {
	Meter      metric.MeterProvider // nil = no metrics
	Convention Convention           // names; "" = [Latest]
}

// scope is the name of the instrumentation.
const scope = "github.com/holdfast-ai/holdfast/guard/otelguard"

// New returns hooks for [guard.WithHooks]. Errors: those of the meter, and an unknown convention.
func New(c Config) (guard.Hooks, error) {
	if c.Convention == "" {
		c.Convention = Latest
	}
	if c.Convention != V1_36 && c.Convention != V1_37 {
		return guard.Hooks{}, fmt.Errorf("otelguard: unknown convention %q", string(c.Convention))
	}
	if c.Meter == nil {
		c.Meter = noop.NewMeterProvider()
	}
	n := c.Convention.names()
	meter := c.Meter.Meter(scope, metric.WithSchemaURL(n.schema))
	tokens, err := meter.Int64Histogram(n.tokenUsage, metric.WithUnit("{token}"), metric.WithDescription("Tokens of requests and answers."),
		metric.WithExplicitBucketBoundaries(1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864))
	if err != nil {
		return guard.Hooks{}, err
	}
	elapsed, err := meter.Float64Histogram(n.requestTime, metric.WithUnit("s"), metric.WithDescription("Time from request to end of answer."),
		metric.WithExplicitBucketBoundaries(0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92))
	if err != nil {
		return guard.Hooks{}, err
	}
	o := &observer{names: n, tokens: tokens, elapsed: elapsed}
	return guard.Hooks{Decision: o.decision, Finding: o.finding}, nil
}

type observer struct {
	names
	tokens  metric.Int64Histogram
	elapsed metric.Float64Histogram
}

func (o *observer) decision(ctx context.Context, d guard.Decision) {
	op, provider := operation(d.Kind)
	common := []attribute.KeyValue{attribute.String(o.operation, op), attribute.String(o.provider, provider)}
	if d.Action == guard.Deny {
		common = append(common, attribute.String(o.errorType, d.Code))
	}
	set := metric.WithAttributeSet(attribute.NewSet(common...))
	o.elapsed.Record(ctx, d.Elapsed.Seconds(), set)
	o.tokens.Record(ctx, d.Input, set, metric.WithAttributes(attribute.String(o.tokenType, "input")))
	o.tokens.Record(ctx, d.Output, set, metric.WithAttributes(attribute.String(o.tokenType, "output")))

	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(common...)
	span.SetAttributes(
		attribute.Int64(o.inputTokens, d.Input), attribute.Int64(o.outputTokens, d.Output),
		attribute.String(o.action, d.Action.String()), attribute.String(o.code, d.Code),
		attribute.String(o.policy, hex.EncodeToString(d.Policy[:])), attribute.Int64(o.version, int64(min(d.Version, 1<<62))),
		attribute.Bool(o.redacted, d.Redacted), attribute.Bool(o.skipped, d.Skipped), attribute.Bool(o.streamed, d.Streamed), attribute.Int(o.missed, d.Missed),
	)
	if d.Action == guard.Deny {
		span.SetStatus(codes.Error, d.Code)
	}
}

func (o *observer) finding(ctx context.Context, f guard.Finding, m guard.Mode) {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.AddEvent(o.names.finding, trace.WithAttributes(
			attribute.String(o.rule, f.Rule), attribute.String(o.category, f.Category), attribute.String(o.mode, string(m))))
	}
}
