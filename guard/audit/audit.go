// Package audit writes one event for each decision of the guard, and one for each finding, in the fields of the Open
// Cybersecurity Schema Framework (OCSF 1.5), to a [slog.Logger]: SIEM products read them as they are.
//
//	log := audit.New(slog.New(audit.NewHandler(file)), audit.Config{ModelID: model.Identity().ModelID, …})
//	g, err := guard.New(policy, guard.WithHooks(log.Hooks()), guard.WithHashKey(key))
//
// Events never hold text of requests or answers. Callers appear as hashes under the guard's key, so that events of one caller
// can be found again and nobody else can tell who it is. docs/observability has queries over these events.
package audit

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"

	"github.com/holdfast-ai/holdfast/guard"
)

// Config says what all events have in common.
type Config struct {
	// ModelID identifies the model that is served (docs/SPEC.md section 2); zero = none is named.
	ModelID [32]byte
	// Epoch tells the current epoch of the claims (docs/SPEC.md section 5); nil = none is named.
	Epoch func() uint64
	// Version is that of the server, for metadata.product.version.
	Version string
}

// A Log writes events. It is safe for concurrent use.
type Log struct {
	log *slog.Logger
	cfg Config
}

// New returns a log that writes to l, for example to the handler of [NewHandler].
func New(l *slog.Logger, c Config) *Log { return &Log{log: l, cfg: c} }

// NewHandler returns a handler that writes each event to w as one line of JSON, with the time in milliseconds since 1970 and
// the names of OCSF where those of slog differ.
func NewHandler(w io.Writer) slog.Handler {
	return slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) > 0 {
			return a
		}
		switch a.Key {
		case slog.TimeKey:
			return slog.Int64("time", a.Value.Time().UnixMilli())
		case slog.MessageKey:
			a.Key = "message"
		case slog.LevelKey:
			return slog.Attr{}
		}
		return a
	}})
}

// Classes and values of OCSF 1.5.
const (
	classFinding  = 2004 // Detection Finding, of category 2
	classActivity = 6003 // API Activity, of category 6

	activityCreate = 1
	activityUpdate = 3

	severityInformational = 1
	severityLow           = 2
	severityMedium        = 3
	severityHigh          = 4

	statusSuccess = 1
	statusFailure = 2

	actionAllowed  = 1
	actionDenied   = 2
	actionObserved = 3
	actionModified = 4
)

// Hooks returns the functions that write events; see [guard.WithHooks] and [guard.JoinHooks].
func (a *Log) Hooks() guard.Hooks {
	return guard.Hooks{Decision: a.decision, Finding: a.finding, Reload: a.reload}
}

// decision is an API Activity.
func (a *Log) decision(ctx context.Context, d guard.Decision) {
	severity, status, action := severityInformational, statusSuccess, actionAllowed
	switch {
	case d.Action == guard.Deny:
		severity, status, action = severityMedium, statusFailure, actionDenied
		if d.Code == guard.CodeInternal || d.Code == guard.CodeUnavailable {
			severity = severityHigh
		}
	case d.Redacted:
		severity, action = severityLow, actionModified
	case d.Missed > 0:
		severity = severityMedium
	}
	a.write(ctx, "guard decision", classActivity, 6, activityCreate, severity,
		slog.Int("status_id", status), slog.String("status_code", d.Code), slog.Int("action_id", action),
		slog.Group("api", slog.String("operation", string(d.Kind)), slog.Group("response", slog.Int("code", d.Status))),
		slog.Group("actor", slog.Group("user", slog.String("uid", fmt.Sprintf("%016x", d.KeyHash)))),
		slog.Group("policy", slog.String("uid", hex.EncodeToString(d.Policy[:])), slog.Uint64("version", d.Version)),
		slog.Int64("duration", d.Elapsed.Milliseconds()),
		a.unmapped(
			slog.Int64("input_tokens", d.Input), slog.Int64("output_tokens", d.Output), slog.Int("body_bytes", d.BodyBytes),
			slog.Int("findings", d.Findings), slog.Bool("streamed", d.Streamed), slog.Bool("redacted", d.Redacted), slog.Bool("skipped", d.Skipped), slog.Int("missed_checks", d.Missed),
			slog.Int64("checking_us", d.Checking.Microseconds())),
	)
}

// finding is a Detection Finding.
func (a *Log) finding(ctx context.Context, f guard.Finding, m guard.Mode) {
	severity, action := severityMedium, actionDenied
	switch m {
	case guard.ModeMonitor:
		severity, action = severityLow, actionObserved
	case guard.ModeRedact, guard.ModeRestore:
		action = actionModified
	case guard.ModeBlock, guard.ModeOff:
	}
	a.write(ctx, "guard finding", classFinding, 2, activityCreate, severity,
		slog.Int("action_id", action),
		slog.Group("finding_info", slog.String("uid", f.Rule), slog.Any("types", []string{f.Category})),
		a.unmapped(slog.String("mode", string(m)), slog.Int("span", f.Span), slog.Int("length", f.End-f.Start)),
	)
}

// reload is an API Activity that updates the policy.
func (a *Log) reload(r guard.Reload) error {
	a.write(context.Background(), "guard policy", classActivity, 6, activityUpdate, severityInformational,
		slog.Int("status_id", statusSuccess), slog.Int("action_id", actionAllowed),
		slog.Group("api", slog.String("operation", "reload")),
		slog.Group("policy", slog.String("uid", hex.EncodeToString(r.After[:])), slog.Uint64("version", r.Version)),
		a.unmapped(slog.String("before", hex.EncodeToString(r.Before[:]))),
	)
	return nil
}

func (a *Log) write(ctx context.Context, msg string, class, category, activity, severity int, attrs ...slog.Attr) {
	level := slog.LevelInfo
	if severity >= severityMedium {
		level = slog.LevelWarn
	}
	if !a.log.Enabled(ctx, level) {
		return
	}
	all := append(make([]slog.Attr, 0, 16),
		slog.Int("class_uid", class), slog.Int("category_uid", category), slog.Int("activity_id", activity),
		slog.Int("type_uid", 100*class+activity), slog.Int("severity_id", severity),
		slog.Group("metadata", slog.String("version", "1.5.0"),
			slog.Group("product", slog.String("name", "Holdfast"), slog.String("vendor_name", "Holdfast"), slog.String("version", a.cfg.Version))),
	)
	a.log.LogAttrs(ctx, level, msg, append(all, attrs...)...)
}

// unmapped holds what OCSF has no field for.
func (a *Log) unmapped(attrs ...any) slog.Attr {
	if a.cfg.ModelID != [32]byte{} {
		attrs = append(attrs, slog.String("model_id", hex.EncodeToString(a.cfg.ModelID[:])))
	}
	if a.cfg.Epoch != nil {
		attrs = append(attrs, slog.Uint64("epoch", a.cfg.Epoch()))
	}
	return slog.Group("unmapped", attrs...)
}
