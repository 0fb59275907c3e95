package openai

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"unicode/utf8"

	"github.com/holdfast-ai/holdfast/examples/engine"
)

// Bounds on a request.
const (
	maxBody     = 1 << 20 // bytes
	maxMessages = 1024
)

// An apiError is an answer in the error form of the OpenAI API. Its text names fields and never quotes their values.
type apiError struct {
	status  int
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

func (e *apiError) Error() string { return "openai: " + e.Message }

func invalid(param, code, message string) *apiError {
	e := &apiError{status: http.StatusBadRequest, Message: message, Type: "invalid_request_error"}
	if param != "" {
		e.Param = &param
	}
	if code != "" {
		e.Code = &code
	}
	return e
}

// A request is a chat completion request with the fields that the engine gives their meaning.
type request struct {
	Model    string
	Messages []engine.Message
	Params   engine.Params
	Stream   bool
	Usage    bool // a last chunk with the usage
}

// parse reads a body. Every field is either honoured, or absent, or has the value that asks for nothing; all else is refused.
func parse(body []byte) (request, error) {
	var seed [8]byte
	_, _ = rand.Read(seed[:])                                                                               // never fails
	r := request{Params: engine.Params{Temperature: 1, TopP: 1, Seed: binary.LittleEndian.Uint64(seed[:])}} // the defaults of the API
	fields, err := object(body)
	if err != nil {
		return r, err
	}
	limits := 0
	for name, raw := range fields {
		if string(raw) == "null" && name != "messages" && name != "model" {
			continue // absent
		}
		var err error
		switch name {
		case "model":
			err = decode(raw, &r.Model)
		case "messages":
			r.Messages, err = messages(raw)
		case "stream":
			err = decode(raw, &r.Stream)
		case "stream_options":
			r.Usage, err = streamOptions(raw)
		case "max_tokens", "max_completion_tokens":
			limits++
			if err = decode(raw, &r.Params.MaxTokens); err == nil && r.Params.MaxTokens < 1 {
				err = errors.New("is below 1")
			}
		case "temperature":
			err = number(raw, &r.Params.Temperature, 2)
		case "top_p":
			if err = number(raw, &r.Params.TopP, 1); err == nil && r.Params.TopP == 0 {
				r.Params.TopP = 1e-9 // only the most likely token; 0 is "all" to the engine
			}
		case "seed":
			var seed int64
			err = decode(raw, &seed)
			r.Params.Seed = uint64(seed)
		case "user": // names the caller's user; nothing depends on it
			var user string
			err = decode(raw, &user)
		case "n":
			err = neutral(raw, "1")
		case "logprobs", "store", "parallel_tool_calls":
			err = neutral(raw, "false")
		case "presence_penalty", "frequency_penalty":
			var penalty float64
			if err = decode(raw, &penalty); err == nil && penalty != 0 {
				err = errUnsupported
			}
		case "response_format":
			var f map[string]string
			if decode(raw, &f) != nil || len(f) != 1 || f["type"] != "text" {
				err = errUnsupported
			}
		default:
			err = errUnsupported
		}
		if err := fieldError(name, err); err != nil {
			return r, err
		}
	}
	switch {
	case r.Model == "":
		return r, invalid("model", "", "model is missing")
	case len(r.Messages) == 0:
		return r, invalid("messages", "", "messages are missing")
	case limits == 2:
		return r, invalid("max_tokens", "", "max_tokens and max_completion_tokens exclude each other")
	case r.Usage && !r.Stream:
		return r, invalid("stream_options", "", "stream_options needs stream")
	}
	return r, nil
}

var errUnsupported = errors.New("is not supported with this value")

// fieldError puts the name of the field to what is wrong with it.
func fieldError(name string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*apiError](err); ok {
		return e
	}
	if !known(name) {
		return invalid("", "unsupported_parameter", "a parameter is not supported") // its name is the caller's text
	}
	code := ""
	if errors.Is(err, errUnsupported) {
		code = "unsupported_parameter"
	}
	return invalid(name, code, fmt.Sprintf("%s %v", name, err))
}

// known reports whether name is a parameter of the API that may be named in an answer.
func known(name string) bool {
	switch name {
	case "model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "temperature", "top_p", "seed", "user",
		"n", "logprobs", "top_logprobs", "store", "parallel_tool_calls", "presence_penalty", "frequency_penalty", "response_format",
		"tools", "tool_choice", "functions", "function_call", "stop", "logit_bias", "modalities", "audio", "prediction":
		return true
	}
	return false
}

func messages(raw json.RawMessage) ([]engine.Message, error) {
	var list []json.RawMessage
	if err := decode(raw, &list); err != nil {
		return nil, err
	}
	if len(list) > maxMessages {
		return nil, fmt.Errorf("are more than %d", maxMessages)
	}
	out := make([]engine.Message, 0, len(list))
	for _, raw := range list {
		fields, err := object(raw)
		if err != nil {
			return nil, err
		}
		var m engine.Message
		for name, raw := range fields {
			switch name {
			case "role":
				err = decode(raw, &m.Role)
			case "content":
				m.Content, err = content(raw)
			default:
				err = errors.New("have a field that is not supported")
			}
			if err != nil {
				return nil, err
			}
		}
		if _, ok := fields["content"]; !ok {
			return nil, errors.New("have no content")
		}
		out = append(out, m)
	}
	return out, nil
}

// content reads a text or a list of text parts.
func content(raw json.RawMessage) (string, error) {
	var text string
	if decode(raw, &text) == nil {
		return text, nil
	}
	var parts []json.RawMessage
	if err := decode(raw, &parts); err != nil {
		return "", err
	}
	for _, raw := range parts {
		fields, err := object(raw)
		if err != nil {
			return "", err
		}
		var kind, part string
		if len(fields) != 2 || decode(fields["type"], &kind) != nil || kind != "text" || decode(fields["text"], &part) != nil {
			return "", errors.New("have a part other than text")
		}
		text += part
	}
	return text, nil
}

func streamOptions(raw json.RawMessage) (usage bool, err error) {
	fields, err := object(raw)
	if err != nil {
		return false, err
	}
	for name, raw := range fields {
		if name != "include_usage" {
			return false, errUnsupported
		}
		err = decode(raw, &usage)
	}
	return usage, err
}

func number(raw json.RawMessage, v *float64, most float64) error {
	if err := decode(raw, v); err != nil {
		return err
	}
	if *v < 0 || *v > most {
		return fmt.Errorf("is outside 0 to %v", most)
	}
	return nil
}

// neutral accepts the one value that asks for nothing.
func neutral(raw json.RawMessage, value string) error {
	if string(raw) != value {
		return errUnsupported
	}
	return nil
}

func decode(raw json.RawMessage, v any) error {
	if len(raw) == 0 || string(raw) == "null" || json.Unmarshal(raw, v) != nil {
		return errors.New("has the wrong type")
	}
	return nil
}

// object reads one JSON object by its exact keys: a key twice, invalid UTF-8 or bytes after it are refused.
func object(data []byte) (map[string]json.RawMessage, error) {
	bad := invalid("", "", "body is not a JSON object that every reader reads alike")
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') || !utf8.Valid(data) {
		return nil, bad
	}
	fields := map[string]json.RawMessage{}
	for d.More() {
		key, err := d.Token()
		name, ok := key.(string)
		if err != nil || !ok {
			return nil, bad
		}
		var value json.RawMessage
		if _, dup := fields[name]; dup || d.Decode(&value) != nil {
			return nil, bad
		}
		fields[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, bad
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, bad
	}
	return fields, nil
}
