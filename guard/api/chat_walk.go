package api

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// node says where in a request the walker stands.
type node uint8

const (
	atRoot node = iota // before the outermost object
	atTop
	atMessages
	atMessage
	atParts
	atPart
	atStop
	atBias
	atTools // the array: its elements are counted
	atText  // anywhere else: all strings and keys are text
)

// chatWalker builds a Chat from the events of one walk.
type chatWalker struct {
	c           *Chat
	trustSystem bool
	depth       int
	stack       [MaxDepth + 1]frame
	seen        bool // messages

	// of the message that is open
	first    int // its first span
	role     detect.Role
	trust    detect.Trust
	hasRole  bool
	partType bool
}

type frame struct {
	at    node
	key   string      // of the member that comes next, if it is a known one
	role  detect.Role // of texts below, outside messages
	trust detect.Trust
}

func (w *chatWalker) reset(c *Chat, trustSystem bool) {
	*w = chatWalker{c: c, trustSystem: trustSystem}
	w.stack[0].at = atRoot
}

func (w *chatWalker) top() *frame { return &w.stack[w.depth] }

// Fields that the walker treats by name. Others are text wherever they stand.
var (
	topKeys = []string{
		"model", "messages", "stream", "max_tokens", "max_completion_tokens", "n", "temperature", "top_p", "frequency_penalty",
		"presence_penalty", "logprobs", "top_logprobs", "logit_bias", "stop", "tools", "functions",
	}
	messageKeys = []string{"role", "content", "name", "tool_calls", "tool_call_id", "function_call", "refusal"}
	partKeys    = []string{"type", "text", "refusal", "cache_control"}

	// Fields of this dialect's servers that reach the model without being text, take text out of the answer's text or give
	// the prompt back in pieces, or let more be generated than the fields that budgets read say.
	hiddenKeys = []string{
		"audio", "prompt_token_ids", "prompt_embeds", "stop_token_ids", "allowed_token_ids", "bad_words_token_ids", "input_ids",
		"chat_template", "chat_template_kwargs", "mm_processor_kwargs", "multi_modal_data", "multi_modal_uuids", "kv_transfer_params",
		"return_token_ids", "return_tokens_as_token_ids", "return_tokens", "return_hidden_states", "prompt_logprobs",
		"n_predict", "max_new_tokens", "best_of", "use_beam_search",
	}
)

// known returns the name of a key in names. A key that differs from one only in case is refused: some decoders would
// take it for the other.
func known(key []byte, names []string) (string, error) {
	for _, n := range names {
		if string(key) == n {
			return n, nil
		}
	}
	for _, n := range names {
		if len(key) <= 3*len(n) && strings.EqualFold(string(key), n) {
			return "", refuse(n, "spelling")
		}
	}
	return "", nil
}

// Key implements [strictjson.Visitor].
func (w *chatWalker) Key(raw []byte, off int) error {
	f := w.top()
	key := w.c.text(raw)
	var err error
	switch f.at {
	case atTop:
		if f.key, err = known(key, topKeys); err != nil || f.key != "" {
			return err
		}
		hidden, err := known(key, hiddenKeys)
		if err != nil {
			return err
		}
		if hidden != "" {
			return refuse(hidden, "cannot be inspected")
		}
	case atMessage:
		if f.key, err = known(key, messageKeys); err != nil || f.key != "" {
			return err
		}
		if string(key) == "audio" {
			return refuse("messages.audio", "cannot be inspected")
		}
	case atPart:
		if f.key, err = known(key, partKeys); err != nil {
			return err
		}
		if f.key == "" {
			return refuse("messages.content", "unsupported content part")
		}
		return nil
	case atBias:
		if len(key) == 0 || len(key) > 10 || len(bytes.Trim(key, "0123456789")) != 0 {
			return refuse("logit_bias", "token id")
		}
		w.c.Params.LogitBias++
		return nil
	}
	if len(key) > 0 { // the name of a field is text too, where names are free
		role, trust := w.below(f)
		w.c.Spans = append(w.c.Spans, detect.Span{Role: role, Trust: trust, Offset: off, Text: key})
	}
	return nil
}

