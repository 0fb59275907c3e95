// Package yamlcode finds in a YAML file what its loader renders, chat templates, and what makes it call code: tags that are not YAML's own, such as
// !!python/object/apply of PyYAML, the key _target_ of Hydra, whose value is called by name, as those of _component_ by torchtune, class_path by
// Lightning and target by the scripts of latent diffusion are, and the loader_module of MLflow and the pipelines and preprocessors of pyannote, where
// they are not their own.
package yamlcode

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"
)

// MaxSize bounds a file, in bytes: configurations in YAML have some kilobytes, and a parsed one takes a hundred times its size.
const MaxSize = 1 << 20

// maxPlaces bounds what is returned; one is enough to refuse a file.
const maxPlaces = 100

// ErrFormat means that the file cannot be read as YAML, or is above [MaxSize].
var ErrFormat = errors.New("yamlcode: malformed file")

// Places returns the tags and keys in data that make a loader call code, in the order of the file; at most 100.
// Errors: [ErrFormat].
func Places(data []byte) ([]string, error) {
	seen := map[*yaml.Node]bool{}
	return walk(data, func(out []string, n *yaml.Node) []string { return pipelines(places(out, n), n, seen) })
}

// Expressions returns the keys of scalars in data that are [Expression]s; at most 100. Errors: [ErrFormat].
func Expressions(data []byte) ([]string, error) { return walk(data, expressions) }

// Templates returns the chat templates in data, which are the scalars below a key chat_template, in the order of the file; at most 100.
// Errors: [ErrFormat], also for more, and for templates behind aliases of aliases, which may have no end.
func Templates(data []byte) ([]string, error) {
	deep := false
	var scalars func(out []string, n *yaml.Node) []string
	scalars = func(out []string, n *yaml.Node) []string { // the values in n; its keys are names
		if n.Kind == yaml.ScalarNode {
			return append(out, n.Value)
		}
		for i, c := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 0 {
				continue
			}
			if c.Kind == yaml.AliasNode && resolved(c).Kind != yaml.ScalarNode {
				deep = true
				continue
			}
			out = scalars(out, resolved(c))
		}
		return out
	}
	var templates func(out []string, n *yaml.Node) []string
	templates = func(out []string, n *yaml.Node) []string {
		for i, c := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 1 && resolved(n.Content[i-1]).Value == "chat_template" {
				out = scalars(out, resolved(c))
			} else {
				out = templates(out, c)
			}
		}
		return out
	}
	out, err := walk(data, templates)
	if err == nil && (deep || len(out) == maxPlaces) { // one that is not returned would not be judged
		return nil, fmt.Errorf("%w: chat templates behind aliases, or too many", ErrFormat)
	}
	return out, err
}

// Expression reports whether MONAI evaluates a value in a bundle's configs/ as Python that calls or imports something: what begins with "$".
func Expression(s string) bool {
	return strings.HasPrefix(s, "$") && (strings.Contains(s, "(") || strings.HasPrefix(s, "$import ") || strings.HasPrefix(s, "$from "))
}

func expressions(out []string, n *yaml.Node) []string {
	for i, c := range n.Content {
		if c.Kind == yaml.ScalarNode && Expression(c.Value) && (n.Kind != yaml.MappingNode || i%2 == 1) {
			key := "$"
			if n.Kind == yaml.MappingNode {
				key = resolved(n.Content[i-1]).Value
			}
			out = append(out, key)
		}
		out = expressions(out, c)
	}
	return out
}

func walk(data []byte, places func([]string, *yaml.Node) []string) ([]string, error) {
	if len(data) > MaxSize {
		return nil, fmt.Errorf("%w: above %d bytes", ErrFormat, MaxSize)
	}
	var out []string
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var doc yaml.Node
		switch err := dec.Decode(&doc); {
		case errors.Is(err, io.EOF):
			return out[:min(len(out), maxPlaces)], nil
		case err != nil:
			return nil, fmt.Errorf("%w: not YAML", ErrFormat) // the parser's own text may quote the file
		}
		out = places(out, &doc)
	}
}

func places(out []string, n *yaml.Node) []string {
	if n.Kind != yaml.DocumentNode && n.Kind != yaml.AliasNode && !plain(n.Tag) {
		out = append(out, n.Tag)
	}
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && i+1 < len(n.Content) {
			if key := resolved(c).Value; calls(key, resolved(n.Content[i+1])) {
				out = append(out, key)
			}
		}
		out = places(out, c)
	}
	return out
}

// pipelines returns the keys of pyannote below which a class of another library is named. It enters a node below one, which aliases
// and merge keys may lead to in any number, once: seen.
func pipelines(out []string, n *yaml.Node, seen map[*yaml.Node]bool) []string {
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 {
			if key := resolved(n.Content[i-1]).Value; (key == "pipeline" || key == "preprocessors") && namesClass(c, seen) {
				out = append(out, key)
			}
		}
		out = pipelines(out, c, seen)
	}
	return out
}

// namesClass reports whether a key "name" in n has the dotted name of what is not pyannote's own.
func namesClass(n *yaml.Node, seen map[*yaml.Node]bool) bool {
	if n = resolved(n); seen[n] {
		return false
	}
	seen[n] = true
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 && resolved(n.Content[i-1]).Value == "name" {
			if text := resolved(c).Value; Qualified(text) && !strings.HasPrefix(text, "pyannote.") {
				return true
			}
		}
		if namesClass(c, seen) {
			return true
		}
	}
	return false
}

// resolved is what a node stands for: an alias may be a key too.
func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

// calls reports whether a loader calls or imports what value names, for the sake of its key.
func calls(key string, value *yaml.Node) bool {
	switch key {
	case "_target_", "_component_":
		return true
	case "target", "class_path":
		return value.Kind == yaml.ScalarNode && Qualified(value.Value)
	case "loader_module":
		return value.Kind == yaml.ScalarNode && !strings.HasPrefix(value.Value, "mlflow.")
	}
	return false
}

// Qualified reports whether s is the dotted name of something that Python could import, such as os.system.
func Qualified(s string) bool {
	parts := strings.Split(s, ".")
	return len(parts) > 1 && !slices.ContainsFunc(parts, func(p string) bool {
		odd := func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }
		return p == "" || unicode.IsDigit(rune(p[0])) || strings.ContainsFunc(p, odd)
	})
}

// plain reports whether a tag is one of YAML's own (yaml.org/type), which build data.
func plain(tag string) bool {
	switch tag {
	case "", "!", "!!str", "!!int", "!!float", "!!bool", "!!null", "!!seq", "!!map", "!!timestamp", "!!binary", "!!merge", "!!set", "!!omap", "!!pairs":
		return true
	}
	return false
}
