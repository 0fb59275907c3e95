package api

import (
	"bytes"
	"errors"

	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// argument is a text that may hold JSON, by its number among the texts and its place in the body.
type argument struct{ span, off int }

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