// below gives role and trust of text under f. In a message they are set when it closes.
func (w *chatWalker) below(f *frame) (detect.Role, detect.Trust) {
	if f.at == atTop {
		if f.key == "tools" || f.key == "functions" {
			return detect.RoleDefinition, detect.TrustUser
		}
		return detect.RoleUnknown, detect.TrustNone
	}
	return f.role, f.trust
}

// Enter implements [strictjson.Visitor].
func (w *chatWalker) Enter(k strictjson.Kind, off int) error {
	f := w.top()
	at := atText
	switch {
	case f.at == atRoot:
		if k != strictjson.Object {
			return refuse("body", "not an object")
		}
		at = atTop
	case f.at == atTop:
		switch f.key {
		case "messages":
			at = atMessages
		case "stop":
			at = atStop
		case "tools", "functions":
			at = atTools
		case "logit_bias":
			at = atBias
		case "":
		default:
			return refuse(f.key, "type")
		}
		if (f.key == "logit_bias") != (k == strictjson.Object) && f.key != "" {
			return refuse(f.key, "type")
		}
		w.seen = w.seen || at == atMessages
	case f.at == atMessages:
		if k != strictjson.Object {
			return refuse("messages", "type")
		}
		at = atMessage
		w.first, w.hasRole = len(w.c.Spans), false
		w.c.Params.Messages++
	case f.at == atMessage:
		switch f.key {
		case "content":
			if k != strictjson.Array {
				return refuse("messages.content", "type")
			}
			at = atParts
		case "role", "name", "tool_call_id", "refusal":
			return refuse("messages."+f.key, "type")
		}
	case f.at == atParts:
		if k != strictjson.Object {
			return refuse("messages.content", "type")
		}
		at, w.partType = atPart, false
	case f.at == atPart:
		if f.key != "cache_control" {
			return refuse("messages.content", "type")
		}
	case f.at == atStop, f.at == atBias:
		return refuse("stop or logit_bias", "type")
	case f.at == atTools:
		w.c.Params.Tools++
	}
	role, trust := w.below(f)
	w.depth++
	*w.top() = frame{at: at, role: role, trust: trust}
	return nil
}

// Leave implements [strictjson.Visitor].
func (w *chatWalker) Leave(strictjson.Kind, int) error {
	f := *w.top()
	w.depth--
	switch f.at {
	case atTop:
		if !w.seen {
			return refuse("messages", "required")
		}
	case atMessage:
		if !w.hasRole {
			return refuse("messages.role", "required")
		}
		for i := w.first; i < len(w.c.Spans); i++ {
			w.c.Spans[i].Role, w.c.Spans[i].Trust = w.role, w.trust
		}
	case atPart:
		if !w.partType {
			return refuse("messages.content.type", "required")
		}
	}
	return nil
}

// Value implements [strictjson.Visitor].
func (w *chatWalker) Value(k strictjson.Kind, raw []byte, off int) error {
	f := w.top()
	switch f.at {
	case atRoot:
		return refuse("body", "not an object")
	case atTop:
		if f.key != "" {
			return w.scalar(f.key, k, raw, off)
		}
	case atMessages, atParts:
		return refuse("messages", "type")
	case atTools:
		return refuse("tools", "type")
	case atMessage:
		return w.message(f, k, raw, off)
	case atPart:
		return w.part(f, k, raw, off)
	case atStop:
		if k != strictjson.String {
			return refuse("stop", "type")
		}
		w.c.Params.Stop++
	case atBias:
		v, err := strconv.ParseFloat(string(raw), 64)
		if k != strictjson.Number || err != nil || !(v >= -100 && v <= 100) {
			return refuse("logit_bias", "value")
		}
		return nil
	}
	if k == strictjson.String {
		role, trust := w.below(f)
		w.c.span(role, trust, raw, off)
	}
	return nil
}

