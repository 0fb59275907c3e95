package guard

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/holdfast-ai/holdfast/guard/api"
	"github.com/holdfast-ai/holdfast/guard/limit"
	"github.com/holdfast-ai/holdfast/guard/stream"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// A ToolRule allows one tool.
type ToolRule struct {
	Name string `json:"name" validate:"required,max=256"`
	// PerMinute is how often one key may have it called; 0 = no bound.
	PerMinute int64 `json:"per_minute,omitempty" validate:"min=0,max=1000000"`
	// Arguments are the members that its arguments may have, with the JSON type of each. Null allows all.
	Arguments map[string]string `json:"arguments,omitempty" validate:"dive,oneof=string number integer boolean array object any"`
	// Required are those of them that must be there.
	Required []string `json:"required,omitempty" validate:"max=256"`
}

// A ToolCall is a call that a model wants to make.
type ToolCall struct {
	Name      string
	Arguments []byte // JSON, strict; valid during the call only
}

// callID tells the calls of an answer apart.
type callID struct{ choice, call int64 }

var errTool = errors.New("guard: a tool call that the policy does not allow")

func tooled(err error) *Rejection {
	return &Rejection{Code: CodeContent, Status: http.StatusBadRequest, Err: err}
}

// tool returns the rule of a tool, nil where it is not allowed.
func (p *pinned) tool(name string) *ToolRule {
	if p.tools == nil {
		return &ToolRule{}
	}
	return p.tools[name]
}

// maxCalls bounds the tool calls of one answer.
const maxCalls = 256

// called judges the names of the tools that an answer calls, and arguments that came whole.
func (t *Transaction) called(a *api.Answer) *Rejection {
	if t.pol.tools == nil && t.g.approve == nil {
		return nil
	}
	for _, c := range a.Calls {
		if c.Other { // there is nothing that its arguments could be held against
			return tooled(errTool)
		}
		id, name := callID{c.Choice, c.Call}, string(c.Name)
		if name == "" || t.calls[id] == name { // some APIs repeat it
			continue
		}
		if t.calls == nil {
			t.calls = make(map[callID]string)
		}
		r := t.pol.tool(name)
		if r == nil || len(t.calls) >= maxCalls {
			return tooled(errTool)
		}
		t.calls[id] = name
		if rej := t.toolRate(r); rej != nil {
			return rej
		}
	}
	for _, c := range a.Calls {
		if c.Args == nil {
			continue
		}
		args, err := t.restored(c.Args)
		if err == nil {
			err = t.arguments(callID{c.Choice, c.Call}, args)
		}
		if err != nil {
			return t.scanned(err)
		}
	}
	return nil
}

// toolRate takes one call off the tool's budget.
func (t *Transaction) toolRate(r *ToolRule) *Rejection {
	if r.PerMinute == 0 {
		return nil
	}
	_, err := t.g.store.Reserve(t.ctx, t.subject.Key+"/tool/"+r.Name, 1, limit.Budget{Tokens: r.PerMinute, Window: time.Minute})
	if errors.Is(err, limit.ErrExhausted) {
		return tooled(err)
	}
	if err != nil {
		return internal(err)
	}
	return nil
}

// arguments judges the whole arguments of a call. The error is a [*Rejection].
func (t *Transaction) arguments(id callID, args []byte) error {
	name, ok := t.calls[id]
	if !ok {
		return tooled(errTool)
	}
	r := t.pol.tool(name)
	if len(args) == 0 {
		args = []byte("{}")
	}
	sum := sha256.Sum256(args)
	if last, ok := t.judged[id]; ok && last == sum { // some APIs repeat them
		return nil
	}
	w := &argWalker{rule: r, seen: make(map[string]bool)}
	if err := strictjson.Walk(args, strictjson.Limits{MaxBytes: len(args), MaxDepth: api.MaxDepth}, w); err != nil {
		return tooled(err)
	}
	for _, n := range r.Required {
		if !w.seen[n] {
			return tooled(errTool)
		}
	}
	if t.g.approve != nil {
		err := t.g.approve(t.ctx, ToolCall{Name: name, Arguments: args})
		if errors.Is(err, ErrUnavailable) {
			return &Rejection{Code: CodeUnavailable, Status: http.StatusServiceUnavailable, Err: err}
		}
		if err != nil {
			return tooled(fmt.Errorf("%w: %w", errTool, err))
		}
	}
	if t.judged == nil {
		t.judged = make(map[callID][sha256.Size]byte)
	}
	t.judged[id] = sum
	return nil
}

