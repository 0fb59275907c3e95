package kserve

import (
	"bytes"
	"math"
	"strconv"

	"github.com/holdfast-ai/holdfast/guard/tensor"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

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
