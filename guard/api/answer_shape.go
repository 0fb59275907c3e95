package api

import (
	"strings"
)

// answerShape is the table of one API's answers. Every string, and every member name that is no part of the format, is a
// piece, wherever it stands; the table says which of them are parts of a text that grows.
type answerShape struct {
	list     string // array whose elements have texts of their own
	grow     string // objects, and arrays at the top, in which all strings grow
	itself   string // strings at the top or in an element of the list that grow
	calls    string // arrays of tool calls
	fixed    string // strings that repeat in every event and never grow
	known    string // other names of the format
	where    string // top-level numbers that say which text an event is about: "choice=output_index call=index"
	event    func(a *Answer, kind []byte)
	nameHere bool // "name" in a growing object is a tool's
	anyName  bool // "name" anywhere is a tool's
	blocks   bool // a text may be cut into blocks
	items    bool // events tell of items as a whole, and at the end of all
	probs    bool // log probabilities stand within what grows

	names map[string]meaning
}

// meaning is what the walker makes of a name.
type meaning uint16

const (
	isKnown meaning = 1 << iota
	isList
	isGrow
	isItself
	isCalls
	isFixed
	isChoice // number: which choice
	isCall   // number: which part
	isUsage
	isLogprobs
	isDrop
	isVector
	isOutput // number of tokens
	isInput
	isFinish
	isCallName
)

func (s *answerShape) build() *answerShape {
	s.names = make(map[string]meaning)
	add := func(m meaning, names string) {
		for n := range strings.FieldsSeq(names) {
			s.names[n] |= m | isKnown
		}
	}
	add(isKnown, s.known+" type error message code param object model created created_at index id name arguments role usage done")
	add(isList, s.list)
	add(isGrow, s.grow)
	add(isItself, s.itself)
	add(isCalls, s.calls)
	add(isFixed, "role type id "+s.fixed)
	add(isUsage, "usage")
	add(isLogprobs, "logprobs")
	add(isOutput, "completion_tokens output_tokens eval_count")
	add(isInput, "prompt_tokens input_tokens prompt_eval_count")
	add(isFinish, "finish_reason")
	add(isVector, "embedding embeddings")
	add(isCallName, "name")
	for pair := range strings.FieldsSeq(s.where) {
		what, name, _ := strings.Cut(pair, "=")
		if what == "choice" {
			add(isChoice, name)
		} else {
			add(isCall, name)
		}
	}
	return s
}

// special are names that the walker reads whatever the API.
type special uint8

const (
	noSpecial special = iota
	spType
	spDone
	spError
	spIndex
	spSequence
	spBytes
	spToken
	spTop
	spContext
	spArgs
	spPart // of arguments
	spPrompt
	spLogprob
	spID
	spItem
	spIDs // token ids, logits
)

func specialOf(key []byte) special {
	switch string(key) {
	case "type":
		return spType
	case "done":
		return spDone
	case "error":
		return spError
	case "index":
		return spIndex
	case "sequence_number":
		return spSequence
	case "bytes":
		return spBytes
	case "token", "tokens":
		return spToken
	case "top_logprobs":
		return spTop
	case "context":
		return spContext
	case "arguments", "input":
		return spArgs
	case "partial_json":
		return spPart
	case "token_ids", "output_ids", "output_token_ids", "completion_token_ids", "first_gen_tokens", "draft_tokens",
		"logits", "context_logits", "generation_logits", "first_gen_logits":
		return spIDs
	case "prompt_text", "prompt_token_ids", "prompt_token_ids_b64", "prompt_logprobs", "hidden_states", "input_messages", "__verbose", "_debug_info":
		return spPrompt
	case "logprob":
		return spLogprob
	case "id":
		return spID
	case "item":
		return spItem
	}
	return noSpecial
}
