package kserve

import "github.com/holdfast-ai/holdfast/internal/strictjson"

// walker finds the members of a request; what they hold is read afterwards, since datatype and shape may follow the data.
type walker struct {
	header []byte
	most   int // inputs
	inputs []member
	list   bool // the request is no object
	depth  int
	key    key // of the member in progress, on the levels where members count
	inside section
}

// member is one input as the request gives it: ranges of the header, empty where a member is absent.
type member struct {
	name, datatype, shape, data, binary span
}

type span struct{ from, to int }

func (s span) of(b []byte) []byte { return b[s.from:s.to] }

func (s span) absent() bool { return s.to == 0 }

type key uint8

const (
	other key = iota
	inputs
	outputs
	parameters
	name
	datatype
	shape
	data
	binarySize
)

// section is where in a request the walk is.
type section uint8

const (
	top      section = iota // the request itself
	inInputs                // the list of inputs
	inInput                 // one of them
	inParams                // its parameters
	inValue                 // a nested shape or data
	skipping                // a member that holds no tensors
)

func (w *walker) reset(header []byte, most int) {
	*w = walker{header: header, most: most, inputs: w.inputs[:0]}
}

func (w *walker) fail(rule string) error { return &Error{Rule: rule, Input: len(w.inputs) - 1} }

// Enter implements [strictjson.Visitor].
func (w *walker) Enter(k strictjson.Kind, off int) error {
	w.depth++
	switch w.inside {
	case top:
		switch {
		case w.depth == 1 && k != strictjson.Object:
			w.list, w.inside = true, skipping // to its end: nesting is the worse fault
		case w.depth == 2 && w.key == inputs:
			if k != strictjson.Array {
				return w.fail(RuleType)
			}
			w.inside = inInputs
		case w.depth == 2:
			w.inside = skipping
		}
	case inInputs:
		if k != strictjson.Object {
			return w.fail(RuleType)
		}
		if len(w.inputs) == w.most {
			return w.fail(RuleSize)
		}
		w.inputs, w.inside = append(w.inputs, member{}), inInput
	case inInput:
		switch w.key {
		case parameters:
			if k != strictjson.Object {
				return w.fail(RuleType)
			}
			w.inside = inParams
		case shape, data:
			if k != strictjson.Array {
				return w.wrong()
			}
			w.target().from, w.inside = off, inValue
		default:
			return w.fail(RuleType)
		}
	case inValue:
		if k != strictjson.Array {
			return w.wrong()
		}
	case inParams:
		return w.fail(RuleType) // parameters are scalars
	case skipping:
	}
	return nil
}

// Leave implements [strictjson.Visitor].
func (w *walker) Leave(_ strictjson.Kind, off int) error {
	w.depth--
	switch {
	case w.inside == skipping && w.depth == 1, w.inside == inInputs:
		w.inside = top
	case w.inside == inInput:
		w.inside = inInputs
	case w.inside == inParams:
		w.inside = inInput
	case w.inside == inValue && w.depth == 3:
		w.target().to, w.inside = off+1, inInput
	}
	return nil
}

// Key implements [strictjson.Visitor].
func (w *walker) Key(raw []byte, _ int) error {
	switch w.inside {
	case top:
		return w.member(raw, topKeys)
	case inInput:
		return w.member(raw, inputKeys)
	case inParams:
		w.key = other
		var buf [32]byte
		switch k := strictjson.AppendUnquoted(buf[:0], raw); string(k) {
		case "binary_data_size":
			w.key = binarySize
		case "shared_memory_region", "shared_memory_offset", "shared_memory_byte_size":
			return w.fail(RuleSharedMemory)
		}
	}
	return nil
}

type named struct {
	name string
	key  key
}

var (
	topKeys   = []named{{"id", other}, {"parameters", parameters}, {"inputs", inputs}, {"outputs", outputs}}
	inputKeys = []named{{"name", name}, {"shape", shape}, {"datatype", datatype}, {"parameters", parameters}, {"data", data}}
)

func (w *walker) member(raw []byte, known []named) error {
	var buf [32]byte
	k := strictjson.AppendUnquoted(buf[:0], raw)
	for _, n := range known {
		if n.name == string(k) {
			w.key = n.key
			return nil
		}
	}
	return w.fail(RuleField)
}

// Value implements [strictjson.Visitor].
func (w *walker) Value(k strictjson.Kind, raw []byte, off int) error {
	here := span{off, off + len(raw)}
	switch w.inside {
	case top:
		if w.depth == 0 || w.key == inputs {
			return w.fail(RuleType)
		}
	case inInputs:
		return w.fail(RuleType)
	case inInput:
		switch w.key {
		case name, datatype:
			if k != strictjson.String {
				return w.wrong()
			}
			*w.target() = here
		default: // shape, data and parameters are no scalars
			return w.wrong()
		}
	case inParams:
		if w.key == binarySize {
			if k != strictjson.Number {
				return w.fail(RuleBinarySize)
			}
			w.inputs[len(w.inputs)-1].binary = here
		}
	}
	return nil
}

// wrong refuses a value of the wrong kind.
func (w *walker) wrong() error {
	if w.key == shape {
		return w.fail(RuleShape)
	}
	return w.fail(RuleType)
}

// target is where the member in progress is noted.
func (w *walker) target() *span {
	m := &w.inputs[len(w.inputs)-1]
	switch w.key {
	case name:
		return &m.name
	case datatype:
		return &m.datatype
	case shape:
		return &m.shape
	}
	return &m.data
}
