package guard

import (
	"context"
	"log/slog"
	"maps"
	"slices"
)

// UntrustedPolicy is the profile of a front end that end users, or others whom the operator does not trust, call without an application in
// between. It is [DefaultPolicy] but for what those must not do: system and developer messages are read as the user's words, tools are
// neither defined nor called, each prompt gets one answer, without log probabilities.
//
// Add a canary or the texts of system prompts (nothing else tells a leak from an answer), the names of models, and authentication
// in front: budgets are those of addresses otherwise.
func UntrustedPolicy() Policy {
	p := DefaultPolicy()
	p.TrustSystemRole = false
	p.Tools = []ToolRule{}
	p.Structure.MaxChoices, p.Structure.MaxLogprobs = 1, -1
	return p
}

// A Warning is something that a policy leaves open, on purpose or not.
type Warning struct {
	Field string // of the policy, as in JSON
	Text  string // what it means, for people
}

// Warnings lists what p leaves open that one for untrusted callers must not, in the order of the policy's fields. [New] and
// [Guard.Reload] log them. A policy with warnings is not wrong: that of an application which writes the system messages itself trusts them.
func (p Policy) Warnings() []Warning {
	var out []Warning
	add := func(field, text string) { out = append(out, Warning{field, text}) }
	for _, m := range []struct {
		field string
		modes map[string]Mode
	}{{"rules", p.Rules}, {"output_rules", p.Output}} {
		for _, id := range slices.Sorted(maps.Keys(m.modes)) {
			if m.modes[id] == ModeOff && unlisted(id) != ModeOff {
				add(m.field+"."+id, "findings of this rule are dropped")
			}
		}
	}
	if p.InsecureInputFailOpen {
		add("insecure_input_fail_open", "requests pass while a detector cannot do its work")
	}
	if p.InsecureOutputFailOpen {
		add("insecure_output_fail_open", "answers pass while a scanner cannot do its work")
	}
	if p.InsecureRestoreInAddresses {
		add("insecure_restore_in_addresses", "what was taken out of a request comes back in addresses that a hidden instruction may have chosen")
	}
	if p.TrustSystemRole {
		add("trust_system_role", "whoever may send a request may write system and developer messages, which rules on injected instructions "+
			"take for the operator's: where callers are not trusted, set it to false (guard.UntrustedPolicy)")
	}
	if len(p.Canary)+len(p.SystemPrompts) == 0 {
		add("canary", "neither canaries nor system prompts are given: no leak of a prompt is seen in answers")
	}
	return out
}

// warn logs the warnings of a policy that is taken into use. A log that panics does not undo that.
func (g *Guard) warn(p Policy, version uint64) {
	defer func() { _ = recover() }()
	for _, w := range p.Warnings() {
		g.log.LogAttrs(context.Background(), slog.LevelWarn, "guard: policy leaves something open", slog.String("field", w.Field),
			slog.String("meaning", w.Text), slog.Uint64("policy", version))
	}
}
