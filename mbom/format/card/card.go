// Package card reads the front matter of a model or data-set card: the YAML between two lines of "---" at the top of a
// README.md (huggingface/hub-docs, modelcard.md).
//
// Only plain YAML is accepted: no aliases, anchors, merge keys or tags of one's own, no key twice, bounded size, depth
// and number of nodes. So a card has one meaning and reading it costs what its size says.
package card

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// Bounds on what a card may cost.
const (
	MaxSize        = 4 << 20   // bytes of the whole file
	MaxFrontMatter = 256 << 10 // bytes between the marks: real ones have under 20 kB, model-index included
	MaxDepth       = 16
	MaxNodes       = 20_000
)

// ErrFormat means that the file is no card that can be read in one way. Every error is a [*FormatError] that unwraps to it.
var ErrFormat = errors.New("card: malformed front matter")

// A FormatError says what was refused. It unwraps to [ErrFormat].
type FormatError struct {
	Line   int // in the file, from 1; 0 where no line is concerned
	Reason string
}

func (e *FormatError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%v: %s", ErrFormat, e.Reason)
	}
	return fmt.Sprintf("%v: %s (line %d)", ErrFormat, e.Reason, e.Line)
}

// Unwrap returns [ErrFormat].
func (e *FormatError) Unwrap() error { return ErrFormat }

// A Metric is one result of model-index.
type Metric struct {
	Type, Value string
	Dataset     string // name and split
}

// A Card is what the front matter declares. Absent fields are empty.
type Card struct {
	Licences          []string // as written, usually SPDX ids in lower case; "other" is replaced by LicenceName
	LicenceName       string
	LicenceLink       string
	Languages         []string
	Library           string
	Task              string // pipeline_tag
	Tags              []string
	Datasets          []string
	BaseModels        []string
	BaseModelRelation string   // adapter, merge, quantized, finetune
	Metrics           []string // names only
	Results           []Metric // of model-index
	PrettyName        string   // of a data set
	Findings          []string // parts that were left out because they have an unexpected form
}

// Parse reads the card in data. A file without front matter gives an empty card.
// Errors: [ErrFormat].
func Parse(data []byte) (*Card, error) {
	if len(data) > MaxSize {
		return nil, &FormatError{Reason: fmt.Sprintf("file above %d bytes", MaxSize)}
	}
	front, err := frontMatter(data)
	if err != nil || front == nil {
		return &Card{}, err
	}
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(front))
	if err := dec.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, &FormatError{Reason: "not YAML"} // the parser's own text may quote the file
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, &FormatError{Reason: "more than one document"}
	}
	c := &Card{}
	if doc.Kind == 0 { // nothing but comments
		return c, nil
	}
	nodes := 0
	if err := check(&doc, 0, &nodes); err != nil {
		return nil, err
	}
	top := doc.Content[0]
	if top.Kind == yaml.ScalarNode && top.Tag == "!!null" {
		return c, nil
	}
	if top.Kind != yaml.MappingNode {
		return nil, &FormatError{Line: top.Line + 1, Reason: "front matter is not a mapping"}
	}
	c.fill(top)
	return c, nil
}

// frontMatter returns the text between the first line "---" and the next one, or nil where the file does not begin so. Where
// readers differ in what they take for a mark, it is an error: the Hub's (huggingface_hub, REGEX_YAML_BLOCK) passes over blanks
// and lines before the first one, and wants nothing but line ends behind either.
func frontMatter(data []byte) ([]byte, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	first, rest, _ := bytes.Cut(data, []byte("\n"))
	if !isMark(first) {
		begin := bytes.TrimLeftFunc(data, unicode.IsSpace)
		if after, ok := bytes.CutPrefix(begin, []byte("---")); ok && len(after) > 0 && unicode.IsSpace(rune(after[0])) && len(bytes.TrimSpace(firstLine(after))) == 0 {
			return nil, &FormatError{Reason: "front matter with blanks around its first mark"}
		}
		return nil, nil
	}
	for at := 0; at < len(rest); {
		line, _, found := bytes.Cut(rest[at:], []byte("\n"))
		switch {
		case isMark(line):
			if at > MaxFrontMatter {
				return nil, endless()
			}
			return between(rest[:at])
		case bytes.HasPrefix(line, []byte("---")) && len(bytes.TrimSpace(line)) == len("---"):
			return nil, &FormatError{Reason: "front matter with blanks around its last mark"}
		}
		if at += len(line) + 1; !found || at > MaxFrontMatter {
			break
		}
	}
	return nil, endless()
}

func endless() error {
	return &FormatError{Reason: fmt.Sprintf("front matter has no end within %d bytes", MaxFrontMatter)}
}

// isMark reports whether a line is one of the two around front matter.
func isMark(line []byte) bool { return string(bytes.TrimSuffix(line, []byte("\r"))) == "---" }

