package train

import (
	"embed"
	"fmt"
	"strings"
)

// A grammar writes texts from templates:
//
//	{a|b|}  one of the alternatives, which may nest
//	<name>  an alternative of a list; other text in angle brackets stands for itself
//	\n      a new line; a backslash takes any other character as it is
type grammar struct {
	lists map[string]node
}

// node is a parsed template: text, a list by name, a choice, or a sequence.
type node struct {
	text   string
	list   string
	choice []node
	parts  []node
}

//go:embed grammar
var grammarFiles embed.FS

// newGrammar reads the lists of words.txt.
func newGrammar() (*grammar, error) {
	g := &grammar{lists: make(map[string]node)}
	lines, err := grammarLines("words.txt")
	if err != nil {
		return nil, err
	}
	bodies := make(map[string]string)
	var names []string
	for _, l := range lines {
		name, body, ok := strings.Cut(l, " = ")
		if !ok {
			return nil, fmt.Errorf("train: internal error: %q is no list", name)
		}
		bodies[name], names = body, append(names, name)
		g.lists[name] = node{}
	}
	for _, name := range names {
		n, err := g.parse("{" + bodies[name] + "}")
		if err != nil {
			return nil, err
		}
		g.lists[name] = n
	}
	return g, nil
}

// grammarLines returns the lines of a grammar that are not comments.
func grammarLines(name string) ([]string, error) {
	data, err := grammarFiles.ReadFile("grammar/" + name)
	if err != nil {
		return nil, err
	}
	var out []string
	for l := range strings.Lines(string(data)) {
		if l = strings.TrimSuffix(l, "\n"); l != "" && !strings.HasPrefix(l, "# ") {
			out = append(out, l)
		}
	}
	return out, nil
}

func (g *grammar) parse(s string) (node, error) {
	n, rest, err := g.sequence(s, false)
	if err == nil && rest != "" {
		err = fmt.Errorf("train: internal error: %q is not read", rest)
	}
	return n, err
}

// sequence reads up to the end, or inside a choice up to the bar or brace that ends an alternative.
func (g *grammar) sequence(s string, inside bool) (node, string, error) {
	var n node
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			n.parts = append(n.parts, node{text: text.String()})
			text.Reset()
		}
	}
	for s != "" {
		switch c := s[0]; {
		case inside && (c == '|' || c == '}'):
			flush()
			return n, s, nil
		case c == '\\' && len(s) > 1:
			if s[1] == 'n' {
				text.WriteByte('\n')
			} else {
				text.WriteByte(s[1])
			}
			s = s[2:]
		case c == '{':
			flush()
			var choice node
			s = "|" + s[1:]
			for s != "" && s[0] == '|' {
				alt, rest, err := g.sequence(s[1:], true)
				if err != nil {
					return n, "", err
				}
				choice.choice = append(choice.choice, alt)
				s = rest
			}
			if s == "" {
				return n, "", fmt.Errorf("train: internal error: a brace is open in %q", text.String())
			}
			s = s[1:]
			n.parts = append(n.parts, choice)
		case c == '<':
			name, _, ok := strings.Cut(s[1:], ">")
			if _, known := g.lists[name]; ok && known {
				flush()
				n.parts = append(n.parts, node{list: name})
				s = s[len(name)+2:]
				continue
			}
			fallthrough
		default:
			text.WriteByte(c)
			s = s[1:]
		}
	}
	flush()
	return n, "", nil
}

// write appends a text of the template.
func (g *grammar) write(b *strings.Builder, n node, r *random) {
	switch {
	case n.list != "":
		g.write(b, g.lists[n.list], r)
	case n.choice != nil:
		g.write(b, n.choice[r.below(len(n.choice))], r)
	default:
		b.WriteString(n.text)
		for _, p := range n.parts {
			g.write(b, p, r)
		}
	}
}

// text writes one text of the template.
func (g *grammar) text(n node, r *random) string {
	var b strings.Builder
	g.write(&b, n, r)
	return b.String()
}

// random is a generator whose sequence is fixed for all time (PCG-XSH-RR, O'Neill 2014): training data must not change with
// the library.
type random struct{ state uint64 }

func (r *random) below(n int) int {
	old := r.state
	r.state = old*6364136223846793005 + 1442695040888963407
	x := uint32((old>>18 ^ old) >> 27)
	rot := uint32(old >> 59)
	return int(uint64(x>>rot|x<<(-rot&31)) * uint64(n) >> 32)
}
