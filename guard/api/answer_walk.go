package api

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"

	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// level is an open array or object.
type level struct {
	key      uint64 // hash of the names below the growing object down to here; 0 outside
	array    bool
	grows    bool
	list     bool // array of choices
	calls    bool // array of tool calls
	element  bool // of one of these two: its index says whose text this is
	usage    bool
	probs    bool // log probabilities
	top      bool // … alternatives of one token
	vector   bool
	start    int
	member   member
	function bool  // of a tool call: "name" is the tool's
	args     bool  // arguments of a call, as an object
	next     int64 // position of the element that comes next
	items    bool  // array of items, of an event that has all
	item     int64 // an item, by its number from 1 on; -1 is the one that the event is about
	owner
}

// owner holds entries of Answer.elements; -1 for none. Their indices are known only when the walk is over.
type owner struct{ choice, call int }

// member is what the name of the next value means.
type member struct {
	name meaning
	hash uint64
	own  special
	call bool // "function_call"
}

// prompts reports whether the next value is the prompt, in whatever form, with the operator's part: requests that ask for it are refused, and servers learn to
// give it by new names.
func (l *level) prompts() bool { return l.member.own == spPrompt && !l.grows && !l.array }

func errPrompt() error { return refuse("answer", "gives the prompt back") }

type answerWalker Answer

func (a *answerWalker) decode(raw []byte) []byte { return unquoted(raw, &a.arena) }

func (a *answerWalker) piece(field uint64, text []byte, off int, name bool) {
	if len(text) == 0 {
		return
	}
	args := field != 0 && !name && (a.stack[a.depth].member.own == spArgs || a.stack[a.depth].member.own == spPart)
	a.Pieces = append(a.Pieces, Piece{Channel: Channel{Field: field, Args: args}, Offset: off, Text: text, Name: name})
	a.owners = append(a.owners, a.stack[a.depth].owner)
}

// Key implements [strictjson.Visitor].
func (a *answerWalker) Key(raw []byte, off int) error {
	l := &a.stack[a.depth]
	key := a.decode(raw)
	m := a.shape.names[string(key)]
	l.member = member{name: m, hash: hashName(l.key, key), own: specialOf(key), call: string(key) == "function_call"}
	if m == 0 && (l.member.own == noSpecial || l.top || l.grows && !l.probs) {
		a.piece(0, key, off, true) // a name that is no part of the format is text
	}
	return a.fits()
}

