package cyclonedx

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// ErrFormat means that the bytes are no bill that can be held against files.
var ErrFormat = errors.New("cyclonedx: malformed document")

const (
	// MaxSize bounds a document, in bytes.
	MaxSize = 32 << 20
	// maxObjects bounds the objects and nulls in a document: each may become a component, which takes fifty times the bytes of
	// its text. Bills of [MaxSize] that describe files have 300,000.
	maxObjects = 400_000
)

// Nameless stands in [Document].Licences for a licence that the bill gives without identifier, name or expression.
const Nameless = "licence without a name"

// A Document is what a server takes from a bill: the files it lists, its templates and its licences.
type Document struct {
	SpecVersion string
	Files       map[string][32]byte // SHA-256 by path: components of type "file"
	Templates   map[string][32]byte // SHA-256 by file and place, such as "tokenizer_config.json#/chat_template"
	Licences    []string            // of the model, its parts and its files: identifiers, names or expressions
}

type component struct {
	Type   string `json:"type"`
	Name   string `json:"name"`
	Hashes []struct {
		Alg     string `json:"alg"`
		Content string `json:"content"`
	} `json:"hashes"`
	Licenses []struct {
		License struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		} `json:"license"`
		Expression string `json:"expression"`
	} `json:"licenses"`
	Properties []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	} `json:"properties"`
	Components []component `json:"components"`
}

// Decode reads a document of version 1.6 or 1.7 strictly: no key twice or in another case, no path twice, a SHA-256 digest
// for every file. It does not validate against the schema.
// Errors: [ErrFormat], also of [strictjson].
func Decode(data []byte) (*Document, error) {
	var doc struct {
		BOMFormat   string `json:"bomFormat"`
		SpecVersion string `json:"specVersion"`
		Metadata    struct {
			Component component `json:"component"`
		} `json:"metadata"`
		Components []component `json:"components"`
	}
	if bytes.Count(data, []byte("{"))+bytes.Count(data, []byte("null")) > maxObjects {
		return nil, fmt.Errorf("%w: more than %d objects", ErrFormat, maxObjects)
	}
	if err := strictjson.UnmarshalKnown(data, &doc, strictjson.Limits{MaxBytes: MaxSize}); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if doc.BOMFormat != "CycloneDX" || doc.SpecVersion != "1.6" && doc.SpecVersion != "1.7" {
		return nil, fmt.Errorf("%w: not CycloneDX 1.6 or 1.7", ErrFormat)
	}
	out := &Document{SpecVersion: doc.SpecVersion, Files: map[string][32]byte{}, Templates: map[string][32]byte{}}
	out.Licences = doc.Metadata.Component.licences(out.Licences)
	for i := range doc.Components {
		out.Licences = doc.Components[i].ownLicences(out.Licences)
	}
	for _, c := range append(doc.Components, doc.Metadata.Component) {
		if c.nestsFile() { // some readers would list it and others not
			return nil, fmt.Errorf("%w: a file inside another component", ErrFormat)
		}
	}
	for i, c := range doc.Components {
		to, key := out.Files, c.Name
		if c.Type != "file" {
			if to, key = out.Templates, c.template(); key == "" {
				continue
			}
		}
		sum, ok := c.sha256()
		if !ok {
			return nil, fmt.Errorf("%w: components[%d] has no SHA-256", ErrFormat, i)
		}
		if _, dup := to[key]; dup {
			return nil, fmt.Errorf("%w: components[%d] is listed twice", ErrFormat, i)
		}
		to[key] = sum
	}
	return out, nil
}

// ownLicences appends the licences of c and what is in it, where that is a model or a file of one: other tools state them there.
func (c *component) ownLicences(out []string) []string {
	if c.Type == "machine-learning-model" || c.Type == "file" {
		out = c.licences(out)
	}
	for i := range c.Components {
		out = c.Components[i].ownLicences(out)
	}
	return out
}

func (c *component) licences(out []string) []string {
	for _, l := range c.Licenses {
		if l.License.ID+l.License.Name+l.Expression == "" { // one of text or address alone is declared all the same
			out = append(out, Nameless)
		}
		for _, s := range []string{l.License.ID, l.License.Name, l.Expression} {
			if s != "" {
				out = append(out, s)
			}
		}
	}
	return out
}

func (c *component) nestsFile() bool {
	for _, n := range c.Components {
		if n.Type == "file" || n.nestsFile() {
			return true
		}
	}
	return false
}

func (c *component) template() string {
	for _, p := range c.Properties {
		if p.Name == propTemplate {
			return p.Value
		}
	}
	return ""
}

// sha256 returns the one SHA-256 digest of c.
func (c *component) sha256() (sum [32]byte, ok bool) {
	for _, h := range c.Hashes {
		if h.Alg != "SHA-256" {
			continue
		}
		b, err := hex.DecodeString(h.Content)
		if err != nil || len(b) != len(sum) || ok {
			return sum, false
		}
		ok = true
		copy(sum[:], b)
	}
	return sum, ok
}
