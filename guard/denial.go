package guard

import (
	"net/http"

	"github.com/holdfast-ai/holdfast/guard/api"
)

func upstream(err error) *Rejection {
	return &Rejection{Code: CodeUpstream, Status: http.StatusBadGateway, Err: err}
}

// problem is what the caller is told.
func (r *Rejection) problem() api.Problem {
	message := "The request is not valid."
	switch r.Code {
	case CodeContent:
		message = "The content was refused by policy."
	case CodeRoute:
		message = "This endpoint is not available."
	case CodeMedia:
		message = "The body must be plain JSON in UTF-8."
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
