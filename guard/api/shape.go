package api

import (
	"slices"
	"strings"

	"github.com/holdfast-ai/holdfast/guard/detect"
)

// shape is the table of one kind of JSON object: the members that are read by name. All others are text, wherever they
// stand, unless the shape is strict.
type shape struct {
	name    string // for errors
	fields  []field
	types   []typ // by the member "type", if the shape has one
	strict  bool  // members that are not listed are refused
	unit    bool  // its texts have one role, which is known when it closes
	turn    bool  // counts as one of Params.Messages
	roles   bool  // a unit must have a role, by its member or its type
	bare    bool  // "type" may be left out
	needs   []string
	streams bool // of the outermost object: the answer is streamed unless "stream" says no

	needMask uint64
	names    map[string]int // of fields, where they are many
}

// typ is what "type" makes of an object.
type typ struct {
	name  string
	only  string // members that it may have beside "type" and the common ones, if the shape is strict; separated by spaces
	role  detect.Role
	media string // the kind of media it carries

	mask uint64
}

// field is one member.
type field struct {
	name   string
	take   take
	into   *shape // of the object, or of the objects of the array
	role   detect.Role
	common bool // any type may have it
	int    func(*Params) *int64
	float  func(*Params) *float64
	bool   func(*Params) *bool
	not    bool // of bool: what the member does not say
}

// take says how the value of a member is read. Null is the same as absent everywhere but where a member is needed.
type take uint8

const (
	asText      take = iota // anything: all strings and names are text
	asString                // a string, which is text
	asObject                // an object of the shape
	asArray                 // an array of objects of the shape
	asContent               // a string, which is text, or an array of objects of the shape
	asTools                 // an array of definitions, which are text
	asStops                 // a string or an array of strings
	asPrompt                // a string, strings, token ids, or lists of token ids; strings are turns
	asScalar                // Params: int, float or bool
	asModel                 // the name of the model
	asRole                  // the role of the unit
	asType                  // the type of the unit
	asBias                  // token ids with numbers
	asIDs                   // token ids of the vocabulary
	asArguments             // a string that may hold JSON, or JSON itself
	asURL                   // a string: a URL of media, or data
	asBase64                // a string, or strings: media
	asSource                // a string: text or media, by the type of the object
	asMediaType             // a string: the type of media
	asFlag                  // true or false that changes nothing here
	asHidden                // refused: what it does cannot be inspected
	asFalse                 // refused unless false
	asDisabled              // refused unless "disabled"
	asGrammar               // as asText, and what an answer must match
	asIncluded              // an array of names of what an answer shall have
)

// build prepares the tables below s, which may refer to themselves.
func (s *shape) build() *shape {
	if s == nil || s.needMask != 0 {
		return s
	}
	s.needMask = 1 << 63 // marks it as built
	if len(s.fields) > 8 {
		s.names = make(map[string]int, len(s.fields))
		for i := range s.fields {
			s.names[s.fields[i].name] = i
		}
	}
	for _, n := range s.needs {
		s.needMask |= s.bit(n)
	}
	var common uint64
	for i := range s.fields {
		if f := &s.fields[i]; f.common || f.take == asType {
			common |= 1 << i
		}
		s.fields[i].into.build()
	}
	for i := range s.types {
		t := &s.types[i]
		t.mask = common
		for n := range strings.FieldsSeq(t.only) {
			t.mask |= s.bit(n)
		}
	}
	return s
}

func (s *shape) index(name string) int {
	for i := range s.fields {
		if s.fields[i].name == name {
			return i
		}
	}
	return -1
}

// maxMarked is how many fields, the first of a shape, can be needed, or be one type's alone.
const maxMarked = 60

func (s *shape) bit(name string) uint64 {
	if i := s.index(name); i >= 0 && i < maxMarked {
		return 1 << i
	}
	panic("api: internal error: no field " + name + " in " + s.name)
}

// isNeeded reports whether a field must be there.
func (s *shape) isNeeded(name string) bool { return slices.Contains(s.needs, name) }

// find returns the index of a key, -1 where it is none. A key that differs from one only in case is refused: some decoders
// would take it for the other.
func (s *shape) find(key []byte) (int, error) {
	if s.names != nil {
		if i, ok := s.names[string(key)]; ok {
			return i, nil
		}
	} else {
		for i := range s.fields {
			if string(key) == s.fields[i].name {
				return i, nil
			}
		}
	}
	for i := range s.fields {
		if n := s.fields[i].name; len(key) <= 3*len(n) && len(key) >= len(n) && strings.EqualFold(string(key), n) {
			return 0, refuse(s.path(n), "spelling")
		}
	}
	return -1, nil
}

func (s *shape) path(member string) string {
	if s.name == "" {
		return member
	}
	return s.name + "." + member
}

func (s *shape) typeOf(name []byte) *typ {
	for i := range s.types {
		if string(name) == s.types[i].name {
			return &s.types[i]
		}
	}
	return nil
}

func text(names string) []field       { return fields(asText, names) }
func str(names string) []field        { return fields(asString, names) }
func hidden(names string) []field     { return fields(asHidden, names) }
func one(name string, t take) []field { return []field{{name: name, take: t}} }

func below(name string, t take, into *shape) []field {
	return []field{{name: name, take: t, into: into}}
}

func by(role detect.Role, fs []field) []field {
	for i := range fs {
		fs[i].role = role
	}
	return fs
}

func common(fs []field) []field {
	for i := range fs {
		fs[i].common = true
	}
	return fs
}

func fields(t take, names string) []field {
	var out []field
	for n := range strings.FieldsSeq(names) {
		out = append(out, field{name: n, take: t})
	}
	return out
}

func join(lists ...[]field) []field {
	var out []field
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

func integer(name string, at func(*Params) *int64) []field {
	return []field{{name: name, take: asScalar, int: at}}
}

func float(name string, at func(*Params) *float64) []field {
	return []field{{name: name, take: asScalar, float: at}}
}

func boolean(name string, at func(*Params) *bool) []field {
	return []field{{name: name, take: asScalar, bool: at}}
}

// unless is boolean for a member that says the opposite.
func unless(name string, at func(*Params) *bool) []field {
	return []field{{name: name, take: asScalar, bool: at, not: true}}
}
