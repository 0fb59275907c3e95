package limit

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Unit is what a rule counts.
type Unit string

// Units.
const (
	Requests   Unit = "requests"   // begun
	Tokens     Unit = "tokens"     // of prompt and completion
	Cost       Unit = "cost"       // in millionths of the currency of [Price]
	Concurrent Unit = "concurrent" // requests at work in this process
)

// A Scope is one thing by which a rule tells subjects apart.
type Scope string

// Scopes. A rule with several adds up the use of each combination, a rule with none that of everybody.
const (
	PerKey    Scope = "key"
	PerTenant Scope = "tenant"
	PerRoute  Scope = "route"
)

// A Rule allows Amount units in every window to each subject.
type Rule struct {
	Per           []Scope `json:"per,omitempty" validate:"max=3,unique,dive,oneof=key tenant route"`
	Unit          Unit    `json:"unit" validate:"required,oneof=requests tokens cost concurrent"`
	Amount        int64   `json:"amount" validate:"min=1"`
	WindowSeconds int64   `json:"window_seconds,omitempty" validate:"min=0,max=31536000"` // 0 exactly for concurrent
}

// A Subject is who asks for what. The strings are opaque and may be hashes; a subject without a tenant is its own.
type Subject struct{ Key, Tenant, Route string }

// Use is what a request takes, or has taken.
type Use struct{ Tokens, Cost int64 }

func (u Use) of(unit Unit) int64 {
	switch unit {
	case Tokens:
		return u.Tokens
	case Cost:
		return u.Cost
	}
	return 1
}

func (r Rule) check() error {
	switch {
	case r.Amount < 1:
		return fmt.Errorf("%w: amount", ErrRule)
	case r.Unit != Requests && r.Unit != Tokens && r.Unit != Cost && r.Unit != Concurrent:
		return fmt.Errorf("%w: unit", ErrRule)
	case (r.Unit == Concurrent) != (r.WindowSeconds == 0) || r.WindowSeconds < 0:
		return fmt.Errorf("%w: window", ErrRule)
	}
	for i, s := range r.Per {
		if s != PerKey && s != PerTenant && s != PerRoute || slices.Contains(r.Per[:i], s) {
			return fmt.Errorf("%w: per", ErrRule)
		}
	}
	return nil
}

func (r Rule) budget() Budget {
	return Budget{Tokens: r.Amount, Window: time.Duration(r.WindowSeconds) * time.Second}
}

// name tells rules apart by what they count: their amounts aside.
func (r Rule) name() string {
	b := append(make([]byte, 0, 64), r.Unit...)
	b = strconv.AppendInt(append(b, ' '), r.WindowSeconds, 10)
	for _, s := range [...]Scope{PerKey, PerTenant, PerRoute} {
		if slices.Contains(r.Per, s) {
			b = append(append(b, ' '), s...)
		}
	}
	return string(b)
}

// key names the budget of a subject. Lengths stand before the parts, so that no two subjects share one name.
func (r Rule) key(s Subject) string {
	var b strings.Builder
	b.WriteString(r.name())
	for _, p := range [...]Scope{PerKey, PerTenant, PerRoute} {
		if !slices.Contains(r.Per, p) {
			continue
		}
		part := s.Key
		switch p {
		case PerTenant:
			if part = s.Tenant; part == "" {
				part = "\x00" + s.Key // never the name of a tenant that is given
			}
		case PerRoute:
			part = s.Route
		case PerKey:
		}
		b.WriteByte(' ')
		b.WriteString(strconv.Itoa(len(part)))
		b.WriteByte(':')
		b.WriteString(part)
	}
	return b.String()
}
