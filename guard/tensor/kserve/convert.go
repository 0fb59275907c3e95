package kserve

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"

	"github.com/holdfast-ai/holdfast/guard/tensor"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

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