// firstLine is the text before the first line end of any kind.
func firstLine(b []byte) []byte {
	if i := bytes.IndexAny(b, "\r\n"); i >= 0 {
		return b[:i]
	}
	return b
}

func between(text []byte) ([]byte, error) {
	if !utf8.Valid(text) {
		return nil, &FormatError{Reason: "front matter is not UTF-8"}
	}
	for i, c := range text {
		if c == '\r' && (i+1 == len(text) || text[i+1] != '\n') {
			return nil, &FormatError{Reason: "front matter with a carriage return inside a line"}
		}
	}
	return append([]byte{}, text...), nil
}

// check walks the whole tree, so that what is not read is held to the same rules as what is.
func check(n *yaml.Node, depth int, nodes *int) error {
	fail := func(reason string) error { return &FormatError{Line: n.Line + 1, Reason: reason} }
	if *nodes++; *nodes > MaxNodes || depth > MaxDepth {
		return fail("too many or too deeply nested values")
	}
	if n.Kind == yaml.AliasNode || n.Anchor != "" || n.Alias != nil {
		return fail("aliases and anchors are refused")
	}
	if n.Tag != "" && !strings.HasPrefix(n.Tag, "!!") || n.Tag == "!!merge" || n.Tag == "!!binary" {
		return fail("tags and merge keys are refused")
	}
	if n.Kind == yaml.MappingNode {
		seen := map[string]bool{}
		for i := 0; i < len(n.Content); i += 2 {
			k := n.Content[i]
			if k.Kind != yaml.ScalarNode {
				return &FormatError{Line: k.Line + 1, Reason: "a key is not a scalar"}
			}
			if seen[k.Value] {
				return &FormatError{Line: k.Line + 1, Reason: "key twice"}
			}
			seen[k.Value] = true
		}
	}
	for _, c := range n.Content {
		if err := check(c, depth+1, nodes); err != nil {
			return err
		}
	}
	return nil
}

func (c *Card) fill(top *yaml.Node) {
	one := func(key string) string { return c.scalar(key, field(top, key)) }
	many := func(key string) []string { return c.list(key, field(top, key)) }
	c.Licences, c.LicenceName, c.LicenceLink = many("license"), one("license_name"), one("license_link")
	for i, l := range c.Licences {
		if strings.EqualFold(l, "other") && c.LicenceName != "" {
			c.Licences[i] = c.LicenceName
		}
	}
	c.Languages, c.Library, c.Task, c.Tags = many("language"), one("library_name"), one("pipeline_tag"), many("tags")
	c.Datasets, c.BaseModels, c.BaseModelRelation = many("datasets"), many("base_model"), one("base_model_relation")
	c.Metrics, c.PrettyName = many("metrics"), one("pretty_name")
	c.results(field(top, "model-index"))
}

func field(m *yaml.Node, key string) *yaml.Node {
	if m == nil || m.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i+1]
		}
	}
	return nil
}

func text(n *yaml.Node) (string, bool) {
	if n == nil || n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return "", n == nil || n.Kind == yaml.ScalarNode
	}
	return n.Value, true
}

func (c *Card) scalar(key string, n *yaml.Node) string {
	s, ok := text(n)
	if !ok {
		c.Findings = append(c.Findings, key+" is not a scalar")
	}
	return s
}

// list reads a scalar or a sequence of scalars.
func (c *Card) list(key string, n *yaml.Node) []string {
	if n == nil {
		return nil
	}
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	var out []string
	for _, i := range items {
		s, ok := text(i)
		if !ok {
			c.Findings = append(c.Findings, key+" is neither a scalar nor a list of scalars")
			continue
		}
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

// results reads model-index: [{results: [{dataset: {name, type, split}, metrics: [{type, value}]}]}]. As the hub's own
// reader does, one malformed part leaves all of it out.
func (c *Card) results(index *yaml.Node) {
	if index == nil {
		return
	}
	var out []Metric
	ok := index.Kind == yaml.SequenceNode
	for _, model := range index.Content {
		res := field(model, "results")
		ok = ok && res != nil && res.Kind == yaml.SequenceNode
		if !ok {
			break
		}
		for _, r := range res.Content {
			set, metrics := field(r, "dataset"), field(r, "metrics")
			name, _ := text(field(set, "name"))
			if name == "" || metrics == nil || metrics.Kind != yaml.SequenceNode {
				ok = false
				break
			}
			if split, _ := text(field(set, "split")); split != "" {
				name += " (" + split + ")"
			}
			for _, m := range metrics.Content {
				typ, _ := text(field(m, "type"))
				value, good := text(field(m, "value"))
				ok = ok && typ != "" && good
				out = append(out, Metric{typ, value, name})
			}
		}
	}
	if !ok {
		c.Findings = append(c.Findings, "model-index has an unexpected form")
		return
	}
	c.Results = out
}
