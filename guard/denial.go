package guard

import (
	"errors"
	"net/http"

	"github.com/holdfast-ai/holdfast/guard/api"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

func upstream(err error) *Rejection {
	return &Rejection{Code: CodeUpstream, Status: http.StatusBadGateway, Err: err}
}

// problem is what the caller is told.
func (r *Rejection) problem() api.Problem {
	message := "The request is not valid."
	switch r.Code {
	case CodeInvalid:
		message = r.why()
	case CodeContent:
		message = "The content was refused by policy."
	case CodeRoute:
		message = "This endpoint is not available."
	case CodeMedia:
		message = "The body must be JSON in UTF-8, with Content-Type: application/json, and not compressed in a way that is unknown here."
	case CodeTooLarge:
		message = "The request is too large."
	case CodeInputTokens:
		message = "The request has more tokens than are allowed."
	case CodeLimit:
		message = "A limit was reached. Try again later."
	case CodeInternal, CodeUpstream:
		message = "The server could not complete the request."
	case CodeUnavailable, CodeTimeout:
		message = "The server cannot complete the request now."
	}
	return api.Problem{Status: r.Status, Code: r.Code, Message: message, Param: r.Param}
}

// why says what is not valid: the field and the constraint, or where the JSON ends to be any. Neither is a value of the request.
func (r *Rejection) why() string {
	if f, ok := errors.AsType[*api.FieldError](r.Err); ok {
		return "The request is not valid: " + f.Field + " (" + f.Why + ")."
	}
	if s, ok := errors.AsType[*strictjson.SyntaxError](r.Err); ok {
		return "The request is not valid: " + s.Error() + "."
	}
	if r.Param != "" {
		return "The request is not valid: " + r.Param + "."
	}
	return "The request is not valid."
}

// AppendError appends the body of the response that tells the caller of a denial before anything was sent, as JSON in the
// form of the API.
func (t *Transaction) AppendError(dst []byte, r *Rejection) []byte {
	return t.dialect().AppendError(dst, r.problem())
}

// AppendDenial appends what ends a stream that was denied after it began, so that client libraries raise their typed
// error.
func (t *Transaction) AppendDenial(dst []byte, r *Rejection) []byte {
	p := r.problem()
	p.Event = t.number + 1
	return t.dialect().AppendDenial(dst, p)
}

func (t *Transaction) dialect() api.Dialect {
	if t.api == nil {
		return api.Errors("")
	}
	return t.api
}