func (w *chatWalker) message(f *frame, k strictjson.Kind, raw []byte, off int) error {
	switch {
	case f.key == "role":
		if k != strictjson.String {
			return refuse("messages.role", "type")
		}
		return w.setRole(w.c.text(raw))
	case k == strictjson.String:
		w.c.span(detect.RoleUnknown, detect.TrustNone, raw, off)
	case f.key != "" && k != strictjson.Null:
		return refuse("messages."+f.key, "type")
	}
	return nil
}

func (w *chatWalker) setRole(role []byte) error {
	w.hasRole = true
	switch string(role) {
	case "system", "developer":
		w.role, w.trust = detect.RoleSystem, detect.TrustUser
		if w.trustSystem {
			w.trust = detect.TrustOperator
		}
	case "user":
		w.role, w.trust = detect.RoleUser, detect.TrustUser
	case "assistant": // replayed by the caller, so no more than the caller's word
		w.role, w.trust = detect.RoleAssistant, detect.TrustUser
	case "tool", "function":
		w.role, w.trust = detect.RoleTool, detect.TrustNone
	default:
		return refuse("messages.role", "unknown")
	}
	return nil
}

func (w *chatWalker) part(f *frame, k strictjson.Kind, raw []byte, off int) error {
	switch {
	case f.key == "cache_control" && k == strictjson.Null:
		return nil
	case k != strictjson.String:
		return refuse("messages.content", "type")
	case f.key == "type":
		if t := string(w.c.text(raw)); t != "text" && t != "refusal" {
			return refuse("messages.content", "unsupported content part")
		}
		w.partType = true
		return nil
	}
	w.c.span(detect.RoleUnknown, detect.TrustNone, raw, off)
	return nil
}

// scalar stores a known top-level field. null is the same as absent.
func (w *chatWalker) scalar(key string, k strictjson.Kind, raw []byte, off int) error {
	p := &w.c.Params
	if k == strictjson.Null {
		if key == "messages" {
			return refuse(key, "required")
		}
		return nil
	}
	var i *int64
	var x *float64
	switch key {
	case "model":
		if k != strictjson.String {
			return refuse(key, "type")
		}
		p.Model = string(w.c.text(raw))
		return nil
	case "stop":
		if k != strictjson.String {
			return refuse(key, "type")
		}
		p.Stop++
		w.c.span(detect.RoleUnknown, detect.TrustUser, raw, off)
		return nil
	case "stream", "logprobs":
		if k != strictjson.Bool {
			return refuse(key, "type")
		}
		if key == "stream" {
			p.Stream = raw[0] == 't'
		} else {
			p.Logprobs = raw[0] == 't'
		}
		return nil
	case "max_tokens":
		i = &p.MaxTokens
	case "max_completion_tokens":
		i = &p.MaxCompletionTokens
	case "n":
		i = &p.N
	case "top_logprobs":
		i = &p.TopLogprobs
	case "temperature":
		x = &p.Temperature
	case "top_p":
		x = &p.TopP
	case "frequency_penalty":
		x = &p.FrequencyPenalty
	case "presence_penalty":
		x = &p.PresencePenalty
	default: // messages, logit_bias, tools, functions
		return refuse(key, "type")
	}
	var err error
	switch {
	case k != strictjson.Number:
		return refuse(key, "type")
	case i != nil: // 1e3 and 2.0 are integers to some decoders and errors to others
		*i, err = strconv.ParseInt(string(raw), 10, 64)
	default:
		*x, err = strconv.ParseFloat(string(raw), 64)
	}
	if err != nil {
		return refuse(key, "number")
	}
	return nil
}

// plainString reports whether a quoted string holds no escape.
func plainString(raw []byte) bool { return bytes.IndexByte(raw, '\\') < 0 }
