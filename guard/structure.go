package guard

import (
	"errors"
	"math"
	"net/http"
	"slices"
	"strconv"

	"github.com/holdfast-ai/holdfast/guard/api"
)

// structure checks what a request asks for beside text.
func (t *Transaction) structure(r *api.Request) *Rejection {
	s, p := t.pol.Structure, &r.Params
	switch {
	case t.pol.Models != nil && t.kind != KindInfer && !slices.Contains(t.pol.Models, p.Model):
		return refuse("model", whyAllowed)
	case p.N > s.MaxChoices:
		return refuse("n", whyMax)
	case p.BestOf > s.MaxChoices:
		return refuse("best_of", whyMax)
	case p.ContextTokens > t.pol.Limits.MaxInputTokens+t.pol.Limits.MaxOutputTokens:
		return refuse("num_ctx", whyMax)
	}
	// Log probabilities together with a bias on logits give a model's last layer away, a few numbers at a time.
	t.biased, t.probs = p.LogitBias > 0, -1
	if p.Logprobs || p.TopLogprobs > 0 {
		if t.probs = int(p.TopLogprobs); p.TopLogprobs > s.MaxLogprobs || s.MaxLogprobs < 0 || t.biased {
			return refuse("logprobs", whyAllowed)
		}
	}
	for _, ids := range r.Tokens {
		text := t.g.words(ids.IDs)
		r.Spans = append(r.Spans, Span{Role: roleUser, Trust: trustUser, Offset: ids.Offset, Text: text}) // behind Inner: the ids are counted, not the text
	}
	if t.images = 0; len(r.Media) > 0 {
		var err error
		if t.images, err = t.pol.Media.check(r.Media); err != nil {
			return t.outside(err)
		}
	}
	for _, name := range r.Tools {
		if t.pol.tool(string(name)) == nil {
			return refuse("tools", whyAllowed)
		}
	}
	if t.g.specs != nil && t.kind == KindInfer {
		if rej := inputs(t.g.specs, r.Tensors); rej != nil {
			return rej
		}
	}
	if t.g.tensors != nil && len(r.Tensors) > 0 {
		return t.outside(t.g.tensors(t.ctx, r.Tensors))
	}
	return nil
}

// outside judges the error of a check that was given as an option.
func (t *Transaction) outside(err error) *Rejection {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, api.ErrRequest):
		return invalid(err)
	case errors.Is(err, ErrUnavailable):
		return &Rejection{Code: CodeUnavailable, Status: http.StatusServiceUnavailable, Err: err}
	}
	return internal(err)
}

// firewall checks the numbers of an answer, and lists what must be changed in it: log probabilities are rounded, and what
// gives texts away in another form is emptied.
func (t *Transaction) firewall(a *api.Answer, data []byte) ([]api.Splice, *Rejection) {
	for _, v := range a.Vectors {
		if math.IsNaN(v.Norm) || math.IsInf(v.Norm, 0) || v.Norm == 0 && v.Len > 0 {
			return nil, upstream(errNumbers)
		}
		if t.pol.Structure.UnitEmbeddings && math.Abs(v.Norm-1) > 0.01 {
			return nil, upstream(errNumbers)
		}
	}
	if len(a.Logprobs) == 0 && len(a.Drop) == 0 {
		return nil, nil
	}
	if len(a.Logprobs) > 0 && (t.probs < 0 || a.TopMost > max(t.probs, 1)) {
		return nil, upstream(errLogprobs)
	}
	var out []api.Splice
	for _, r := range a.Logprobs {
		v, err := strconv.ParseFloat(string(data[r.Start:r.End]), 64)
		if err != nil {
			return nil, upstream(errNumbers)
		}
		step := t.pol.Structure.LogprobStep
		if v = math.Round(v/step) * step; v == 0 {
			v = 0 // not -0
		}
		out = append(out, api.Splice{Range: r, With: strconv.FormatFloat(v, 'f', 4, 64)})
	}
	for _, r := range a.Drop {
		out = append(out, api.Splice{Range: r, With: "[]"})
	}
	return sorted(out), nil
}

var (
	errNumbers  = errors.New("guard: numbers of the answer are not finite, all zero, or not normalised")
	errLogprobs = errors.New("guard: log probabilities that were not asked for")
)
