package api

import (
	"strconv"

	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/tensor"
	"github.com/holdfast-ai/holdfast/guard/tensor/kserve"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// What a level of the JSON is.
const (
	lvTop     = 't'
	lvTensors = '['
	lvTensor  = '{'
	lvShape   = 's'
	lvData    = 'd'
	lvOutputs = 'o'
	lvOutput  = 'O'
	lvParams  = 'p' // of the message
	lvTParams = 'q' // of a tensor
	lvOParams = 'r' // of a requested output
	lvAny     = 'a' // of parameters of an answer: whatever a server tells beside its tensors
	lvNowhere = 0
)

func (m *inference) at() byte { return m.path[m.depth] }

// Key implements [strictjson.Visitor].
func (m *inference) Key(raw []byte, off int) error {
	key := string(strictjson.AppendUnquoted(nil, raw))
	ok, answer := false, m.list == "outputs"
	switch m.at() {
	case lvTop:
		ok = key == "id" || key == "parameters" || key == m.list || key == "outputs" ||
			answer && (key == "model_name" || key == "model_version")
	case lvTensor:
		ok = key == "name" || key == "shape" || key == "datatype" || key == "parameters" || key == "data"
	case lvOutput:
		ok = key == "name" || key == "parameters"
	case lvTParams:
		ok = key == "binary_data_size" || answer
	case lvOParams:
		ok = key == "binary_data" || key == "classification"
	case lvParams:
		ok = key == "binary_data_output" || answer
	case lvAny:
		ok = true
	}
	if !ok { // shared memory, sequences and priorities reach beyond the request
		return refuse("inference request", "unsupported member")
	}
	m.key = key
	if answer && (m.at() == lvParams || m.at() == lvTParams || m.at() == lvAny) && len(key) > 0 && key != "binary_data_size" { // the name is the server's choice
		return m.add(located{role: detect.RoleUser, off: off, text: []byte(key), fixed: true})
	}
	return nil
}

// Enter implements [strictjson.Visitor].
func (m *inference) Enter(k strictjson.Kind, off int) error {
	next := byte(lvNowhere)
	obj := k == strictjson.Object
	switch at := m.at(); {
	case at == lvNowhere && m.depth == 0 && obj:
		next = lvTop
	case at == lvTop && m.key == m.list && !obj:
		next = lvTensors
	case at == lvTop && m.key == "outputs" && !obj:
		next = lvOutputs
	case at == lvTop && m.key == "parameters" && obj:
		next = lvParams
	case at == lvTensors && obj:
		if len(m.tensors) == kserve.MaxInputs {
			return refuse(m.list, "too many")
		}
		next = lvTensor
		m.tensors = append(m.tensors, Tensor{})
		m.sizes, m.counts = append(m.sizes, -1), append(m.counts, 0)
		m.strs, m.others, m.has = append(m.strs, false), append(m.others, false), append(m.has, 0)
	case at == lvOutputs && obj:
		next = lvOutput
	case at == lvOutput && m.key == "parameters" && obj:
		next = lvOParams
	case at == lvTensor && m.key == "parameters" && obj:
		next = lvTParams
	case at == lvTensor && m.key == "shape" && !obj:
		next = lvShape
		m.has[len(m.has)-1] |= hasShape
	case at == lvTensor && m.key == "data" && !obj:
		next = lvData
		m.has[len(m.has)-1] |= hasData
		m.nest, m.start = 1, off
	case at == lvData && !obj:
		next = lvData
		if m.nest++; m.nest > tensor.MaxRank {
			return refuse(m.list+".data", "nested too deeply")
		}
	case m.list == "outputs" && (at == lvAny || (at == lvParams || at == lvTParams) && m.key != "binary_data_size"):
		next = lvAny
	}
	if next == lvNowhere {
		return refuse("inference request", "type")
	}
	m.depth++
	m.path[m.depth] = next
	return nil
}

// Leave implements [strictjson.Visitor].
func (m *inference) Leave(_ strictjson.Kind, off int) error {
	if m.at() == lvData {
		if m.nest--; m.nest == 0 {
			t := &m.tensors[len(m.tensors)-1]
			t.JSON, t.Offset = m.body[m.start:off+1], m.start
		}
	}
	m.depth--
	return nil
}

// Value implements [strictjson.Visitor].
func (m *inference) Value(k strictjson.Kind, raw []byte, off int) error {
	if k == strictjson.Number && !finite(raw) {
		return refuse(m.list, "number")
	}
	switch m.at() {
	case lvTensor:
		t, i := &m.tensors[len(m.tensors)-1], len(m.has)-1
		if k == strictjson.Null && m.key == "parameters" && m.list == "outputs" {
			return nil
		}
		if k != strictjson.String || m.key != "name" && m.key != "datatype" {
			break
		}
		s, err := m.text(raw, off)
		if m.key == "name" {
			t.Name, m.has[i] = string(s), m.has[i]|hasName
		} else {
			t.Datatype, m.has[i] = string(s), m.has[i]|hasType
		}
		return err
	case lvShape:
		least := int64(1)
		if m.list == "outputs" { // nothing was found, say
			least = 0
		}
		d, err := strconv.ParseInt(string(raw), 10, 63)
		t := &m.tensors[len(m.tensors)-1]
		if k != strictjson.Number || err != nil || d < least || len(t.Shape) == tensor.MaxRank {
			return refuse(m.list+".shape", "dimension")
		}
		t.Shape = append(t.Shape, d)
		return nil
	case lvData:
		i := len(m.counts) - 1
		m.counts[i]++
		switch k {
		case strictjson.String:
			m.strs[i] = true
			_, err := m.text(raw, off)
			return err
		case strictjson.Number, strictjson.Bool:
			m.others[i] = true
		default:
			return refuse(m.list+".data", "type")
		}
		return nil
	case lvTParams:
		if m.key != "binary_data_size" {
			return m.told(k, raw, off)
		}
		n, err := strconv.ParseInt(string(raw), 10, 63)
		if k != strictjson.Number || err != nil || n < 0 {
			return refuse("binary_data_size", "number")
		}
		m.sizes[len(m.sizes)-1] = n
		return nil
	case lvAny:
		return m.told(k, raw, off)
	case lvTop, lvOutput, lvOParams, lvParams:
		if k == strictjson.String {
			_, err := m.text(raw, off)
			return err
		}
		if k != strictjson.Null || m.at() != lvTop {
			return nil
		}
	}
	return refuse("inference request", "type")
}

// told lists what a parameter of an answer says.
func (m *inference) told(k strictjson.Kind, raw []byte, off int) error {
	if k != strictjson.String {
		return nil
	}
	_, err := m.text(raw, off)
	return err
}

// text lists a string.
func (m *inference) text(raw []byte, off int) ([]byte, error) {
	s := raw[1 : len(raw)-1]
	if !plainString(raw) {
		s = strictjson.AppendUnquoted(nil, raw)
	}
	if len(s) == 0 {
		return nil, nil
	}
	return s, m.add(located{role: detect.RoleUser, off: off, text: s})
}

// add lists a text.
func (m *inference) add(t located) error {
	m.texts = append(m.texts, t)
	return m.fits()
}

// fits refuses a message of too many texts.
func (m *inference) fits() error {
	most := maxTexts
	if m.list == "outputs" {
		most = maxParts
	}
	if len(m.texts)+len(m.media) > most {
		return refuse(m.list, "too many texts")
	}
	return nil
}
