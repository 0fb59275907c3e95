package api

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"net/http"
	"unicode/utf8"

	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/tensor/kserve"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// HeaderLength is the HTTP header that gives the length of the JSON in front of binary tensors, [kserve.Header].
const HeaderLength = kserve.Header

// inferenceDialect is the Open Inference Protocol v2, JSON and binary. Every tensor's shape, type and data agree, no data is left
// over, and nothing refers to memory or requests elsewhere.
type inferenceDialect struct{ ollamaErrors }

// AppendError implements [Dialect]: {"error":"…"}.
func (inferenceDialect) AppendError(dst []byte, p Problem) []byte {
	return ollamaErrors{}.AppendError(dst, p)
}

// Framing implements [Dialect].
func (inferenceDialect) Framing() Framing { return Unframed }

// Request implements [Dialect]. The model is part of the path; Params.Model is "-".
func (inferenceDialect) Request(r *Request, body []byte, header http.Header, o Options) error {
	r.Clear() // no arena: strings of tensors are copied one by one
	r.Params.Model = "-"
	m, err := readInference(body, header, "inputs", o)
	if err != nil {
		return err
	}
	r.Tensors = append(r.Tensors, m.tensors...)
	r.Params.Messages = len(m.tensors)
	for _, t := range m.texts {
		r.Spans = append(r.Spans, detect.Span{Role: t.role, Trust: detect.TrustUser, Offset: t.off, Text: t.text})
	}
	r.Media = append(r.Media, m.media...)
	r.Inner = len(r.Spans)
	return nil
}

// Answer implements [Dialect].
func (inferenceDialect) Answer(a *Answer, data []byte, header http.Header) error {
	a.Clear()
	m, err := readInference(data, header, "outputs", Options{})
	if err != nil {
		return err
	}
	a.Tensors = append(a.Tensors, m.tensors...)
	for _, t := range m.texts {
		a.Pieces = append(a.Pieces, Piece{Offset: t.off, Text: t.text, Name: t.fixed})
	}
	return nil
}

// located is a text with its place. One that is fixed is no JSON string: it cannot be redacted.
type located struct {
	role  detect.Role
	off   int
	text  []byte
	fixed bool
}

type inference struct {
	list    string // "inputs" or "outputs"
	o       Options
	tensors []Tensor
	texts   []located
	media   []Media
	sizes   []int64 // binary_data_size, -1 = none
	counts  []int64 // elements in JSON
	strs    []bool  // … strings among them
	others  []bool  // … other values
	has     []uint8 // members of the tensor

	path  [MaxDepth + 2]byte // what each level is
	depth int
	key   string
	nest  int
	start int
	where int // first byte behind the JSON
	body  []byte
}

// readInference reads a request or an answer.
func readInference(body []byte, header http.Header, list string, o Options) (*inference, error) {
	m := &inference{list: list, o: o, body: body, where: len(body)}
	if n := kserve.HeaderLength(header); n != kserve.NoHeader {
		if n <= 0 || n > int64(len(body)) {
			return nil, refuse(HeaderLength, "length")
		}
		m.where = int(n)
	}
	if err := strictjson.Walk(body[:m.where], limits(len(body)), m); err != nil {
		return nil, err
	}
	if len(m.tensors) == 0 && list == "inputs" {
		return nil, refuse(list, "required")
	}
	rest := body[m.where:]
	for i := range m.tensors {
		var err error
		if rest, err = m.tensor(i, rest); err != nil {
			return nil, err
		}
	}
	if len(rest) > 0 {
		return nil, refuse(list, "bytes behind the tensors")
	}
	return m, nil
}

// Bits of inference.has.
const (
	hasName uint8 = 1 << iota
	hasShape
	hasType
	hasData
)

// tensor checks one tensor and takes its binary data off rest.
func (m *inference) tensor(i int, rest []byte) ([]byte, error) {
	t := &m.tensors[i]
	need := hasName | hasShape | hasType
	if m.has[i]&need != need {
		return nil, refuse(m.list, "name, shape and datatype are required")
	}
	for j := range i {
		if m.tensors[j].Name == t.Name {
			return nil, refuse(m.list+".name", "twice")
		}
	}
	dtype, ok := kserve.DType(t.Datatype)
	if !ok {
		return nil, refuse(m.list+".datatype", "unknown")
	}
	if len(t.Name) > kserve.MaxName {
		return nil, refuse(m.list+".name", "too long")
	}
	n, empty := uint64(1), false
	for _, d := range t.Shape {
		if d == 0 { // it does not hide a sibling that is too large
			empty = true
			continue
		}
		hi, lo := bits.Mul64(n, uint64(d))
		if hi != 0 || lo > 1<<40 {
			return nil, refuse(m.list+".shape", "too large")
		}
		n = lo
	}
	if t.Elements = int64(n); empty {
		t.Elements = 0
	}
	inJSON := m.has[i]&hasData != 0
	switch {
	case inJSON == (m.sizes[i] >= 0):
		return nil, refuse(m.list, "data, or its binary size, but not both")
	case inJSON:
		if m.counts[i] != t.Elements {
			return nil, refuse(m.list+".data", "does not fit the shape")
		}
		if m.strs[i] && t.Datatype != "BYTES" || m.others[i] && t.Datatype == "BYTES" || t.Datatype == "FP16" || t.Datatype == "BF16" {
			return nil, refuse(m.list+".data", "does not fit the datatype")
		}
		return rest, nil
	case m.sizes[i] > int64(len(rest)):
		return nil, refuse("binary_data_size", "more than there is")
	case t.Datatype != "BYTES" && m.sizes[i] != t.Elements*int64(dtype.Size()):
		return nil, refuse("binary_data_size", "does not fit the shape")
	}
	t.Raw, t.Offset = rest[:m.sizes[i]:m.sizes[i]], len(m.body)-len(rest)
	if t.Datatype == "BYTES" {
		if err := m.strings(t); err != nil {
			return nil, err
		}
	}
	return rest[m.sizes[i]:], nil
}

// strings reads the elements of a BYTES tensor: a length of 4 bytes, little-endian, and so many bytes, each.
func (m *inference) strings(t *Tensor) error {
	b, off := t.Raw, t.Offset
	for range t.Elements {
		if len(b) < 4 || uint64(binary.LittleEndian.Uint32(b)) > uint64(len(b)-4) {
			return refuse(m.list, "length of a string")
		}
		n := int(binary.LittleEndian.Uint32(b))
		text := b[4 : 4+n]
		if err := m.bytes(off, text); err != nil {
			return err
		}
		b, off = b[4+n:], off+4+n
	}
	if len(b) > 0 {
		return refuse(m.list, "bytes behind the strings")
	}
	return nil
}

// bytes lists an element of a BYTES tensor. In a request, one that is no text must be media, which has rules of its own: some decoders
// leave out what is no character, and read the rest. So is an answer's read here.
func (m *inference) bytes(off int, b []byte) error {
	switch text := utf8.Valid(b) && !bytes.HasPrefix(b, []byte("GIF8")); { // the one format of images that can be UTF-8
	case text:
	case m.list == "outputs":
		b = bytes.ToValidUTF8(b, nil)
	case !m.o.Media:
		return refuse(m.list, "cannot be inspected")
	default:
		m.media = append(m.media, Media{Offset: off, Kind: "image", Data: b})
		return m.fits()
	}
	if len(b) == 0 {
		return nil
	}
	return m.add(located{role: detect.RoleUser, off: off, text: b, fixed: true})
}
