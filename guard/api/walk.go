package api

import (
	"bytes"
	"errors"
	"slices"
	"strconv"

	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// place says what the walker stands in.
type place uint8

const (
	inNothing place = iota // before the outermost object
	inObject
	inArray  // of objects, or of strings that are media
	inText   // anything: all strings and names are text
	inTools  // an array of definitions
	inTool   // a definition
	inStops  // strings
	inPrompt // strings, ids, or lists of ids
	inIDs    // ids of a list
	inBias
)

// unset marks the trust of texts whose unit is open.
const unset = detect.Trust(0xff)

// frame is an open array or object.
type frame struct {
	in    place
	field *field // of an object: the member that comes next, nil = unknown; of an array: the member it is
	shape *shape // of an object
	seen  uint64 // fields of the object
	typ   *typ
	role  detect.Role // of texts below
	trust detect.Trust
	first int // first span, of media
	media int
	ids   int // first of the list
	off   int
	unit  unitRole
	depth int  // in a definition
	name  bool // the next value is a definition's name
	kind  bool // … its type
	holds holding
	mtype string // of media
}

// holding is what the elements of a prompt are: they may not be mixed.
type holding uint8

const (
	nothing holding = iota
	texts
	ids
	lists
)

func (f *frame) all(h holding) bool {
	if f.holds == nothing {
		f.holds = h
	}
	return f.holds == h
}

// unitRole is what the member "role" of a unit said.
type unitRole struct {
	set   bool
	role  detect.Role
	trust detect.Trust
}

// walker builds a Request from the events of one walk over a table.
type walker struct {
	r     *Request
	o     Options
	root  *shape
	depth int
	stack [MaxDepth + 1]frame
	args  []argument // texts that may hold JSON
}

type argument struct {
	span int
	off  int
}

func (w *walker) reset(r *Request, s *shape, o Options) {
	w.r, w.root, w.o, w.depth = r, s, o, 0
	w.args = w.args[:0]
	w.stack[0] = frame{in: inNothing, trust: unset}
}

func (w *walker) top() *frame { return &w.stack[w.depth] }

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

// Key implements [strictjson.Visitor].
func (w *walker) Key(raw []byte, off int) error {
	f := w.top()
	key := w.r.text(raw)
	switch f.in {
	case inObject:
		i, err := f.shape.find(key)
		if err != nil {
			return err
		}
		if f.field = nil; i >= 0 {
			f.field = &f.shape.fields[i]
			f.seen |= 1 << i
			return nil
		}
		if f.shape.strict {
			return refuse(f.shape.name, "unsupported content part")
		}
	case inBias:
		return w.bias(key)
	case inTool:
		f.name = string(key) == "name"
		f.kind = f.depth == 1 && string(key) == "type"
		// Decoders that fold case would read another name, or type. Schemas, whose members are free, lie deeper.
		if !f.name && f.depth <= 2 && bytes.EqualFold(key, []byte("name")) || !f.kind && f.depth == 1 && bytes.EqualFold(key, []byte("type")) {
			return refuse("tools", "spelling")
		}
	}
	if len(key) > 0 { // the name of a field is text too, where names are free
		w.r.Spans = append(w.r.Spans, detect.Span{Role: f.role, Trust: f.trust, Offset: off, Text: key})
	}
	return w.r.fits()
}

func (w *walker) bias(key []byte) error {
	if len(key) == 0 || len(key) > 10 || len(bytes.Trim(key, "0123456789")) != 0 {
		return refuse("logit_bias", "token id")
	}
	if w.o.Vocabulary > 0 {
		if id, err := strconv.ParseInt(string(key), 10, 64); err != nil || id >= w.o.Vocabulary {
			return refuse("logit_bias", "token id")
		}
	}
	w.r.Params.LogitBias++
	return nil
}

// Enter implements [strictjson.Visitor].
func (w *walker) Enter(k strictjson.Kind, off int) error {
	f := w.top()
	below := frame{in: inText, off: off, first: len(w.r.Spans), media: len(w.r.Media), ids: len(w.r.ids)}
	below.role, below.trust = w.voice(f)
	switch f.in {
	case inNothing:
		if k != strictjson.Object {
			return refuse("body", "not an object")
		}
		below.in, below.shape = inObject, w.root
	case inObject:
		if f.field != nil {
			if err := w.enterField(f, &below, k); err != nil {
				return err
			}
		}
	case inArray:
		if k != strictjson.Object || f.field.into == nil {
			return refuse(f.field.name, "type")
		}
		below.in, below.shape = inObject, f.field.into
	case inTools:
		if k != strictjson.Object {
			return refuse("tools", "type")
		}
		w.r.Params.Tools++
		below.in, below.depth = inTool, 1
	case inTool:
		if f.kind || f.name && f.depth <= 2 && k == strictjson.Array {
			return refuse("tools", "type")
		}
		below.in, below.depth = inTool, f.depth+1
	case inPrompt:
		if k != strictjson.Array || !f.all(lists) {
			return refuse(f.field.name, "type")
		}
		below.in, below.field = inIDs, f.field
	case inStops, inIDs, inBias:
		return refuse("stop, prompt or logit_bias", "type")
	}
	if below.in == inObject {
		if below.shape.turn {
			w.r.Params.Messages++
		}
		if below.shape.unit && (below.role == detect.RoleUnknown || below.shape.roles) {
			below.trust = unset
		}
	}
	w.depth++
	*w.top() = below
	return nil
}

// enterField decides what an array or object is that stands for a known member.
func (w *walker) enterField(f, below *frame, k strictjson.Kind) error {
	below.field = f.field
	object := k == strictjson.Object
	ok := false
	switch f.field.take {
	case asText:
		ok = true
	case asObject:
		below.in, below.shape, ok = inObject, f.field.into, object
	case asArray, asContent, asBase64:
		below.in, ok = inArray, !object
	case asURL:
		below.in, below.shape, ok = inObject, f.field.into, object && f.field.into != nil
	case asTools:
		below.in, ok = inTools, !object
	case asStops:
		below.in, ok = inStops, !object
	case asPrompt:
		below.in, ok = inPrompt, !object
	case asBias:
		below.in, ok = inBias, object
	case asIDs:
		below.in, ok = inIDs, !object && w.o.Vocabulary > 0
	case asArguments:
		ok = object
	case asHidden:
		return refuse(f.shape.path(f.field.name), "cannot be inspected")
	}
	if !ok {
		return refuse(f.shape.path(f.field.name), "type")
	}
	return nil
}

// Leave implements [strictjson.Visitor].
func (w *walker) Leave(strictjson.Kind, int) error {
	f := *w.top()
	w.depth--
	switch {
	case f.in == inObject:
		return w.leaveObject(&f)
	case f.in == inIDs && f.field.take == asPrompt, f.in == inPrompt && f.holds == ids:
		w.r.Tokens = append(w.r.Tokens, Tokens{Offset: f.off, IDs: w.r.ids[f.ids:]})
		w.r.Params.Messages++
	}
	return nil
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

// Value implements [strictjson.Visitor].
func (w *walker) Value(k strictjson.Kind, raw []byte, off int) error {
	if err := w.r.fits(); err != nil {
		return err
	}
	f := w.top()
	switch f.in {
	case inNothing:
		return refuse("body", "not an object")
	case inObject:
		if f.field != nil {
			return w.member(f, k, raw, off)
		}
	case inArray:
		if f.field.take != asBase64 || k != strictjson.String {
			return refuse(f.field.name, "type")
		}
		return w.media(f.field, raw, off)
	case inTools:
		return refuse("tools", "type")
	case inTool:
		if f.kind {
			return w.toolType(k, raw)
		}
		if f.name && f.depth <= 2 && k == strictjson.String {
			w.r.Tools = append(w.r.Tools, w.r.text(raw))
		}
	case inStops:
		if k != strictjson.String {
			return refuse("stop", "type")
		}
		w.r.Params.Stop++
	case inPrompt:
		if k == strictjson.Number && f.all(ids) {
			return w.id(f, raw)
		}
		if k != strictjson.String || !f.all(texts) {
			return refuse(f.field.name, "type")
		}
		w.r.Params.Messages++
	case inIDs:
		if k != strictjson.Number {
			return refuse(f.field.name, "token id")
		}
		return w.id(f, raw)
	case inBias:
		v, err := strconv.ParseFloat(string(raw), 64)
		if k != strictjson.Number || err != nil || !(v >= -100 && v <= 100) {
			return refuse("logit_bias", "value")
		}
		return nil
	}
	if k == strictjson.String {
		role, trust := w.voice(f)
		w.r.span(role, trust, raw, off)
	}
	return nil
}

// toolType allows definitions of functions. Those that a backend runs by itself reach places the guard does not see.
func (w *walker) toolType(k strictjson.Kind, raw []byte) error {
	if k == strictjson.Null {
		return nil
	}
	if k == strictjson.String {
		switch string(w.r.text(raw)) {
		case "function", "custom":
			return nil
		}
	}
	return refuse("tools.type", "not a function")
}

// id records a token id.
func (w *walker) id(f *frame, raw []byte) error {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || n < 0 || w.o.Vocabulary > 0 && n >= w.o.Vocabulary {
		return refuse(f.field.name, "token id")
	}
	if f.field.take == asPrompt {
		if !w.o.TokenIDs {
			return refuse(f.field.name, "cannot be inspected")
		}
		w.r.ids = append(w.r.ids, n)
	}
	return nil
}

// media records a string that is media, or refers to it.
func (w *walker) media(fd *field, raw []byte, off int) error {
	if !w.o.Media {
		return refuse(fd.name, "cannot be inspected")
	}
	m := Media{Offset: off, Kind: "image"}
	if fd.take == asURL {
		m.URL = w.r.text(raw)
	} else {
		m.Base64 = w.r.text(raw)
	}
	w.r.Media = append(w.r.Media, m)
	return nil
}

// member reads a known member that is no array or object.
func (w *walker) member(f *frame, k strictjson.Kind, raw []byte, off int) error {
	fd := f.field
	if k == strictjson.Null {
		if f.shape.needMask&f.shape.bit(fd.name) != 0 {
			return refuse(f.shape.path(fd.name), "required")
		}
		return nil
	}
	switch fd.take {
	case asHidden:
		return refuse(f.shape.path(fd.name), "cannot be inspected")
	case asFalse:
		if k != strictjson.Bool || raw[0] != 'f' {
			return refuse(f.shape.path(fd.name), "cannot be inspected")
		}
		return nil
	case asScalar:
		return w.scalar(f, k, raw)
	case asFlag:
		if k == strictjson.Bool {
			return nil
		}
	case asText:
		if k == strictjson.String {
			role, trust := w.voice(f)
			w.r.span(role, trust, raw, off)
		}
		return nil
	}
	if k != strictjson.String {
		return refuse(f.shape.path(fd.name), "type")
	}
	role, trust := w.voice(f)
	switch fd.take {
	case asString, asContent:
		w.r.span(role, trust, raw, off)
		if fd.into != nil && fd.into.turn { // "input": "…" is one turn
			w.r.Params.Messages++
		}
	case asPrompt:
		w.r.span(role, trust, raw, off)
		w.r.Params.Messages++
	case asStops:
		w.r.span(role, detect.TrustUser, raw, off)
		w.r.Params.Stop++
	case asModel:
		w.r.Params.Model = string(w.r.text(raw))
	case asRole:
		return w.setRole(f, w.r.text(raw))
	case asType:
		return w.setType(f, w.r.text(raw))
	case asArguments:
		w.args = append(w.args, argument{span: len(w.r.Spans), off: off})
		w.r.span(role, trust, raw, off)
	case asURL, asBase64:
		return w.media(fd, raw, off)
	case asSource:
		w.r.span(role, trust, raw, off)
		if w.o.Media {
			return w.media(fd, raw, off)
		}
	case asMediaType:
		f.mtype = string(w.r.text(raw))
	default:
		return refuse(f.shape.path(fd.name), "type")
	}
	return nil
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

// scalar stores a field of Params.
func (w *walker) scalar(f *frame, k strictjson.Kind, raw []byte) error {
	fd, p := f.field, &w.r.Params
	want := strictjson.Number
	if fd.bool != nil {
		want = strictjson.Bool
	}
	if k != want {
		return refuse(f.shape.path(fd.name), "type")
	}
	var err error
	switch {
	case fd.bool != nil:
		*fd.bool(p) = raw[0] == 't'
	case fd.int != nil: // 1e3 and 2.0 are integers to some decoders and errors to others
		*fd.int(p), err = strconv.ParseInt(string(raw), 10, 64)
	default:
		*fd.float(p), err = strconv.ParseFloat(string(raw), 64)
	}
	if err != nil {
		return refuse(f.shape.path(fd.name), "number")
	}
	return nil
}

// plainString reports whether a quoted string holds no escape.
func plainString(raw []byte) bool { return bytes.IndexByte(raw, '\\') < 0 }

// inner reads the arguments of tool calls that are JSON in a string: backends decode them, so escapes in them hide text,
// and keys that stand twice have two meanings. What is no JSON is the text it is.
func (r *Request) inner() error {
	r.Inner = len(r.Spans)
	for _, a := range r.walk.args {
		if a.span >= r.Inner {
			continue // an empty string
		}
		s := r.Spans[a.span]
		if s.Offset != a.off || bytes.IndexByte(s.Text, '\\') < 0 && strictPlain(s.Text) {
			continue
		}
		v := &innerWalker{r: r, span: s}
		from := len(r.Spans)
		if err := strictjson.Walk(s.Text, limits(len(s.Text)), v); err != nil {
			if errors.Is(err, strictjson.ErrSyntax) && !lenient(s.Text) { // decoders of streams read a value and leave what follows
				r.Spans = r.Spans[:from]
				continue
			}
			return refuse("arguments", "not strict JSON")
		}
	}
	return nil
}

// lenient reports whether text may be JSON to decoders that take NaN and Infinity, as Python's does.
func lenient(text []byte) bool {
	return bytes.Contains(text, []byte("NaN")) || bytes.Contains(text, []byte("Infinity"))
}

// strictPlain reports whether text without escapes has one meaning: then its strings are seen where they stand.
func strictPlain(text []byte) bool {
	err := strictjson.Check(text, limits(len(text)))
	return err == nil || errors.Is(err, strictjson.ErrSyntax) || errors.Is(err, strictjson.ErrTrailing)
}

// innerWalker lists the strings of JSON that a string holds.
type innerWalker struct {
	r    *Request
	span detect.Span
}

func (v *innerWalker) Enter(strictjson.Kind, int) error { return nil }
func (v *innerWalker) Leave(strictjson.Kind, int) error { return nil }

func (v *innerWalker) Key(raw []byte, _ int) error {
	v.r.span(v.span.Role, v.span.Trust, raw, v.span.Offset)
	return v.r.fits()
}

func (v *innerWalker) Value(k strictjson.Kind, raw []byte, off int) error {
	if k == strictjson.String {
		return v.Key(raw, off)
	}
	return nil
}