// fits refuses an answer of too many parts.
func (a *answerWalker) fits() error {
	if len(a.Pieces)+len(a.Calls)+len(a.Logprobs)+len(a.Drop)+len(a.Vectors)+len(a.elements)+len(a.finish) > maxParts {
		return refuse("answer", "too many parts")
	}
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
func (a *answerWalker) Enter(k strictjson.Kind, off int) error {
	l := &a.stack[a.depth]
	if l.prompts() {
		return errPrompt()
	}
	m := l.member.name
	below := level{owner: l.owner, grows: l.grows, key: l.key, probs: l.probs, top: l.top, array: k == strictjson.Array, start: off, vector: l.vector}
	if l.grows || l.probs {
		below.key = l.member.hash
	}
	inList := a.depth == 1 || l.choice >= 0 && !l.grows
	switch {
	case l.probs && l.member.own == spTop:
		below.top = true
	case m&isLogprobs != 0 && (!l.grows || a.shape.probs):
		below.probs, below.key = true, l.member.hash
	}
	switch {
	case below.array:
		below.list = a.depth == 1 && m&isList != 0
		below.calls = l.grows && m&isCalls != 0
		below.member = l.member // strings of an array are named by it
		below.vector = below.vector || m&isVector != 0
		if a.depth == 1 && m&isGrow != 0 {
			below.grows, below.key = true, l.member.hash
			below.calls = true // each element may be one
		}
		below.items = a.shape.items && a.depth == 2 && m&isGrow != 0
		if below.vector {
			a.sum = 0
		}
	case l.items:
		l.next++
		below.item = l.next
	case a.shape.items && a.depth == 1 && l.member.own == spItem:
		below.item = -1
	case l.list:
		below.choice, below.element = len(a.elements), true
		a.elements = append(a.elements, l.next)
		l.next++
	case l.calls:
		below.call, below.element = len(a.elements), true
		a.elements = append(a.elements, l.next)
		l.next++
	case m&isGrow != 0 && inList && !l.grows && !l.array:
		below.grows, below.key = true, 0
		below.function = a.shape.nameHere
	case m&isItself != 0 && a.depth == 1 && !l.array: // a text in an object
		below.grows, below.key = true, l.member.hash
	case m&isUsage != 0 && a.depth <= 2:
		below.usage = true
	}
	if l.grows && !below.array {
		below.function = below.function || l.call >= 0 || below.call >= 0 || l.member.call
		below.args = l.function && l.member.own == spArgs
	}
	if l.member.own == spError && a.depth == 1 {
		a.Failed = true
	}
	a.depth++
	a.stack[a.depth] = below
	return nil
}

// Leave implements [strictjson.Visitor].
func (a *answerWalker) Leave(_ strictjson.Kind, off int) error {
	l := &a.stack[a.depth]
	a.depth--
	if !l.array {
		if l.args { // the name may stand before or behind them
			a.Calls = append(a.Calls, Call{Args: a.data[l.start : off+1], owner: l.owner})
		}
		return a.fits()
	}
	switch {
	case l.probs && l.member.own == spBytes, l.member.own == spContext && a.depth == 1, l.member.own == spIDs && !l.grows && !a.stack[a.depth].array:
		a.Drop = append(a.Drop, Range{l.start, off + 1})
	case l.vector && l.next > 0:
		a.Vectors = append(a.Vectors, Vector{l.start, int(l.next), math.Sqrt(a.sum)})
	}
	return a.fits()
}

// Value implements [strictjson.Visitor].
func (a *answerWalker) Value(k strictjson.Kind, raw []byte, off int) error {
	l := &a.stack[a.depth]
	if k != strictjson.Null && l.prompts() {
		return errPrompt()
	}
	if l.element && l.member.own == spIndex || a.depth == 1 && l.member.name&(isChoice|isCall) != 0 {
		if k != strictjson.Null && (k != strictjson.Number || bytes.ContainsAny(raw, ".eE")) { // 1.0 and "1" are 1 to some readers
			return refuse("answer", "index")
		}
	}
	switch k {
	case strictjson.String:
		if l.probs && l.member.own != spToken { // numbers in another form cannot be rounded
			return refuse("answer", "log probabilities in an unknown form")
		}
		a.str(l, raw, off)
	case strictjson.Number:
		a.number(l, raw, off)
	case strictjson.Bool:
		if l.member.own == spDone && a.depth == 1 && raw[0] == 't' {
			a.Last = true
		}
	}
	return a.fits()
}

func (a *answerWalker) str(l *level, raw []byte, off int) {
	text := a.decode(raw)
	m := l.member.name
	field := uint64(0)
	switch {
	case l.probs:
		if l.member.own == spToken && !l.top { // one token after the other they are the text
			field = l.member.hash
		}
	case l.grows && m&isFixed == 0, m&isItself != 0 && (l.choice >= 0 || a.depth == 1):
		field = l.member.hash
	}
	switch {
	case a.depth == 1 && l.member.own == spType:
		a.kind = text
	case a.depth == 1 && l.member.own == spError:
		a.Failed = true
	case m&isFinish != 0 && l.choice >= 0 && !l.grows && len(text) > 0: // SGLang has "" in the place of null
		a.finish = append(a.finish, l.owner)
	case m&isVector != 0:
		a.vector(text, off)
	}
	if (l.item != 0 || a.shape.items && l.call >= 0) && !l.array && l.member.own == spType && otherCall(text) {
		a.Calls = append(a.Calls, Call{Name: text, Other: true, owner: l.owner, item: l.item})
	}
	if m&isCallName != 0 && (l.function || a.shape.anyName) && len(text) > 0 {
		a.Calls = append(a.Calls, Call{Name: text, owner: l.owner, item: l.item})
	}
	if l.member.own == spArgs && a.shape.items && !l.array && (l.item != 0 || a.depth == 1) && len(text) > 0 { // complete, whether or not they came in pieces
		a.Calls = append(a.Calls, Call{Args: text, owner: l.owner, item: l.item})
	}
	a.piece(field, text, off, false)
}

// otherCall reports whether an item is a call of something else than a function.
func otherCall(kind []byte) bool {
	switch string(kind) {
	case "function_call", "custom_tool_call", "mcp_call":
		return false
	}
	return bytes.HasSuffix(kind, []byte("_call"))
}

// vector reads an embedding in base64: float32, little-endian.
func (a *answerWalker) vector(text []byte, off int) {
	v := Vector{Offset: off, Norm: math.NaN()}
	if b, err := base64.StdEncoding.AppendDecode(nil, text); err == nil && len(b)%4 == 0 {
		sum := 0.0
		for i := 0; i < len(b); i += 4 {
			f := float64(math.Float32frombits(binary.LittleEndian.Uint32(b[i:])))
			sum += f * f
		}
		v.Len, v.Norm = len(b)/4, math.Sqrt(sum)
	}
	a.Vectors = append(a.Vectors, v)
}

func (a *answerWalker) number(l *level, raw []byte, off int) {
	if l.probs {
		if bytes.IndexByte(raw, '.') >= 0 || bytes.ContainsAny(raw, "eE") || raw[0] == '-' {
			a.Logprobs = append(a.Logprobs, Range{off, off + len(raw)})
		}
		if l.top && !l.array && l.member.own != spID {
			if l.member.own == spLogprob { // one of the objects of a list; else the form {"token": -0.5}
				l = &a.stack[a.depth-1]
			}
			l.next++
			a.TopMost = max(a.TopMost, int(l.next))
		}
		return
	}
	if l.vector && l.array {
		v, err := strconv.ParseFloat(string(raw), 64)
		if err != nil || infinite(v) {
			v = math.NaN()
		}
		a.sum += v * v
		l.next++
		return
	}
	m := l.member.name
	if m&(isOutput|isInput|isChoice|isCall) == 0 && l.member.own != spIndex && l.member.own != spSequence {
		return
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		return
	}
	top := a.depth == 1
	switch {
	case m&isOutput != 0 && (l.usage || top):
		a.Usage.Output = max(a.Usage.Output, n)
	case m&isInput != 0 && (l.usage || top):
		a.Usage.Input = max(a.Usage.Input, n)
	case m&isChoice != 0 && top:
		a.choice = n
	case m&isCall != 0 && top:
		a.call = n
	case l.member.own == spSequence && top:
		a.Sequence = n
	case l.member.own == spIndex && l.call >= 0:
		a.elements[l.call] = n
	case l.member.own == spIndex && l.choice >= 0 && !l.grows:
		a.elements[l.choice] = n
	}
}
