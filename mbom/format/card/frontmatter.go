package card

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

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
