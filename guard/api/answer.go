package api

import (
	"bytes"
	"strconv"

	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// A Channel names a text that grows over the events of a stream, for example the content of choice 1 or the arguments
// of its second tool call. The zero value stands for a string that is complete in itself.
type Channel struct {
	Choice int64  // "index" of the choice, or its position where it has none
	Call   int64  // the same of the tool call; -1 outside tool calls
	Field  uint64 // hash of the member names below "delta" or "message"
}

// A Piece is one string, or one member name, of an answer.
type Piece struct {
	Channel Channel
	Offset  int    // of the quoted string, in bytes
	Text    []byte // decoded
}

// Answer reads the JSON of an OpenAI answer: a whole completion or the payload of one event. It is reused:
// [Answer.Parse] keeps its memory, and pieces are valid until the next call.
type Answer struct {
	Pieces           []Piece
	CompletionTokens int64 // usage.completion_tokens; -1 where absent

	arena    []byte
	stack    [MaxDepth + 1]level
	depth    int
	elements []int64 // index of each choice and tool call
	owners   []owner // of each piece
}

// level is an open array or object.
type level struct {
	key     uint64 // hash of the names below "delta" or "message" down to here; 0 outside
	grows   bool
	choices bool // array of choices
	calls   bool // array of tool calls
	usage   bool
	member  member
	next    int64 // position of the element that comes next
	owner
}

// owner holds entries of Answer.elements; -1 for none. Their indices are known only when the walk is over.
type owner struct{ choice, call int }

// member is what the name of the next value means.
type member struct {
	name  string // "" unless the walker treats it by name
	hash  uint64
	fixed bool // repeats in every event and never grows
}

// Parse reads data. Errors: a [*strictjson.SyntaxError] for what is not strict JSON.
func (a *Answer) Parse(data []byte) error {
	a.Clear()
	a.CompletionTokens, a.depth = -1, 0
	a.elements, a.owners = a.elements[:0], a.owners[:0]
	a.stack[0] = level{owner: owner{-1, -1}}
	if cap(a.arena) < len(data) {
		a.arena = make([]byte, 0, len(data))
	}
	if err := strictjson.Walk(data, strictjson.Limits{MaxBytes: len(data), MaxDepth: MaxDepth}, (*answerWalker)(a)); err != nil {
		return err
	}
	for i := range a.Pieces {
		if c := &a.Pieces[i].Channel; c.Field != 0 {
			c.Choice, c.Call = a.index(a.owners[i].choice), a.index(a.owners[i].call)
		}
	}
	return nil
}

func (a *Answer) index(element int) int64 {
	if element < 0 {
		return -1
	}
	return a.elements[element]
}

// Clear overwrites what Parse decoded, so that pooled memory holds no completion.
func (a *Answer) Clear() {
	clear(a.arena)
	clear(a.Pieces)
	if cap(a.arena) > maxKept {
		a.arena = nil
	}
	a.arena, a.Pieces = a.arena[:0], a.Pieces[:0]
}

type answerWalker Answer

func (a *answerWalker) text(raw []byte) []byte {
	if plainString(raw) {
		return raw[1 : len(raw)-1]
	}
	from := len(a.arena)
	a.arena = strictjson.AppendUnquoted(a.arena, raw)
	return a.arena[from:len(a.arena):len(a.arena)]
}

func (a *answerWalker) piece(field uint64, text []byte, off int) {
	if len(text) == 0 {
		return
	}
	a.Pieces = append(a.Pieces, Piece{Channel: Channel{Field: field}, Offset: off, Text: text})
	a.owners = append(a.owners, a.stack[a.depth].owner)
}

// Key implements [strictjson.Visitor].
func (a *answerWalker) Key(raw []byte, off int) error {
	l := &a.stack[a.depth]
	key := a.text(raw)
	l.member = member{}
	switch string(key) {
	case "choices":
		l.member.name = "choices"
	case "delta":
		l.member.name = "delta"
	case "message":
		l.member.name = "message"
	case "text":
		l.member.name = "text"
	case "tool_calls":
		l.member.name = "tool_calls"
	case "index":
		l.member.name = "index"
	case "usage":
		l.member.name = "usage"
	case "completion_tokens":
		l.member.name = "completion_tokens"
	case "role", "type", "id":
		l.member.fixed = true
	case "content", "object", "model", "created", "finish_reason", "logprobs", "function", "name", "arguments",
		"system_fingerprint", "reasoning_content", "refusal", "prompt_tokens", "total_tokens":
	default:
		a.piece(0, key, off) // a name that is no part of the format is text
	}
	l.member.hash = hashName(l.key, key)
	return nil
}

// hashName continues the FNV-1a hash of a path; the result is never 0.
func hashName(h uint64, name []byte) uint64 {
	if h == 0 {
		h = 14695981039346656037
	}
	for _, c := range name {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return (h^'.')*1099511628211 | 1
}

// Enter implements [strictjson.Visitor].
func (a *answerWalker) Enter(k strictjson.Kind, _ int) error {
	l := &a.stack[a.depth]
	below := level{owner: l.owner, grows: l.grows, key: l.key}
	if l.grows {
		below.key = l.member.hash
	}
	switch {
	case k == strictjson.Array:
		below.choices = a.depth == 1 && l.member.name == "choices"
		below.calls = l.grows && l.member.name == "tool_calls"
		below.member = l.member // strings of an array are named by it
	case l.choices:
		below.choice = len(a.elements)
		a.elements = append(a.elements, l.next)
		l.next++
	case l.calls:
		below.call = len(a.elements)
		a.elements = append(a.elements, l.next)
		l.next++
	case (l.member.name == "delta" || l.member.name == "message") && l.choice >= 0 && !l.grows:
		below.grows, below.key = true, 0
	case l.member.name == "usage" && a.depth == 1:
		below.usage = true
	}
	a.depth++
	a.stack[a.depth] = below
	return nil
}

// Leave implements [strictjson.Visitor].
func (a *answerWalker) Leave(strictjson.Kind, int) error {
	a.depth--
	return nil
}

// Value implements [strictjson.Visitor].
func (a *answerWalker) Value(k strictjson.Kind, raw []byte, off int) error {
	l := &a.stack[a.depth]
	switch k {
	case strictjson.String:
		field := uint64(0)
		if l.grows && !l.member.fixed || l.member.name == "text" && l.choice >= 0 {
			field = l.member.hash
		}
		a.piece(field, a.text(raw), off)
	case strictjson.Number:
		n, err := strconv.ParseInt(string(bytes.TrimSpace(raw)), 10, 64)
		switch {
		case err != nil: // no integer
		case l.usage && l.member.name == "completion_tokens":
			a.CompletionTokens = n
		case l.member.name == "index" && l.call >= 0:
			a.elements[l.call] = n
		case l.member.name == "index" && l.choice >= 0 && !l.grows:
			a.elements[l.choice] = n
		}
	}
	return nil //nolint:nilerr // a number that is no integer is none of those read here
}
