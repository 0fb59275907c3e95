package guard

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"net/http"
	"time"

	"github.com/holdfast-ai/holdfast/guard/api"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// A Request is what is known before the body.
type Request struct {
	Method     string
	Path       string      // decoded, exactly as the upstream's router will read it
	Ambiguous  bool        // the path was spelt so that routers may read it differently, or a query follows it
	Header     http.Header // not changed
	Length     int64       // of the body in bytes; -1 = unknown
	RemoteAddr string      // "host:port" of the connection
	Caller     string      // who was authenticated, "" = nobody; see package caller
	Tenant     string      // to whom the caller belongs; may be empty
}

// Request decides about method, path, headers and framing, and lets the request in.
func (t *Transaction) Request(r *Request) (v Verdict) {
	defer t.fault(&v)
	if rej := t.enter(begun, requested); rej != nil {
		return t.verdict(rej)
	}
	return t.verdict(t.request(r))
}

func (t *Transaction) request(r *Request) *Rejection {
	kind, route, ok := t.pol.route(r.Method, r.Path)
	if t.api = t.pol.dialects[kind]; t.api == nil {
		t.api = api.Errors(r.Path)
	}
	if r.Ambiguous || !clean(r.Path) {
		return &Rejection{Code: CodeRoute, Status: http.StatusNotFound, Err: errSpelling}
	}
	if !ok {
		return &Rejection{Code: CodeRoute, Status: http.StatusNotFound, Err: errNoRoute}
	}
	t.kind, t.sum.Kind, t.header = kind, kind, r.Header
	if rej := t.framing(r); rej != nil {
		return rej
	}
	name := t.caller(r)
	if name == "" {
		return &Rejection{Code: CodeLimit, Status: http.StatusForbidden, Err: errNobody}
	}
	t.key = t.g.hash(name)
	t.subject = t.g.subject(r, route, t.key)
	t.sum.KeyHash = binary.BigEndian.Uint64(t.key[:])
	if t.inside = t.g.gate.Enter(t.subject.Key); !t.inside {
		return &Rejection{Code: CodeLimit, Status: http.StatusTooManyRequests, RetryAfter: time.Second, Err: errBusy}
	}
	return nil
}

// hash keys the name of a caller, so that none is kept or logged.
func (g *Guard) hash(name string) [32]byte {
	var buf [256]byte
	return sha256.Sum256(append(append(buf[:0], g.secret[:]...), name...))
}

// RequestBody decides about the whole body. What it allows must be forwarded byte for byte. body must not change until
// the call returns.
func (t *Transaction) RequestBody(body []byte) (v Verdict) {
	defer t.fault(&v)
	if rej := t.enter(requested, bodied); rej != nil {
		return t.verdict(rej)
	}
	t.sum.BodyBytes = len(body)
	if t.kind == KindPass {
		t.sum.Skipped = true
		if len(body) > 0 {
			return t.verdict(refuse("body", whyAllowed))
		}
		return t.verdict(nil)
	}
	from := time.Now()
	rej := t.content(body)
	t.sum.Checking = time.Since(from)
	v = t.verdict(rej)
	if rej == nil && t.sum.Redacted {
		v.Body = t.st.edited
	}
	return v
}

// content decides about a body that is read.
func (t *Transaction) content(body []byte) *Rejection {
	if len(body) > t.pol.Limits.MaxBodyBytes {
		return tooLarge(errBodySize)
	}
	if rej := t.parse(body); rej != nil {
		return rej
	}
	in, out, rej := t.cost()
	if rej != nil {
		return rej
	}
	if rej := t.inspect(); rej != nil {
		return rej
	}
	if rej := t.redact(body); rej != nil {
		return rej
	}
	return t.reserve(in, out)
}

// parse reads the body and checks everything that is not text.
func (t *Transaction) parse(body []byte) *Rejection {
	r := &t.st.request
	if err := t.api.Request(r, body, t.header, api.Options{
		TrustSystemRole: t.pol.TrustSystemRole, Media: t.pol.Media != nil, TokenIDs: t.g.words != nil, Vocabulary: t.pol.Structure.Vocabulary,
	}); err != nil {
		return invalid(err)
	}
	if err := t.g.check.Params(&r.Params); err != nil {
		return invalid(err)
	}
	if err := r.Grammars(t.pol.Structure.MaxGrammarBytes, t.pol.Structure.MaxRepeats); err != nil {
		return invalid(err)
	}
	return t.structure(r)
}

// inspect runs the detectors over the parsed request and judges what they find.
func (t *Transaction) inspect() *Rejection {
	from := len(t.st.findings)
	var err error
	var missed int
	t.st.findings, missed, err = t.pol.inspect(t.ctx, t.kind, View{Spans: t.st.request.Spans}, t.st.findings)
	t.missed(missed)
	switch {
	case errors.Is(err, ErrUnavailable):
		return &Rejection{Code: CodeUnavailable, Status: http.StatusServiceUnavailable, Err: err}
	case err != nil:
		return internal(err)
	}
	return t.judge(from, t.pol.mode)
}

// missed counts checks that could not be done.
func (t *Transaction) missed(n int) {
	t.sum.Missed += n
	t.sum.Skipped = t.sum.Skipped || n > 0
}

// cost holds the request against the token limits. Neither count can overflow: fields and limits are bounded.
func (t *Transaction) cost() (in, out int64, rej *Rejection) {
	r := &t.st.request
	for _, s := range r.Spans[:r.Inner] {
		n := int64(t.g.tokens(s.Text))
		if n < 0 || n > int64(len(s.Text))+8 {
			return 0, 0, internal(errors.New("guard: impossible token count"))
		}
		in += n
	}
	for _, ids := range r.Tokens { // many have no text: padding, and what a detokenizer leaves out
		in += int64(len(ids.IDs))
	}
	in += 4*int64(r.Params.Messages) + t.images // role and delimiters of a turn
	t.sum.Input = in
	if in > t.pol.Limits.MaxInputTokens {
		return 0, 0, &Rejection{Code: CodeInputTokens, Status: http.StatusBadRequest, Param: "messages", Err: errInput}
	}
	most := t.pol.Limits.MaxOutputTokens
	if out = r.Params.OutputTokens() * r.Params.Choices(); out > most {
		return 0, 0, refuse("max_tokens", whyMax)
	}
	if least := r.Params.MinTokens; least*r.Params.Choices() > or(out, most) {
		return 0, 0, refuse("min_tokens", whyMax)
	}
	if out == 0 && generates(t.kind) {
		out = most
	}
	return in, out, nil
}

// generates reports whether answers of a kind are made token by token.
func generates(k Kind) bool { return k != KindEmbeddings && k != KindEmbed && k != KindInfer }

// invalid answers a body that does not follow its format.
func invalid(err error) *Rejection {
	r := &Rejection{Code: CodeInvalid, Status: http.StatusBadRequest, Err: err}
	if f, ok := errors.AsType[*api.FieldError](err); ok {
		r.Param = f.Field
	} else if _, ok := errors.AsType[*strictjson.SyntaxError](err); !ok {
		return internal(err)
	}
	return r
}
