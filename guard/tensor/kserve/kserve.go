// Package kserve reads the tensors of an inference request of the KServe v2 protocol (Open Inference Protocol, HTTP/REST),
// JSON and binary extension, so that package tensor can check them before the model server sees them:
//
//	var r kserve.Request
//	if err := r.Parse(body, kserve.HeaderLength(header)); err != nil { … }
//	if err := specs.Check(r.Views()); err != nil { … }
//
// Binary tensors are views into the body: what was checked is what is forwarded. JSON tensors are converted once, by the
// rules that leave no reader a choice: a number that its type cannot hold, rounds to zero or infinity, or that only some
// readers take for an integer is refused. Tensors whose bytes are not in the request (shared memory) are refused.
package kserve

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/holdfast-ai/holdfast/guard/tensor"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// ErrRequest means that a request is refused; every [*Error] unwraps to it.
var ErrRequest = errors.New("kserve: refused")

// An Error says what about a request was refused. It holds no values.
type Error struct {
	Rule  string // one of the Rule constants
	Input int    // index of the input, -1 = the whole request
	Err   error  // the cause, may be nil
}

// Rules of an [Error]. They are stable.
const (
	RuleJSON         = "json"
	RuleUTF8         = "utf8"
	RuleDepth        = "depth"
	RuleDuplicate    = "duplicate"     // key, input name, or data given in both forms
	RuleField        = "field"         // a member that the protocol does not have
	RuleType         = "type"          // a value of another kind than its member or datatype has
	RuleShape        = "shape"         // not a list of integers from 1 on, too many, or their product is too large
	RuleDType        = "dtype"         // unknown, or without a JSON form
	RuleCount        = "count"         // no inputs, or other elements than the shape says
	RuleRange        = "range"         // a number that the datatype cannot hold exactly enough
	RuleNumberLength = "number-length" // more characters than any number needs
	RuleBinarySize   = "binary-size"   // sizes of binary tensors that do not fill the rest of the body
	RuleHeaderLength = "header-length" // Inference-Header-Content-Length is not within the body
	RuleSharedMemory = "shared-memory"
	RuleSize         = "size" // beyond a limit of [Limits]
)

// Error names the rule and the input, and no value.
func (e *Error) Error() string {
	if e.Input >= 0 {
		return fmt.Sprintf("kserve: refused: %s (input %d)", e.Rule, e.Input)
	}
	return "kserve: refused: " + e.Rule
}

// Unwrap returns [ErrRequest] and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrRequest}
	}
	return []error{ErrRequest, e.Err}
}

// NoHeader is the header length of a request without the binary extension.
const NoHeader = -1

// badHeader is a header length that no request can have.
const badHeader = -2

// HeaderLength returns the value of [Header], [NoHeader] where it is absent, and a value that
// [Request.Parse] refuses where it is malformed or given twice.
func HeaderLength(h http.Header) int64 {
	values := h[Header]
	if len(values) == 0 {
		return NoHeader
	}
	n, err := strconv.ParseUint(values[0], 10, 63)
	if err != nil || len(values) > 1 || values[0] != strconv.FormatUint(n, 10) {
		return badHeader
	}
	return int64(n)
}

// Bounds of a message, which hold for every reader of this protocol in the guard: two of them with other bounds would be two
// meanings of one message. The rank is bounded by [tensor.MaxRank], and a dimension of 0 is refused: backends take it for any
// size, for an empty tensor, or fall over it.
const (
	MaxInputs   = 256     // tensors of a message: models of tables have one for each column
	MaxName     = 1024    // bytes of the name of a tensor
	MaxElements = 1 << 20 // of all JSON tensors of a request together: each costs some 25 ns to convert
)

// Header is the HTTP header that gives the length of the JSON in front of binary tensors (KServe v2, binary tensor data
// extension).
const Header = "Inference-Header-Content-Length"