// silent judges the calls that end without a word of arguments.
func (t *Transaction) silent(which func(api.Channel) bool) *Rejection {
	for id := range t.calls {
		if _, ok := t.judged[id]; ok || which != nil && !which(api.Channel{Choice: id.choice, Call: id.call}) {
			continue
		}
		if err := t.arguments(id, nil); err != nil {
			return t.scanned(err)
		}
	}
	return nil
}

// argWalker holds arguments against a rule.
type argWalker struct {
	rule  *ToolRule
	seen  map[string]bool
	depth int
	want  string
}

func (w *argWalker) Key(raw []byte, _ int) error {
	if w.depth != 1 {
		return nil
	}
	name := string(strictjson.AppendUnquoted(nil, raw))
	w.seen[name] = true
	var ok bool
	if w.want, ok = w.rule.Arguments[name]; !ok && w.rule.Arguments != nil {
		return errTool
	}
	return nil
}

func (w *argWalker) Enter(k strictjson.Kind, _ int) error {
	if w.depth++; w.depth == 1 && k != strictjson.Object {
		return errTool
	}
	if w.depth != 2 {
		return nil
	}
	return w.fits(k, nil)
}

func (w *argWalker) Leave(strictjson.Kind, int) error {
	w.depth--
	return nil
}

func (w *argWalker) Value(k strictjson.Kind, raw []byte, _ int) error {
	if w.depth == 0 {
		return errTool
	}
	if w.depth > 1 {
		return nil
	}
	return w.fits(k, raw)
}

func (w *argWalker) fits(k strictjson.Kind, raw []byte) error {
	ok := true
	switch w.want {
	case "string":
		ok = k == strictjson.String
	case "boolean":
		ok = k == strictjson.Bool
	case "array":
		ok = k == strictjson.Array
	case "object":
		ok = k == strictjson.Object
	case "number", "integer":
		ok = k == strictjson.Number
		for _, c := range raw {
			ok = ok && (w.want == "number" || c == '-' || '0' <= c && c <= '9')
		}
	}
	if !ok {
		return errTool
	}
	return nil
}

// gather is the scanner of arguments that must be seen whole: it holds them until they are.
type gather struct {
	scanner
	id   callID
	text []byte
	ms   []stream.Match
}

var _ stream.Scanner = (*gather)(nil)

// scannerOf returns the scanner of a text.
func (t *Transaction) scannerOf(c api.Channel) stream.Scanner {
	if !c.Args || t.pol.tools == nil && t.g.approve == nil {
		s := new(scanner)
		t.start(s, c.Args)
		return s
	}
	g := &gather{id: callID{c.Choice, c.Call}}
	t.start(&g.scanner, true)
	return g
}

// Write implements [stream.Scanner].
func (g *gather) Write(ms []stream.Match, p []byte) (matches []stream.Match, held int, err error) {
	g.text = append(g.text, p...)
	from := len(ms)
	ms, _, err = g.scanner.Write(ms, p)
	g.ms = append(g.ms, ms[from:]...)
	return ms, len(g.text), err
}

// Finish implements [stream.Scanner].
func (g *gather) Finish(ms []stream.Match) ([]stream.Match, error) {
	from := len(ms)
	ms, err := g.scanner.Finish(ms)
	if err != nil {
		return ms, err
	}
	defer clear(g.text)
	return ms, g.t.arguments(g.id, stream.Redact(nil, g.text, append(g.ms, ms[from:]...)))
}
