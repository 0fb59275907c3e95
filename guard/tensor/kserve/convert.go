package kserve

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"

	"github.com/holdfast-ai/holdfast/guard/tensor"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// datatypes are the names of the protocol; BF16 is Triton's. json says whether the type has a JSON form: the protocol gives
// none to 16-bit floats.
var datatypes = []struct {
	name  string
	dtype tensor.DType
	json  bool
}{
	{"BOOL", tensor.Bool, true},
	{"UINT8", tensor.U8, true},
	{"UINT16", tensor.U16, true},
	{"UINT32", tensor.U32, true},
	{"UINT64", tensor.U64, true},
	{"INT8", tensor.I8, true},
	{"INT16", tensor.I16, true},
	{"INT32", tensor.I32, true},
	{"INT64", tensor.I64, true},
	{"FP16", tensor.F16, false},
	{"BF16", tensor.BF16, false},
	{"FP32", tensor.F32, true},
	{"FP64", tensor.F64, true},
	{"BYTES", tensor.Bytes, true},
}

// DType returns the type that the protocol calls name, and false for none.
func DType(name string) (tensor.DType, bool) {
	for _, d := range datatypes {
		if d.name == name {
			return d.dtype, true
		}
	}
	return 0, false
}

// AppendJSON appends the elements of a JSON tensor to dst as the little-endian bytes of a [tensor.View], by the rules of
// [Request.Parse]. text is strict JSON: the list of elements, flat or nested as shape says, of most elements at the most.
// The error is an [*Error] with no input.
func AppendJSON(dst []byte, datatype string, shape []int64, text []byte, most int64) ([]byte, error) {
	refuse := func(rule string, err error) ([]byte, error) { return dst, &Error{Rule: rule, Input: -1, Err: err} }
	dtype, ok := DType(datatype)
	n, err := tensor.Elements(shape)
	switch {
	case !ok || dtype == tensor.F16 || dtype == tensor.BF16:
		return refuse(RuleDType, nil)
	case err != nil || len(shape) > tensor.MaxRank:
		return refuse(RuleShape, err)
	case n > most:
		return refuse(RuleSize, nil)
	case len(text) < 2 || text[0] != '[':
		return refuse(RuleType, nil)
	}
	c := converter{dtype: dtype, shape: shape, want: n, text: text, out: dst}
	if rule := c.run(); rule != "" {
		return refuse(rule, nil)
	}
	return c.out, nil
}

// input reads one input and appends it. rest is the part of the body behind the JSON that no input has claimed yet,
// elements how many more may be converted.
func (r *Request) input(m *member, header []byte, rest *[]byte, total int, elements *int64) (rule string, err error) {
	var in Input
	if m.name.absent() {
		return RuleField, nil
	}
	if in.Name = string(strictjson.AppendUnquoted(nil, m.name.of(header))); len(in.Name) > MaxName {
		return RuleField, nil
	}
	if m.datatype.absent() {
		return RuleDType, nil
	}
	hasJSON := false
	var buf [32]byte
	name := strictjson.AppendUnquoted(buf[:0], m.datatype.of(header)) // "FP\u00332" is FP32 to every decoder
	for _, d := range datatypes {
		if string(name) == d.name {
			in.DType, hasJSON = d.dtype, d.json
		}
	}
	if in.DType == 0 {
		return RuleDType, nil
	}
	if in.Shape, rule = r.shape(m.shape.of(header)); rule != "" {
		return rule, nil
	}
	n, err := tensor.Elements(in.Shape)
	if err != nil {
		return RuleShape, err
	}
	switch {
	case !m.binary.absent() && !m.data.absent():
		return RuleDuplicate, nil
	case !m.binary.absent():
		size, err := strconv.ParseUint(string(m.binary.of(header)), 10, 63)
		if err != nil || size > uint64(len(*rest)) {
			return RuleBinarySize, err
		}
		in.Binary, in.Start = true, total-len(*rest)
		in.Data, *rest = (*rest)[:size:size], (*rest)[size:]
		in.End = in.Start + int(size)
		if e := in.DType.Size(); e > 0 && (n > math.MaxInt64/int64(e) || n*int64(e) != int64(size)) {
			return RuleBinarySize, nil
		}
	case m.data.absent():
		return RuleCount, nil
	case !hasJSON:
		return RuleDType, nil
	case n > *elements:
		return RuleSize, nil
	default:
		*elements -= n
		in.Start, in.End = m.data.from, m.data.to
		from := len(r.scratch)
		c := converter{dtype: in.DType, shape: in.Shape, want: n, text: m.data.of(header), out: r.scratch}
		if rule := c.run(); rule != "" {
			return rule, nil
		}
		r.scratch = c.out
		in.Data = c.out[from:len(c.out):len(c.out)]
	}
	r.Inputs = append(r.Inputs, in)
	return "", nil
}

