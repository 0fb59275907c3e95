package api

import (
	"bytes"
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
	inIncluded
)

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
	rules int    // number of the grammar that this is, from 1 on
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

// walker builds a Request from the events of one walk over a table.
type walker struct {
	r     *Request
	o     Options
	root  *shape
	depth int
	stack [MaxDepth + 1]frame
	args  []argument // texts that may hold JSON
}

func (w *walker) reset(r *Request, s *shape, o Options) {
	w.r, w.root, w.o, w.depth = r, s, o, 0
	w.args = w.args[:0]
	w.stack[0] = frame{in: inNothing, trust: unset}
}

func (w *walker) top() *frame { return &w.stack[w.depth] }

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
	case inStops, inIDs, inBias, inIncluded:
		return refuse("stop, prompt, logit_bias or include", "type")
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
	case asGrammar:
		w.grammar(f.field.name, below, false)
		ok = true
	case asObject:
		below.in, below.shape, ok = inObject, f.field.into, object
	case asArray, asContent, asBase64:
		below.in, ok = inArray, !object
	case asURL:
		below.in, below.shape, ok = inObject, f.field.into, object && f.field.into != nil
	case asTools:
		w.grammar(f.field.name, below, true)
		below.in, ok = inTools, !object
	case asStops:
		below.in, ok = inStops, !object
	case asIncluded:
		below.in, ok = inIncluded, !object
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

// grammar notes that a grammar begins.
func (w *walker) grammar(name string, below *frame, tools bool) {
	w.r.grammars = append(w.r.grammars, grammar{name: name, from: below.off, tools: tools})
	below.rules = len(w.r.grammars)
}

// Leave implements [strictjson.Visitor].
func (w *walker) Leave(_ strictjson.Kind, off int) error {
	f := *w.top()
	w.depth--
	if f.rules > 0 {
		w.r.grammars[f.rules-1].to = off + 1
	}
	switch {
	case f.in == inObject:
		return w.leaveObject(&f)
	case f.in == inIDs && f.field.take == asPrompt, f.in == inPrompt && f.holds == ids:
		w.r.Tokens = append(w.r.Tokens, Tokens{Offset: f.off, IDs: w.r.ids[f.ids:]})
		w.prompt()
	}
	return nil
}

// Value implements [strictjson.Visitor].
func (w *walker) Value(k strictjson.Kind, raw []byte, off int) error {
	if err := w.r.fits(); err != nil {
		return err
	}
	if k == strictjson.Number && !finite(raw) {
		return refuse("body", "number")
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
		w.prompt()
	case inIDs:
		if k != strictjson.Number {
			return refuse(f.field.name, "token id")
		}
		return w.id(f, raw)
	case inIncluded:
		if k != strictjson.String {
			return refuse("include", "type")
		}
		if string(w.r.text(raw)) == "message.output_text.logprobs" {
			w.r.Params.Logprobs = true
		}
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

// prompt counts one prompt, which is a turn of its own.
func (w *walker) prompt() {
	w.r.Params.Messages++
	w.r.Params.Prompts++
}