// Limits bound what a request may cost. A zero field takes the default.
type Limits struct {
	MaxInputs   int   // default [MaxInputs]
	MaxElements int64 // default [MaxElements]
	MaxJSON     int   // bytes of the JSON part; default 32 MiB
}

const (
	defaultJSON = 32 << 20
	// maxDepth is what the protocol needs: the request, its inputs, one of them, and nested data of the largest rank.
	maxDepth = 3 + tensor.MaxRank
	// maxNumber is the length of a number: the longest that a float64 needs is 24 characters.
	maxNumber = 64
)

// A Request holds the tensors of one request. The zero value is ready; a Request can be used again and then keeps its
// memory. It is not safe for concurrent use.
type Request struct {
	Limits Limits
	// Inputs are in the order of the request. They alias the body and the Request's own memory.
	Inputs []Input

	views   []tensor.View
	scratch []byte
	shapes  []int64
	body    walker
}

// An Input is one tensor of a request.
type Input struct {
	tensor.View
	Binary bool // the view aliases the body; else it was converted from JSON
	Start  int  // offset of its data in the body, in bytes
	End    int
}

// Views returns the tensors for [tensor.Specs.Check]. The slice is valid until the next Parse.
func (r *Request) Views() []tensor.View {
	r.views = r.views[:0]
	for i := range r.Inputs {
		r.views = append(r.views, r.Inputs[i].View)
	}
	return r.views
}

// Parse reads the body of a request whose JSON part has headerLength bytes, as [HeaderLength] gives it. Whether the
// tensors are what a model accepts, finite values included, is for [tensor.Spec.Check] to say. body must not change while
// the Request is in use. Errors: a [*Error].
func (r *Request) Parse(body []byte, headerLength int64) error {
	r.Inputs, r.scratch, r.shapes = r.Inputs[:0], r.scratch[:0], r.shapes[:0]
	err := r.parse(body, headerLength)
	if err != nil {
		r.Inputs = r.Inputs[:0]
	}
	return err
}

func (r *Request) parse(body []byte, headerLength int64) error {
	header := body
	if headerLength != NoHeader {
		if headerLength <= 0 || headerLength > int64(len(body)) {
			return &Error{Rule: RuleHeaderLength, Input: -1}
		}
		header = body[:headerLength]
	}
	w := &r.body
	w.reset(header, r.max())
	limits := strictjson.Limits{MaxBytes: or(r.Limits.MaxJSON, defaultJSON), MaxDepth: maxDepth}
	if err := strictjson.Walk(header, limits, w); err != nil {
		return asError(err)
	}
	if w.list {
		return &Error{Rule: RuleType, Input: -1}
	}
	if len(w.inputs) == 0 {
		return &Error{Rule: RuleCount, Input: -1}
	}
	rest := body[len(header):]
	elements := or(r.Limits.MaxElements, MaxElements)
	for i := range w.inputs {
		rule, err := r.input(&w.inputs[i], header, &rest, len(body), &elements)
		if rule != "" {
			return &Error{Rule: rule, Input: i, Err: err}
		}
		for k := range i {
			if r.Inputs[k].Name == r.Inputs[i].Name {
				return &Error{Rule: RuleDuplicate, Input: i}
			}
		}
	}
	if len(rest) > 0 {
		return &Error{Rule: RuleBinarySize, Input: -1}
	}
	return nil
}

func (r *Request) max() int { return or(r.Limits.MaxInputs, MaxInputs) }

func or[T int | int64](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

// asError gives errors of the scanner their rule.
func asError(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	rule := RuleJSON
	switch {
	case errors.Is(err, strictjson.ErrDuplicate):
		rule = RuleDuplicate
	case errors.Is(err, strictjson.ErrUTF8):
		rule = RuleUTF8
	case errors.Is(err, strictjson.ErrDepth):
		rule = RuleDepth
	case errors.Is(err, strictjson.ErrSize):
		rule = RuleSize
	}
	return &Error{Rule: rule, Input: -1, Err: err}
}
