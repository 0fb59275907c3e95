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

// Error says what is malformed, and in which line.
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
