package api

import (
	"slices"

	"github.com/holdfast-ai/holdfast/guard/detect"
)

// unset marks the trust of texts whose unit is open.
const unset = detect.Trust(0xff)

// unitRole is what the member "role" of a unit said.
type unitRole struct {
	set   bool
	role  detect.Role
	trust detect.Trust
}

func (w *walker) trustOf(role detect.Role) detect.Trust {
	switch role {
	case detect.RoleSystem:
		if w.o.TrustSystemRole {
			return detect.TrustOperator
		}
		return detect.TrustUser
	case detect.RoleUser, detect.RoleDefinition, detect.RoleAssistant: // an answer that the caller replays is the caller's word
		return detect.TrustUser
	}
	return detect.TrustNone
}

// voice gives role and trust of texts in the value of f's next member.
func (w *walker) voice(f *frame) (detect.Role, detect.Trust) {
	if f.in == inObject && f.field != nil && f.field.role != detect.RoleUnknown {
		return f.field.role, w.trustOf(f.field.role)
	}
	return f.role, f.trust
}

func (w *walker) leaveObject(f *frame) error {
	s := f.shape
	if missing := s.needMask &^ (1 << 63) &^ f.seen; missing != 0 {
		for i := range s.fields {
			if missing&(1<<i) != 0 {
				return refuse(s.path(s.fields[i].name), "required")
			}
		}
	}
	if s.types != nil {
		switch {
		case f.typ == nil && !s.bare:
			return refuse(s.path("type"), "required")
		case f.typ != nil && s.strict && f.seen&^f.typ.mask != 0:
			return refuse(s.name, "unsupported content part")
		case f.typ != nil:
			w.source(f)
		}
	}
	if !s.unit {
		if w.depth == 0 {
			w.assign(f.first, detect.RoleUnknown, detect.TrustNone)
		}
		return nil
	}
	switch {
	case f.unit.set:
		w.assign(f.first, f.unit.role, f.unit.trust)
	case f.typ != nil && f.typ.role != detect.RoleUnknown:
		w.assign(f.first, f.typ.role, w.trustOf(f.typ.role))
	case s.roles:
		return refuse(s.path("role"), "required")
	}
	return nil
}

// source keeps of a source what its type says it is.
func (w *walker) source(f *frame) {
	if f.typ.media != "" {
		for i := f.media; i < len(w.r.Media); i++ {
			w.r.Media[i].Kind = f.typ.media
			if f.mtype != "" {
				w.r.Media[i].Type = f.mtype
			}
		}
	}
	data := f.shape.index("data")
	if data < 0 || f.shape.fields[data].take != asSource || f.seen&(1<<data) == 0 {
		return
	}
	if f.typ.media == "" {
		w.r.Media = w.r.Media[:f.media]
		return
	}
	w.r.Spans = slices.DeleteFunc(w.r.Spans, func(s detect.Span) bool {
		return len(w.r.Media) > f.media && s.Offset == w.r.Media[f.media].Offset
	})
}

// assign gives the texts from first on, whose unit was open, their voice.
func (w *walker) assign(first int, role detect.Role, trust detect.Trust) {
	for i := first; i < len(w.r.Spans); i++ {
		if s := &w.r.Spans[i]; s.Trust == unset {
			s.Role, s.Trust = role, trust
		}
	}
}

func (w *walker) setRole(f *frame, role []byte) error {
	u := unitRole{set: true}
	switch string(role) {
	case "system", "developer":
		u.role = detect.RoleSystem
	case "user":
		u.role = detect.RoleUser
	case "assistant":
		u.role = detect.RoleAssistant
	case "tool", "function":
		u.role = detect.RoleTool
	default:
		return refuse(f.shape.path("role"), "unknown")
	}
	u.trust = w.trustOf(u.role)
	f.unit = u
	return nil
}

func (w *walker) setType(f *frame, name []byte) error {
	if f.typ = f.shape.typeOf(name); f.typ == nil || f.typ.media != "" && !w.o.Media {
		return refuse(f.shape.name, "unsupported content part")
	}
	return nil
}