// shape reads a list of integers; the text is strict JSON already.
func (r *Request) shape(text []byte) ([]int64, string) {
	if len(text) == 0 {
		return nil, RuleShape
	}
	from := len(r.shapes)
	text = bytes.Trim(text[1:len(text)-1], " \t\r\n")
	for len(text) > 0 {
		num, tail, more := bytes.Cut(text, []byte(","))
		d, err := strconv.ParseInt(string(bytes.Trim(num, " \t\r\n")), 10, 64) // "2.0", "2e0" and nested lists fail here
		if err != nil || d < 1 || len(r.shapes)-from == tensor.MaxRank || more && len(tail) == 0 {
			return nil, RuleShape
		}
		r.shapes = append(r.shapes, d)
		text = tail
	}
	return r.shapes[from:len(r.shapes):len(r.shapes)], ""
}

// converter turns the data of a JSON tensor, which is strict JSON, into little-endian elements.
type converter struct {
	dtype tensor.DType
	shape []int64
	want  int64
	text  []byte
	i     int
	n     int64 // elements so far
	out   []byte
}

// run reads the list of elements, flat or nested exactly as the shape says.
func (c *converter) run() (rule string) {
	if rule := c.list(0, c.nested()); rule != "" {
		return rule
	}
	if c.n != c.want {
		return RuleCount
	}
	return ""
}

// nested reports whether the first element of the list is a list.
func (c *converter) nested() bool {
	c.i = 1
	first := c.space()
	c.i = 0
	return first == '['
}

// space skips white space and returns what follows it: a list ends with a bracket, so something does.
func (c *converter) space() byte {
	for {
		switch b := c.text[c.i]; b {
		case ' ', '\t', '\r', '\n':
			c.i++
		default:
			return b
		}
	}
}

// list reads one list, at the given level of the shape.
func (c *converter) list(level int, nested bool) (rule string) {
	c.i++ // the bracket
	count := int64(0)
	for c.space() != ']' {
		if c.text[c.i] == ',' {
			c.i++
			continue
		}
		isList := c.text[c.i] == '['
		if isList != (nested && level < len(c.shape)-1) {
			if isList && !nested {
				return RuleCount
			}
			return RuleType
		}
		if isList {
			rule = c.list(level+1, true)
		} else {
			rule = c.element()
		}
		if rule != "" {
			return rule
		}
		count++
	}
	c.i++
	if nested && count != c.shape[level] {
		return RuleCount // ragged
	}
	return ""
}

// element reads one number, word or string.
func (c *converter) element() (rule string) {
	if c.n++; c.n > c.want {
		return RuleCount
	}
	from := c.i
	if c.text[from] == '"' {
		for c.i++; c.text[c.i] != '"'; c.i++ {
			if c.text[c.i] == '\\' {
				c.i++
			}
		}
		c.i++
		if c.dtype != tensor.Bytes {
			return RuleType
		}
		at := len(c.out)
		c.out = strictjson.AppendUnquoted(append(c.out, 0, 0, 0, 0), c.text[from:c.i])
		binary.LittleEndian.PutUint32(c.out[at:], uint32(len(c.out)-at-4))
		return ""
	}
	raw := c.word()
	switch {
	case c.dtype == tensor.Bool && string(raw) == "true":
		c.out = append(c.out, 1)
		return ""
	case c.dtype == tensor.Bool && string(raw) == "false":
		c.out = append(c.out, 0)
		return ""
	case raw[0] != '-' && (raw[0] < '0' || raw[0] > '9'), c.dtype == tensor.Bool, c.dtype == tensor.Bytes:
		return RuleType
	case len(raw) > maxNumber:
		return RuleNumberLength
	case c.dtype.Float():
		return c.float(raw)
	}
	return c.integer(raw)
}

// word reads up to the end of a number or literal.
func (c *converter) word() []byte {
	for from := c.i; ; c.i++ {
		switch c.text[c.i] {
		case ',', ']', ' ', '\t', '\r', '\n':
			return c.text[from:c.i]
		}
	}
}

func (c *converter) float(raw []byte) (rule string) {
	f, err := strconv.ParseFloat(string(raw), 8*c.dtype.Size())
	if err != nil || f == 0 && bytes.ContainsAny(mantissa(raw), "123456789") {
		return RuleRange // infinite, or silently zero
	}
	if c.dtype == tensor.F32 {
		c.out = binary.LittleEndian.AppendUint32(c.out, math.Float32bits(float32(f)))
	} else {
		c.out = binary.LittleEndian.AppendUint64(c.out, math.Float64bits(f))
	}
	return ""
}

// mantissa cuts the exponent off a number.
func mantissa(raw []byte) []byte {
	if i := bytes.IndexAny(raw, "eE"); i >= 0 {
		return raw[:i]
	}
	return raw
}

func (c *converter) integer(raw []byte) (rule string) {
	var x uint64
	var err error
	if c.dtype >= tensor.I8 {
		var i int64
		i, err = strconv.ParseInt(string(raw), 10, 8*c.dtype.Size())
		x = uint64(i)
	} else {
		x, err = strconv.ParseUint(string(raw), 10, 8*c.dtype.Size())
	}
	if err != nil {
		return RuleRange
	}
	switch c.dtype.Size() {
	case 1:
		c.out = append(c.out, byte(x))
	case 2:
		c.out = binary.LittleEndian.AppendUint16(c.out, uint16(x))
	case 4:
		c.out = binary.LittleEndian.AppendUint32(c.out, uint32(x))
	default:
		c.out = binary.LittleEndian.AppendUint64(c.out, x)
	}
	return ""
}
