package api

import (
	"bytes"
	"errors"
	"strconv"

	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// A grammar is a place of the body that says what an answer, or the arguments of a tool, must match: a pattern, a grammar, a schema.
// Backends compile them before they write a word, and counts in them let a few bytes grow large: "((a{1000}){1000}){1000}" is a
// thousand million states.
type grammar struct {
	name     string // of the member
	from, to int
	tools    bool // definitions of tools, whose schemas are not counted in bytes: requests have many of them
}

// Grammars holds what answers must match against its bounds: maxBytes of all patterns, grammars and schemas of the request together, and
// maxRepeats of what their counts grow to. Counts within counts of a pattern or a schema are multiplied, as engines that make automata of
// them do; those of a grammar are added, since a group is a rule of its own there. A schema may refer to itself alone, and a pattern
// must be one that every engine counts alike.
func (r *Request) Grammars(maxBytes, maxRepeats int64) error {
	size, total := int64(0), 0.0
	for _, g := range r.grammars {
		if !g.tools {
			if size += int64(g.to - g.from); size > maxBytes {
				return refuse(g.name, "too large")
			}
		}
		v := grammarWalker{field: g.name, most: float64(maxRepeats)}
		if err := v.walk(r.body[g.from:g.to], grammarKeyOf([]byte(g.name))); err != nil {
			return err
		}
		if total += v.stack[0].size; total > v.most {
			return refuse(g.name, "too many repetitions")
		}
	}
	return nil
}

// grammarKey is what a member is in a schema, or in what holds one.
type grammarKey uint8

const (
	noGrammar   grammarKey = iota
	aPattern               // a regular expression
	aGrammar               // text of a grammar
	aDefinition            // either, as the member "syntax" beside it says
	aSyntax
	aSchema   // a schema, or a string that holds one
	aCount    // how often something may stand
	aRef      // another schema
	aBackend  // which engine is used
	aPatterns // an object whose names are patterns
)

func grammarKeyOf(key []byte) grammarKey {
	switch string(key) {
	case "pattern", "regex", "guided_regex", "stop_regex", "guided_whitespace_pattern", "whitespace_pattern":
		return aPattern
	case "grammar", "guided_grammar", "ebnf", "gbnf", "lark":
		return aGrammar
	case "definition":
		return aDefinition
	case "syntax":
		return aSyntax
	case "guided_json", "json", "json_schema", "schema", "structural_tag", "response_format", "format":
		return aSchema
	case "minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties", "minContains", "maxContains":
		return aCount
	case "$ref", "$dynamicRef", "$recursiveRef":
		return aRef
	case "_backend", "_backend_was_auto":
		return aBackend
	case "patternProperties":
		return aPatterns
	}
	return noGrammar
}

// grammarLevel is an open array or object.
type grammarLevel struct {
	key        grammarKey // of the next value; of the strings of an array
	size       float64    // what is below grows to
	count      float64    // how often it may stand; 0 = once
	names      bool       // names of members are patterns
	regex      bool       // the definition is a pattern
	definition []byte
}

// grammarWalker adds up what a value grows to, in stack[0].size.
type grammarWalker struct {
	field string
	most  float64
	depth int
	inner int    // strings in strings
	text  []byte // decoded
	stack [MaxDepth + 2]grammarLevel
}

// maxInner is how often a schema may be a string of JSON within another.
const maxInner = 2

func (v *grammarWalker) walk(value []byte, k grammarKey) error {
	v.depth, v.stack[0] = 0, grammarLevel{key: k}
	return strictjson.Walk(value, limits(len(value)), v)
}

// add counts what a text grows to.
func (v *grammarWalker) add(size float64) error {
	l := &v.stack[v.depth]
	if l.size += size; l.size > v.most {
		return refuse(v.field, "too many repetitions")
	}
	return nil
}

// Key implements [strictjson.Visitor].
func (v *grammarWalker) Key(raw []byte, _ int) error {
	l := &v.stack[v.depth]
	v.text = strictjson.AppendUnquoted(v.text[:0], raw)
	key := v.text
	if l.names {
		l.key = noGrammar
		return v.pattern(key)
	}
	l.key = grammarKeyOf(key)
	return nil
}

// Enter implements [strictjson.Visitor].
func (v *grammarWalker) Enter(k strictjson.Kind, _ int) error {
	key := v.stack[v.depth].key
	v.depth++
	l := grammarLevel{names: k == strictjson.Object && key == aPatterns}
	if k == strictjson.Array {
		l.key = key
	}
	v.stack[v.depth] = l
	return nil
}

// Leave implements [strictjson.Visitor].
func (v *grammarWalker) Leave(strictjson.Kind, int) error {
	l := &v.stack[v.depth]
	if l.definition != nil {
		do := v.grammar
		if l.regex {
			do = v.pattern
		}
		if err := do(l.definition); err != nil {
			return err
		}
	}
	size := l.size
	if l.count > 0 {
		size = l.count * max(size, 1)
	}
	v.depth--
	return v.add(size)
}

// Value implements [strictjson.Visitor].
func (v *grammarWalker) Value(k strictjson.Kind, raw []byte, _ int) error {
	l := &v.stack[v.depth]
	switch {
	case l.key == aBackend:
		return refuse(v.field, "cannot be inspected")
	case k == strictjson.Number && l.key == aCount:
		n, err := strconv.ParseFloat(string(raw), 64)
		if err != nil {
			return refuse(v.field, "number")
		}
		l.count = max(l.count, n)
	case k == strictjson.String && l.key != noGrammar:
		v.text = strictjson.AppendUnquoted(v.text[:0], raw)
		return v.str(l, v.text)
	}
	return nil
}

func (v *grammarWalker) str(l *grammarLevel, text []byte) error {
	switch l.key {
	case aPattern:
		return v.pattern(text)
	case aGrammar:
		return v.grammar(text)
	case aDefinition:
		l.definition = bytes.Clone(text)
	case aSyntax:
		l.regex = string(text) == "regex"
	case aRef:
		if !bytes.HasPrefix(text, []byte("#")) {
			return refuse(v.field, "reference to another schema")
		}
	case aSchema:
		if text = bytes.TrimSpace(text); !bytes.HasPrefix(text, []byte("{")) {
			return nil // the name of a format
		}
		if v.inner == maxInner {
			return refuse(v.field, "cannot be inspected")
		}
		inner := grammarWalker{field: v.field, most: v.most, inner: v.inner + 1}
		if err := inner.walk(text, noGrammar); err != nil {
			if _, ok := errors.AsType[*FieldError](err); ok {
				return err
			}
			return refuse(v.field, "not strict JSON")
		}
		return v.add(inner.stack[0].size)
	}
	return nil
}

// grammar adds up the counts in the text of a grammar, wherever they stand: x{2,5} as in GBNF and EBNF, x~2..5 as in Lark.
func (v *grammarWalker) grammar(text []byte) error {
	for i := range text {
		n := 0.0
		switch text[i] {
		case '{':
			n, _ = counted(text[i:])
		case '~':
			first, rest := leading(bytes.TrimLeft(text[i+1:], " \t"))
			last := 0.0
			if more, ok := bytes.CutPrefix(rest, []byte("..")); ok {
				last, _ = leading(more)
			}
			n = max(first, last)
		}
		if err := v.add(n); err != nil {
			return err
		}
	}
	return nil
}

// pattern adds what a regular expression grows to.
func (v *grammarWalker) pattern(text []byte) error {
	n, ok := expanded(text)
	if !ok {
		return refuse(v.field, "pattern")
	}
	return v.add(n)
}
